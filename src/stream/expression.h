// The expression language of pipelines: numbers only, NaN = missing. docs/formats/pipeline.md,
// "Expressions". Compiled once to a flat program; evaluate() neither fails nor allocates.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lander::stream {

inline constexpr std::size_t kMaxExpressionBytes = 1024;
inline constexpr std::size_t kMaxExpressionDepth = 32;  // of parentheses, calls, signs

class Expression {
 public:
  // The slot of a name, or -1. A mistake: kInvalid, "... at character 7"; characters count from 1.
  using Lookup = std::function<int(std::string_view name)>;
  static base::Result<Expression> parse(std::string_view text, const Lookup& lookup);

  double evaluate(std::span<const double> slots) const;
  const std::vector<int>& slots() const { return slots_; }  // those that are read, each once

 private:
  friend class ExpressionParser;
  enum class Op : std::uint8_t {
    kNumber,
    kSlot,
    kNegate,
    kNot,
    kAbs,
    kSqrt,
    kLog,
    kExp,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kPower,
    kMin,
    kMax,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kUnequal,
    kAnd,
    kOr,
    kIf,
  };
  struct Instruction {
    Op op;
    int slot = 0;
    double number = 0;
  };
  static double unary(Op op, double a);
  static double binary(Op op, double a, double b);

  std::vector<Instruction> program_;  // postfix
  std::vector<int> slots_;
};

// [a-z][a-z0-9_]{0,62}, and no word of the language: names of ports and nodes.
base::Status valid_name(std::string_view name);

}  // namespace lander::stream
