#include "source/json_leaves.h"

#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Status;
using Leaf = std::function<bool(std::string_view, const Raw&)>;

// nlohmann's SAX interface; its numbers are 64-bit, its texts are checked UTF-8.
class Walker {
 public:
  explicit Walker(const Leaf& leaf) : leaf_(leaf) {}

  bool null() { return tell(std::monostate()); }
  bool boolean(bool value) { return tell(value); }
  bool number_integer(std::int64_t value) { return tell(value); }
  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return tell(static_cast<double>(value));
    return tell(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string&) { return tell(value); }
  bool string(std::string& value) { return tell(std::string_view(value)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(-1); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(0); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    path_.resize(levels_.back().path_size);
    path_ += '/';
    for (const char c : name) {
      if (c == '~') {
        path_ += "~0";
      } else if (c == '/') {
        path_ += "~1";
      } else {
        path_ += c;
      }
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& e) {
    std::string_view what =
        e.what();  // "[json.exception.parse_error.101] parse error at ...: syntax"
    if (const auto at = what.rfind(": "); at != what.npos) what.remove_prefix(at + 2);
    error_ = "offset " + std::to_string(position > 0 ? position - 1 : 0) + ": not JSON (" +
             printable(what, 100) + ")";
    return false;
  }
  const std::string& error() const { return error_; }
  bool ended_early() const { return ended_; }

 private:
  struct Level {
    std::size_t path_size;
    std::int64_t index;  // of the next element; -1: an object
  };

  void begin_value() {
    if (levels_.empty() || levels_.back().index < 0) return;
    path_.resize(levels_.back().path_size);
    path_ += '/' + std::to_string(levels_.back().index++);
  }
  bool tell(const Raw& value) {
    begin_value();
    ended_ = !leaf_(path_, value);
    return !ended_;
  }
  bool open(std::int64_t index) {
    begin_value();
    if (levels_.size() >= kMaxJsonDepth) {
      error_ = "JSON nested deeper than " + std::to_string(kMaxJsonDepth);
      return false;
    }
    levels_.push_back({path_.size(), index});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  const Leaf& leaf_;
  std::string path_, error_;
  std::vector<Level> levels_;
  bool ended_ = false;
};

// NaN, the infinities and numbers beyond a double become what JSON has, texts are left alone.
// Empty: there was nothing of the kind. Longer names stand first.
std::string without_non_numbers(std::string_view text) {
  std::string out;
  bool changed = false, quoted = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    std::size_t taken = 1;
    if (quoted && rest.front() == '\\' && rest.size() > 1) {
      taken = 2;
    } else if (rest.front() == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      for (const std::string_view name : {"-Infinity", "Infinity", "NaN", "nan", "-inf", "inf"}) {
        if (!rest.starts_with(name)) continue;
        out += "null";
        changed = true;
        taken = 0;
        i += name.size();
        break;
      }
      if (taken == 0) continue;
      const auto number = rest.substr(0, rest.find_first_not_of("+-.0123456789eE"));
      if (number.size() > 1 &&
          (rest.front() == '-' || (rest.front() >= '0' && rest.front() <= '9'))) {
        const auto value = parse_number(number);
        const bool beyond = value && std::abs(*value) > std::numeric_limits<double>::max();
        out += beyond ? std::string_view("null") : number;
        changed |= beyond;
        i += number.size();
        continue;
      }
    }
    out += rest.substr(0, taken);
    i += taken;
  }
  return changed ? out : std::string();
}

}  // namespace

Status walk_json(std::string_view text, const Leaf& leaf) {
  const auto run = [&](std::string_view input, Walker& walker) {
    return nlohmann::json::sax_parse(input.begin(), input.end(), &walker);
  };
  try {
    Walker walker(leaf);
    if (run(text, walker) || walker.ended_early()) return {};
    const std::string tamed = without_non_numbers(text);
    if (!tamed.empty()) {  // leaves are told again, from the start
      Walker second(leaf);
      if (run(tamed, second) || second.ended_early()) return {};
    }
    return Error(Code::kInvalid, walker.error());
  } catch (const std::exception& e) {
    return Error(Code::kInvalid, "not JSON: " + printable(e.what(), 100));
  }
}

Status valid_pointer(std::string_view pointer) {
  const std::string quoted = "JSON pointer \"" + printable(pointer, 200) + "\": ";
  if (!pointer.empty() && pointer.front() != '/')
    return Error(Code::kInvalid, quoted + "expected \"/\" in front");
  for (std::size_t i = 0; i < pointer.size(); ++i)
    if (pointer[i] == '~' &&
        (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')))
      return Error(Code::kInvalid, quoted + "after \"~\" expected 0 or 1");
  return {};
}

}  // namespace lander::source
