#include "sensing/unit.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "sensing/unit_table.h"

namespace lander::sensing {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaxBytes = 128;
constexpr int kMaxDepth = 8;
constexpr int kMaxExponent = 32;

struct Dimension {
  std::array<int, kBases.size()> powers{};
  bool operator==(const Dimension&) const = default;
};

// mantissa * 10^decimals of the base units. The powers of ten stay apart, so that bar to kPa is
// 100 and not 99.99999999999999.
struct Unit {
  double mantissa = 1;
  int decimals = 0;
  Dimension dimension;
  std::optional<double> zero;  // of a temperature scale: kelvin = (value + zero) * factor
};

void multiply(Unit& left, const Unit& right, int power) {
  left.mantissa *= std::pow(right.mantissa, power);
  left.decimals += right.decimals * power;
  for (std::size_t i = 0; i < left.dimension.powers.size(); ++i) {
    left.dimension.powers[i] += right.dimension.powers[i] * power;
  }
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// Recursive descent over UCUM's grammar (specification 1.0.6, §§ 2-10), case sensitive.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Unit> parse() {
    if (text_.empty()) return error("a unit; dimensionless is \"1\"");
    if (text_.size() > kMaxBytes) return error("at most 128 bytes");
    for (const Hint& hint : kHints) {
      if (text_ == hint.wrong) return error("\"" + std::string(hint.right) + "\"");
    }
    LANDER_ASSIGN(Unit unit, term(0));
    if (at_ != text_.size()) return error("the end of the unit");
    return unit;
  }

 private:
  Error error(const std::string& expected) const {
    return Error(Code::kInvalid, "unit \"" + std::string(text_.substr(0, kMaxBytes)) +
                                     "\", character " + std::to_string(at_ + 1) + ": expected " +
                                     expected);
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  Result<Unit> term(int depth) {
    if (depth > kMaxDepth) return error("at most 8 levels of parentheses");
    Unit out;
    int sign = 1;
    bool alone = true;
    if (next() == '/') {
      ++at_;
      sign = -1;
      alone = false;
    }
    for (;;) {
      const std::size_t start = at_;
      LANDER_ASSIGN(Unit part, component(depth));
      if (next() == '.' || next() == '/') alone = false;
      if (alone) return part;
      if (part.zero) {
        at_ = start;
        return error(
            "K in a product or quotient: a scale with a zero of its own cannot stand there");
      }
      LANDER_TRY(multiply_bounded(out, part, sign));
      if (next() != '.' && next() != '/') return out;
      sign = text_[at_++] == '/' ? -1 : 1;
    }
  }

  Status multiply_bounded(Unit& out, const Unit& part, int power) {
    multiply(out, part, power);
    for (const int exponent : out.dimension.powers) {
      if (std::abs(exponent) > kMaxExponent) return error("exponents of at most 32");
    }
    if (std::abs(out.decimals) > 300 || !std::isfinite(out.mantissa) || out.mantissa == 0) {
      return error("a unit within the range of numbers");
    }
    return {};
  }

  Result<Unit> component(int depth) {
    Unit out;
    if (next() == '(') {
      ++at_;
      LANDER_ASSIGN(out, term(depth + 1));
      if (next() != ')') return error("\")\"");
      ++at_;
      return out;
    }
    if (next() == '{') {
      LANDER_TRY(annotation());
      return out;
    }
    if (digit(next()) && text_.substr(at_, 3) != "10*" && text_.substr(at_, 3) != "10^") {
      LANDER_ASSIGN(const int factor, integer());
      if (factor == 0) return error("a factor other than 0");
      out.mantissa = factor;
      return out;
    }
    LANDER_ASSIGN(out, powered_symbol());
    if (next() == '{') LANDER_TRY(annotation());
    return out;
  }

  Result<Unit> powered_symbol() {
    const std::size_t start = at_;
    LANDER_ASSIGN(Unit unit, symbol());
    int sign = 1;
    const bool signed_exponent = next() == '+' || next() == '-';
    if (signed_exponent) sign = text_[at_++] == '-' ? -1 : 1;
    if (!digit(next())) {
      if (signed_exponent) return error("an exponent");
      return unit;
    }
    LANDER_ASSIGN(const int exponent, integer());
    if (exponent > kMaxExponent) return error("exponents of at most 32");
    if (unit.zero) {
      at_ = start;
      return error("K: a scale with a zero of its own has no powers");
    }
    Unit out;
    LANDER_TRY(multiply_bounded(out, unit, sign * exponent));
    return out;
  }

  Status annotation() {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return error("\"}\"");
    for (std::size_t i = at_ + 1; i < end; ++i) {
      if (text_[i] < '!' || text_[i] > '~' || text_[i] == '{') {
        at_ = i;
        return error("printable ASCII in an annotation");
      }
    }
    at_ = end + 1;
    return {};
  }

  Result<int> integer() {
    int value = 0;
    while (digit(next())) {
      value = value * 10 + (text_[at_] - '0');
      if (value > 100'000'000) return error("an integer of at most eight digits");
      ++at_;
    }
    return value;
  }

  // The longest run that can be a symbol: brackets may hold anything but brackets.
  std::string_view symbol_text() const {
    if (text_.substr(at_, 3) == "10*" || text_.substr(at_, 3) == "10^") return text_.substr(at_, 3);
    std::size_t end = at_;
    bool bracket = false;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (bracket || c == ']') continue;
      if (digit(c) || std::string_view("./(){}+-").find(c) != std::string_view::npos) break;
    }
    return text_.substr(at_, end - at_);
  }

  Result<Unit> symbol() {
    const std::string_view text = symbol_text();
    std::optional<Unit> unit = lookup(text, 0, false);
    for (const Prefix& prefix : kPrefixes) {
      if (unit || !text.starts_with(prefix.symbol)) continue;
      unit = lookup(text.substr(prefix.symbol.size()), prefix.decimals, true);
      if (unit) unit->mantissa *= prefix.factor;
    }
    if (!unit) {
      return error(text.empty() ? "a unit" : "a UCUM unit, found \"" + std::string(text) + "\"");
    }
    at_ += text.size();
    return *unit;
  }

  static std::optional<Unit> lookup(std::string_view text, int decimals, bool metric_only) {
    for (const Atom& atom : kAtoms) {
      if (atom.symbol != text || (metric_only && !atom.metric)) continue;
      Unit unit;
      unit.mantissa = atom.mantissa;
      unit.decimals = atom.decimals + decimals;
      for (std::size_t i = 0; i < atom.powers.size(); ++i)
        unit.dimension.powers[i] = atom.powers[i];
      if (atom.zero != kNoZero) unit.zero = atom.zero;
      return unit;
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string describe(const Dimension& dimension) {
  std::string out;
  for (std::size_t i = 0; i < dimension.powers.size(); ++i) {
    if (dimension.powers[i] == 0) continue;
    if (!out.empty()) out += '.';
    out += kBases[i];
    if (dimension.powers[i] != 1) out += std::to_string(dimension.powers[i]);
  }
  return out.empty() ? "1" : out;
}

double ratio(const Unit& from, const Unit& to) {
  const double mantissa = from.mantissa / to.mantissa;
  const int decimals = from.decimals - to.decimals;
  return decimals < 0 ? mantissa / std::pow(10.0, -decimals) : mantissa * std::pow(10.0, decimals);
}

}  // namespace

Status valid_unit(std::string_view unit) {
  if (auto parsed = Parser(unit).parse(); !parsed.ok()) return parsed.error();
  return {};
}

Result<Conversion> conversion(std::string_view from, std::string_view to) {
  LANDER_ASSIGN(const Unit source, Parser(from).parse());
  LANDER_ASSIGN(const Unit target, Parser(to).parse());
  if (source.dimension != target.dimension) {
    return Error(Code::kInvalid, "\"" + std::string(from) + "\" (" + describe(source.dimension) +
                                     ") does not convert to \"" + std::string(to) + "\" (" +
                                     describe(target.dimension) + ")");
  }
  Conversion out;
  out.factor = ratio(source, target);
  if (!std::isfinite(out.factor) || out.factor == 0) {
    return Error(Code::kInvalid, "\"" + std::string(from) + "\" to \"" + std::string(to) +
                                     "\": the factor is beyond the range of numbers");
  }
  // The zeros of the scales are decimals of two places: what is that close to one is rounding.
  const double offset = source.zero.value_or(0) * out.factor - target.zero.value_or(0);
  const double decimal = std::nearbyint(offset * 100) / 100;
  out.offset = std::fabs(offset - decimal) < 1e-9 ? decimal : offset;
  return out;
}

}  // namespace lander::sensing
