// How a function of ours fails: it returns an Error, once, to the caller who can do something about
// it.
//
// No exception crosses a module's edge: an adapter catches what its third-party library throws and
// returns an Error. An error is either returned or handled (logged, reported, retried), never both.
// The message says what failed, on what, and what was expected; callers add context as it travels
// up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace lander::base {

// What a caller can do differently; the text is for people.
enum class Code {
  kInvalid,          // the input is wrong: the caller must change it
  kNotFound,         // no such thing
  kExists,           // it is there already
  kUnauthenticated,  // who are you?
  kDenied,           // you may not
  kConflict,         // it changed meanwhile, or contradicts what is there
  kExhausted,        // a bound was reached: size, rate, disk, queue
  kUnavailable,      // try again later
  kTimeout,          // took longer than allowed
  kCorrupt,          // bytes at rest or from outside do not verify
  kIo,               // the operating system refused
  kUnsupported,      // valid, but not by this version
  kInternal,         // our own mistake, reported instead of aborting
};

std::string_view to_string(Code code);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // "opening site.db: disk full": the context goes in front.
  Error context(std::string_view what) const {
    return Error(code_, std::string(what) + ": " + message_);
  }

 private:
  Code code_;
  std::string message_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit by design: `return value;` and `return Error(...);`.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    LANDER_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    LANDER_CHECK(ok());
    return std::get<0>(state_);
  }
  // By value: `for (auto& x : *list())` and `auto& x = *find()` must not keep a piece of a
  // temporary.
  T value() && {
    LANDER_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    LANDER_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    LANDER_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace lander::base

#define LANDER_CONCAT_(a, b) a##b
#define LANDER_CONCAT(a, b) LANDER_CONCAT_(a, b)

// LANDER_TRY(expr): returns expr's error from this function, if it has one.
#define LANDER_TRY(...)                                                                        \
  do {                                                                                         \
    if (auto lander_status = (__VA_ARGS__); !lander_status.ok()) return lander_status.error(); \
  } while (0)

// LANDER_ASSIGN(auto x, expr): x = expr's value, or returns its error.
#define LANDER_ASSIGN(lhs, ...) \
  LANDER_ASSIGN_(LANDER_CONCAT(lander_result_, __LINE__), lhs, __VA_ARGS__)
#define LANDER_ASSIGN_(tmp, lhs, ...) \
  auto tmp = (__VA_ARGS__);           \
  if (!tmp.ok()) return tmp.error();  \
  lhs = std::move(tmp).value()
