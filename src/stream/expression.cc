#include "stream/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/suggest.h"

namespace lander::stream {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
// Each open level holds at most a few operands: || && < + * ^ and those of a call.
constexpr std::size_t kStack = 10 * kMaxExpressionDepth;
constexpr std::string_view kWords[] = {"and", "or",  "not",  "if",  "abs",
                                       "min", "max", "sqrt", "log", "exp"};

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

// A result that no sensor could give is missing: 1/0, log(-1), overflow.
double finite(double value) { return std::isfinite(value) ? value : kMissing; }

}  // namespace

base::Status valid_name(std::string_view name) {
  const auto wrong = [&](const std::string& why) {
    return base::Error(base::Code::kInvalid, "name " + base::quoted(name) + " " + why);
  };
  const bool shape = !name.empty() && name.size() <= 63 && name[0] >= 'a' && name[0] <= 'z' &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
                     });
  if (!shape) {
    return wrong("is no name: expected a-z, then a-z, 0-9 or _, at most 63 characters");
  }
  if (std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords)) {
    return wrong("is a word of the expression language; choose another");
  }
  return {};
}

// Recursive descent; each level of precedence is one function. After the first mistake the rest is
// skipped: failed() ends every loop.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, const Expression::Lookup& lookup)
      : text_(text), lookup_(lookup) {}

  base::Result<Expression> parse() {
    if (text_.size() > kMaxExpressionBytes) {
      return base::Error(base::Code::kInvalid, "an expression of over 1024 characters");
    }
    disjunction();
    skip_blanks();
    if (!failed() && at_ < text_.size()) fail("expected an operator or the end");
    if (failed()) return base::Error(base::Code::kInvalid, error_);
    return std::move(out_);
  }

 private:
  using Op = Expression::Op;

  bool failed() const { return !error_.empty(); }
  void fail(const std::string& what, std::size_t place) {
    if (!failed()) error_ = what + " at character " + std::to_string(place + 1);
  }
  void fail(const std::string& expected) {
    fail(expected + (at_ < text_.size() ? ", found " + base::quoted(text_.substr(at_, 1)) : ""),
         at_);
  }
  void emit(Op op) { out_.program_.push_back({op}); }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
      ++at_;
    }
  }
  bool take(std::string_view symbol) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    if (begins_name(symbol[0]) && at_ + symbol.size() < text_.size() &&
        continues_name(text_[at_ + symbol.size()])) {
      return false;
    }
    at_ += symbol.size();
    return true;
  }
  void expect(std::string_view symbol) {
    if (!failed() && !take(symbol)) fail("expected \"" + std::string(symbol) + "\"");
  }

  // Guards the recursion, and with it the evaluation's stack.
  bool enter() {
    if (++depth_ > kMaxExpressionDepth) fail("nested deeper than 32 levels", at_);
    return !failed();
  }

  void disjunction() {
    conjunction();
    while (!failed() && take("or")) {
      conjunction();
      emit(Op::kOr);
    }
  }
  void conjunction() {
    negation();
    while (!failed() && take("and")) {
      negation();
      emit(Op::kAnd);
    }
  }
  void negation() {
    if (!take("not")) return comparison();
    if (enter()) negation();
    --depth_;
    emit(Op::kNot);
  }
  bool take_comparison(Op& op) {
    static constexpr std::pair<std::string_view, Op> kSymbols[] = {
        {"<=", Op::kLessEqual}, {">=", Op::kGreaterEqual}, {"==", Op::kEqual},
        {"!=", Op::kUnequal},   {"<", Op::kLess},          {">", Op::kGreater}};
    for (const auto& [symbol, meaning] : kSymbols) {
      if (take(symbol)) {
        op = meaning;
        return true;
      }
    }
    return false;
  }
  void comparison() {
    sum();
    Op op;
    if (failed() || !take_comparison(op)) return;
    sum();
    emit(op);
    const std::size_t place = at_;
    if (!failed() && take_comparison(op)) {
      fail("comparisons do not chain; join them with \"and\",", place);
    }
  }
  void sum() {
    product();
    while (!failed()) {
      const bool add = take("+");
      if (!add && !take("-")) return;
      product();
      emit(add ? Op::kAdd : Op::kSubtract);
    }
  }
  void product() {
    sign();
    while (!failed()) {
      const bool multiply = take("*");
      if (!multiply && !take("/")) return;
      sign();
      emit(multiply ? Op::kMultiply : Op::kDivide);
    }
  }
  void sign() {
    if (!take("-")) return power();
    if (enter()) sign();
    --depth_;
    emit(Op::kNegate);
  }
  void power() {  // binds closer than the sign before it, and to the right: -2^2^3 = -(2^(2^3))
    primary();
    if (failed() || !take("^")) return;
    if (enter()) sign();
    --depth_;
    emit(Op::kPower);
  }
  void primary() {
    skip_blanks();
    if (failed()) return;
    if (at_ >= text_.size()) return fail("expected a number, a name or \"(\"");
    const char c = text_[at_];
    if (is_digit(c)) return number();
    if (begins_name(c)) return name();
    if (!take("(")) return fail("expected a number, a name or \"(\"");
    if (enter()) disjunction();
    --depth_;
    expect(")");
  }
  void number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return fail("a number out of range", at_);
    at_ += static_cast<std::size_t>(end - begin);
    if (at_ < text_.size() && continues_name(text_[at_])) {
      return fail("expected an operator after the number (units belong to ports)");
    }
    out_.program_.push_back({Op::kNumber, 0, value});
  }
  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '(') return call(word, begin);
    if (std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords)) {
      return fail(base::quoted(word) + " stands where a value is expected,", begin);
    }
    const int slot = lookup_(word);
    if (slot < 0) {
      return fail("no port or earlier node has the name " + base::quoted(word) + ";", begin);
    }
    if (std::find(out_.slots_.begin(), out_.slots_.end(), slot) == out_.slots_.end()) {
      out_.slots_.push_back(slot);
    }
    out_.program_.push_back({Op::kSlot, slot});
  }
  void call(std::string_view word, std::size_t begin) {
    struct Function {
      std::string_view name;
      Op op;
      std::size_t least, most;
    };
    static constexpr Function kFunctions[] = {{"if", Op::kIf, 3, 3},     {"abs", Op::kAbs, 1, 1},
                                              {"min", Op::kMin, 2, 8},   {"max", Op::kMax, 2, 8},
                                              {"sqrt", Op::kSqrt, 1, 1}, {"log", Op::kLog, 1, 1},
                                              {"exp", Op::kExp, 1, 1}};
    const auto* function = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                        [&](const Function& f) { return f.name == word; });
    if (function == std::end(kFunctions)) {
      return fail(
          "no function " + base::quoted(word) + "; there are if, abs, min, max, sqrt, log, exp;",
          begin);
    }
    expect("(");
    std::size_t count = 0;
    if (enter()) {
      do {
        disjunction();
        if (++count > 1 && function->most > 3)
          emit(function->op);  // min and max fold from the left
      } while (!failed() && take(","));
    }
    --depth_;
    expect(")");
    if (count < function->least || count > function->most) {
      return fail(base::quoted(word) + " with " + std::to_string(count) + " arguments", begin);
    }
    if (function->most <= 3) emit(function->op);
  }

  std::string_view text_;
  const Expression::Lookup& lookup_;
  Expression out_;
  std::string error_;
  std::size_t at_ = 0, depth_ = 0;
};

base::Result<Expression> Expression::parse(std::string_view text, const Lookup& lookup) {
  return ExpressionParser(text, lookup).parse();
}

double Expression::unary(Op op, double a) {
  if (std::isnan(a)) return kMissing;
  switch (op) {
    case Op::kNegate:
      return -a;
    case Op::kNot:
      return a == 0;
    case Op::kAbs:
      return std::abs(a);
    case Op::kSqrt:
      return finite(std::sqrt(a));
    case Op::kLog:
      return finite(std::log(a));
    default:
      return finite(std::exp(a));
  }
}

double Expression::binary(Op op, double a, double b) {
  // What one operand decides alone, a missing one does not undo (Kleene's three-valued logic).
  if (op == Op::kAnd && (a == 0 || b == 0)) return 0;
  if (op == Op::kOr && ((a != 0 && !std::isnan(a)) || (b != 0 && !std::isnan(b)))) return 1;
  if (std::isnan(a) || std::isnan(b)) return kMissing;
  switch (op) {
    case Op::kAdd:
      return finite(a + b);
    case Op::kSubtract:
      return finite(a - b);
    case Op::kMultiply:
      return finite(a * b);
    case Op::kDivide:
      return finite(a / b);
    case Op::kPower:
      return finite(std::pow(a, b));
    case Op::kMin:
      return std::min(a, b);
    case Op::kMax:
      return std::max(a, b);
    case Op::kLess:
      return a < b;
    case Op::kLessEqual:
      return a <= b;
    case Op::kGreater:
      return a > b;
    case Op::kGreaterEqual:
      return a >= b;
    case Op::kEqual:
      return a == b;
    case Op::kUnequal:
      return a != b;
    case Op::kAnd:
      return 1;  // neither is zero nor missing
    default:
      return 0;  // or: both are zero
  }
}

double Expression::evaluate(std::span<const double> slots) const {
  std::array<double, kStack> stack;
  std::size_t top = 0;
  for (const Instruction& step : program_) {
    if (step.op == Op::kNumber || step.op == Op::kSlot) {
      LANDER_CHECK(top < kStack);
      stack[top++] =
          step.op == Op::kNumber ? step.number : slots[static_cast<std::size_t>(step.slot)];
    } else if (step.op < Op::kAdd) {
      stack[top - 1] = unary(step.op, stack[top - 1]);
    } else if (step.op == Op::kIf) {
      top -= 2;
      const double condition = stack[top - 1];
      stack[top - 1] = std::isnan(condition) ? kMissing
                       : condition != 0      ? stack[top]
                                             : stack[top + 1];
    } else {
      --top;
      stack[top - 1] = binary(step.op, stack[top - 1], stack[top]);
    }
  }
  return finite(stack[0]);
}

}  // namespace lander::stream
