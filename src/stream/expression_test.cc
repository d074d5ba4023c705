#include "stream/expression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <random>

namespace lander::stream {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

int lookup(std::string_view name) {
  static constexpr std::string_view kNames[] = {"a", "b", "c", "flow_rate"};
  for (int i = 0; i < 4; ++i) {
    if (kNames[i] == name) return i;
  }
  return -1;
}

double value_of(std::string_view text, std::vector<double> slots = {1, 2, 3, 4}) {
  auto parsed = Expression::parse(text, lookup);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.error().message();
  return parsed.ok() ? parsed->evaluate(slots) : kMissing;
}

std::string mistake_of(std::string_view text) {
  auto parsed = Expression::parse(text, lookup);
  return parsed.ok() ? "accepted" : parsed.error().message();
}

TEST(Expression, OperatorsBindAsInSchool) {
  EXPECT_EQ(value_of("1 + 2 * 3"), 7);
  EXPECT_EQ(value_of("(1 + 2) * 3"), 9);
  EXPECT_EQ(value_of("10 - 4 - 3"), 3);
  EXPECT_EQ(value_of("16 / 4 / 2"), 2);
  EXPECT_EQ(value_of("-2 ^ 2"), -4);
  EXPECT_EQ(value_of("2 ^ 3 ^ 2"), 512);
  EXPECT_EQ(value_of("2 ^ -1"), 0.5);
  EXPECT_EQ(value_of("- - 3"), 3);
  EXPECT_EQ(value_of("a + b > c - 1 and c >= 3 or 0"), 1);
  EXPECT_EQ(value_of("not a > b"), 1);
  EXPECT_EQ(value_of("not 0 and 0"), 0);
  EXPECT_EQ(value_of("flow_rate*2"), 8);
  EXPECT_EQ(value_of("1.5e2"), 150);
  EXPECT_EQ(value_of("min(3, b, 7) + max(a, c)"), 5);
  EXPECT_EQ(value_of("if(a > b, 10, 20)"), 20);
  EXPECT_EQ(value_of("if(a < b, 10, 20)"), 10);
  EXPECT_NEAR(value_of("sqrt(16) + log(exp(2)) + abs(-1)"), 7, 1e-12);
  EXPECT_EQ(value_of("a != b and a == 1 and b <= 2"), 1);
}

TEST(Expression, WhatIsMissingStaysMissingUnlessTheRestDecides) {
  const std::vector<double> slots = {kMissing, 2, 3, 4};
  for (const char* text : {"a + 1", "a > 1", "not a", "a and 1", "a or 0", "min(a, 1)",
                           "if(a, 1, 2)", "abs(a)", "a == a", "-a", "a ^ 0", "a * 0"}) {
    EXPECT_TRUE(std::isnan(value_of(text, slots))) << text;
  }
  EXPECT_EQ(value_of("a > 1 and b > 5", slots), 0);
  EXPECT_EQ(value_of("b > 5 and a > 1", slots), 0);
  EXPECT_EQ(value_of("a > 1 or b > 1", slots), 1);
  EXPECT_EQ(value_of("if(b > 1, c, a)", slots), 3);
}

TEST(Expression, NoNumberIsAResultThatNoSensorCouldGive) {
  for (const char* text :
       {"1 / 0", "0 / 0", "log(0)", "log(-1)", "sqrt(-1)", "exp(1000)", "10 ^ 400", "(-8) ^ 0.5"}) {
    EXPECT_TRUE(std::isnan(value_of(text))) << text;
  }
}

TEST(Expression, EveryMistakeSaysWhereAndWhatWasExpected) {
  const std::pair<const char*, const char*> table[] = {
      {"", "expected a number, a name or \"(\" at character 1"},
      {"a +", "expected a number, a name or \"(\" at character 4"},
      {"a + * b", "found \"*\" at character 5"},
      {"(a", "expected \")\" at character 3"},
      {"a b", "expected an operator or the end, found \"b\" at character 3"},
      {"a < b < c", "comparisons do not chain; join them with \"and\", at character 7"},
      {"vibr > 1", "no port or earlier node has the name \"vibr\"; at character 1"},
      {"1 + sinus(a)", "no function \"sinus\""},
      {"min(a)", "\"min\" with 1 arguments at character 1"},
      {"if(a, b)", "\"if\" with 2 arguments at character 1"},
      {"sqrt(a, b)", "\"sqrt\" with 2 arguments at character 1"},
      {"7.1mm", "units belong to ports"},
      {"a & b", "found \"&\" at character 3"},
      {"and", "\"and\" stands where a value is expected, at character 1"},
      {"1e999", "a number out of range at character 1"},
      {"a = b", "found \"=\" at character 3"},
      {".5", "found \".\" at character 1"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_NE(mistake_of(text).find(expected), std::string::npos)
        << "\"" << text << "\" gave: " << mistake_of(text);
  }
}

TEST(Expression, DepthAndLengthAreBounded) {
  for (const char* piece : {"(", "-", "not ", "abs(", "2^-", "a+(", "if(a,b,"}) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += piece;
    EXPECT_NE(mistake_of(text).find("nested deeper than 32 levels"), std::string::npos) << piece;
  }
  EXPECT_NE(mistake_of(std::string(2000, '1')).find("over 1024"), std::string::npos);
  // The most operands that can wait at once, at each of the levels that are allowed.
  std::string deep, close;
  for (int i = 0; i < 16; ++i) {  // a power and a call each
    deep += "0 or 1 and 1<1+1*2^if(1,2,";
    close += ")";
  }
  EXPECT_EQ(mistake_of(deep + "3" + close), "accepted");
  value_of(deep + "3" + close);
}

// --- Against a reference: a random tree, printed with random blanks and parentheses ---

struct Tree {
  std::string op;
  double number = 0;
  int slot = 0;
  std::vector<std::unique_ptr<Tree>> children;
};

std::unique_ptr<Tree> grow(std::mt19937_64& random, int depth) {
  auto tree = std::make_unique<Tree>();
  static const std::pair<const char*, int> kOps[] = {
      {"+", 2},   {"-", 2},   {"*", 2},   {"/", 2},   {"^", 2},    {"<", 2},
      {"<=", 2},  {">", 2},   {">=", 2},  {"==", 2},  {"!=", 2},   {"and", 2},
      {"or", 2},  {"neg", 1}, {"not", 1}, {"abs", 1}, {"sqrt", 1}, {"log", 1},
      {"exp", 1}, {"min", 3}, {"max", 2}, {"if", 3}};
  if (depth == 0 || random() % 5 == 0) {
    tree->op = random() % 2 ? "slot" : "number";
    tree->slot = static_cast<int>(random() % 4);
    tree->number = static_cast<double>(random() % 9) / 2;
    return tree;
  }
  const auto& [op, children] = kOps[random() % std::size(kOps)];
  tree->op = op;
  for (int i = 0; i < children; ++i) tree->children.push_back(grow(random, depth - 1));
  return tree;
}

std::string print(const Tree& tree, std::mt19937_64& random) {
  static const char* kNames[] = {"a", "b", "c", "flow_rate"};
  if (tree.op == "slot") return kNames[tree.slot];
  if (tree.op == "number") return std::to_string(tree.number);
  std::vector<std::string> parts;
  for (const auto& child : tree.children) {
    std::string part = print(*child, random);
    parts.push_back(child->children.empty() ? part : "(" + part + ")");
  }
  const std::string blank = random() % 2 ? " " : "";
  if (tree.op == "neg") return "-" + blank + parts[0];
  if (tree.op == "not") return "not " + parts[0];
  if (std::isalpha(tree.op[0]) && tree.op != "and" && tree.op != "or") {
    std::string text = tree.op + blank + "(" + parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) text += "," + blank + parts[i];
    return text + ")";
  }
  return parts[0] + " " + tree.op + " " + parts[1];
}

double reference(const Tree& tree, const std::vector<double>& slots) {
  if (tree.op == "slot") return slots[static_cast<std::size_t>(tree.slot)];
  if (tree.op == "number") return std::stod(std::to_string(tree.number));
  std::vector<double> v;
  for (const auto& child : tree.children) v.push_back(reference(*child, slots));
  const auto known = [](double x) { return !std::isnan(x); };
  const std::string& op = tree.op;
  if (op == "if") return !known(v[0]) ? kMissing : v[0] != 0 ? v[1] : v[2];
  if (op == "and" && ((known(v[0]) && v[0] == 0) || (known(v[1]) && v[1] == 0))) return 0;
  if (op == "or" && ((known(v[0]) && v[0] != 0) || (known(v[1]) && v[1] != 0))) return 1;
  for (const double x : v) {
    if (!known(x)) return kMissing;
  }
  double r = 0;
  if (op == "+") r = v[0] + v[1];
  if (op == "-") r = v[0] - v[1];
  if (op == "*") r = v[0] * v[1];
  if (op == "/") r = v[0] / v[1];
  if (op == "^") r = std::pow(v[0], v[1]);
  if (op == "<") r = v[0] < v[1];
  if (op == "<=") r = v[0] <= v[1];
  if (op == ">") r = v[0] > v[1];
  if (op == ">=") r = v[0] >= v[1];
  if (op == "==") r = v[0] == v[1];
  if (op == "!=") r = v[0] != v[1];
  if (op == "and") r = 1;
  if (op == "or") r = 0;
  if (op == "neg") r = -v[0];
  if (op == "not") r = v[0] == 0;
  if (op == "abs") r = std::fabs(v[0]);
  if (op == "sqrt") r = std::sqrt(v[0]);
  if (op == "log") r = std::log(v[0]);
  if (op == "exp") r = std::exp(v[0]);
  if (op == "min") r = std::min({v[0], v[1], v[2]});
  if (op == "max") r = std::max(v[0], v[1]);
  return std::isfinite(r) ? r : kMissing;
}

TEST(Expression, RandomExpressionsEqualAReferenceEvaluator) {
  std::mt19937_64 random(20);
  std::size_t known = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const auto tree = grow(random, 1 + static_cast<int>(random() % 5));
    const std::string text = print(*tree, random);
    if (text.size() > kMaxExpressionBytes) continue;
    auto parsed = Expression::parse(text, lookup);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message();
    for (int sample = 0; sample < 3; ++sample) {
      std::vector<double> slots(4);
      for (double& slot : slots) {
        slot = random() % 6 == 0 ? kMissing : static_cast<double>(random() % 2000) / 100 - 10;
      }
      const double expected = reference(*tree, slots), found = parsed->evaluate(slots);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(found)) << text;
      } else {
        ASSERT_EQ(found, expected) << text;
        ++known;
      }
    }
  }
  EXPECT_GT(known, 10000u);
}

TEST(Expression, RandomTextIsEitherRefusedOrEvaluatedButNeverCrashes) {
  std::mt19937_64 random(21);
  static constexpr std::string_view kPieces[] = {
      "a",    "b",   " ",    "(",   ")",    "+", "-", "*",   "/",  "^",    "<", "=",
      "and ", "or ", "not ", "if(", "min(", ",", "1", "2.5", "e9", "\xc3", "{", "exp("};
  for (int trial = 0; trial < 50000; ++trial) {
    std::string text;
    for (std::size_t n = random() % 12; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    auto parsed = Expression::parse(text, lookup);
    const std::vector<double> slots = {1, kMissing, 3, 4};
    if (parsed.ok()) parsed->evaluate(slots);
  }
}

}  // namespace
}  // namespace lander::stream
