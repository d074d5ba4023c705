#include "learn/xgboost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace lander::learn {
namespace {

// As XGBoost 1.7 writes it, without what is not read.
std::string file(const std::string& objective = "binary:logistic",
                 const std::string& left = "[1,-1,-1]", const std::string& feature = "[1,0,0]",
                 const std::string& type = "[0,0,0]") {
  return R"({"learner":{"gradient_booster":{"model":{"tree_info":[0],"trees":[{"left_children":)" +
         left + R"(,"right_children":[2,-1,-1],"split_indices":)" + feature +
         R"(,"split_conditions":[1.5E0,-2.5E-1,5E-1],"default_left":[1,0,0],"split_type":)" + type +
         R"(}]},"name":"gbtree"},"learner_model_param":{"base_score":"2.5E-1","num_class":"0",)" +
         R"("num_feature":"2"},"objective":{"name":")" + objective + R"("}},"version":[1,7,4]})";
}

float answer(const model::Trees& trees, std::vector<float> row) {
  float out = 0;
  model::TreeRunner(trees).evaluate(row, {&out, 1});
  return out;
}

TEST(Xgboost, ItsMarginsAreOurs) {
  const auto trees = trees_from_xgboost(file());
  ASSERT_TRUE(trees.ok()) << trees.error().message();
  const float base = std::log(0.25F / 0.75F);
  EXPECT_FLOAT_EQ(answer(*trees, {0, 1}), base - 0.25F);
  EXPECT_FLOAT_EQ(answer(*trees, {0, 1.5}), base + 0.5F);
  EXPECT_FLOAT_EQ(answer(*trees, {0, NAN}), base - 0.25F);
  EXPECT_FLOAT_EQ(answer(*trees_from_xgboost(file("reg:squarederror")), {0, 1}), 0.0F);
}

TEST(Xgboost, CyclesAndIndicesOutOfRangeAreRefused) {
  for (const char* left :
       {"[0,-1,-1]", "[1,0,-1]", "[7,-1,-1]", "[-2,-1,-1]", "[1,-1]", "[1,-1,{}]"}) {
    EXPECT_FALSE(trees_from_xgboost(file("reg:squarederror", left)).ok()) << left;
  }
  for (const char* feature : {"[2,0,0]", "[-1,0,0]", "[1e99,0,0]", "7"}) {
    EXPECT_FALSE(trees_from_xgboost(file("reg:squarederror", "[1,-1,-1]", feature)).ok());
  }
}

TEST(Xgboost, WhatItWouldPredictOtherwiseIsSaidToBeUnsupported) {
  const auto categorical =
      trees_from_xgboost(file("reg:squarederror", "[1,-1,-1]", "[1,0,0]", "[1,0,0]"));
  ASSERT_FALSE(categorical.ok());
  EXPECT_EQ(categorical.error().code(), base::Code::kUnsupported);
  EXPECT_FALSE(trees_from_xgboost(file("survival:cox")).ok());
}

TEST(Xgboost, EveryTruncationIsRefused) {
  const std::string text = file();
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_FALSE(trees_from_xgboost(text.substr(0, n)).ok()) << n;
  }
}

}  // namespace
}  // namespace lander::learn
