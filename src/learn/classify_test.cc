#include "learn/classify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <random>

#include "learn/layout.h"
#include "model/classify.h"

namespace lander::learn {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Labelled named(const std::vector<std::string>& names) {
  Labelled rows;
  for (const std::string& name : names) {
    model::Input input;
    input.datastream = name;
    rows.inputs.push_back(input);
  }
  return rows;
}

std::vector<std::string> numbered(const std::string& word, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(word + std::to_string(i));
  return names;
}

void add(Labelled& rows, const std::vector<double>& values, const std::string& label) {
  rows.values.insert(rows.values.end(), values.begin(), values.end());
  rows.labels.push_back(label);
}

double normal(std::mt19937_64& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += double(random() >> 11) * 0x1p-53;
  return sum;
}

// Three machines' states in four sensors of different units.
std::vector<double> state(int which, std::mt19937_64& random) {
  const double middle[3][4] = {{20, 1000, 0.1, 3}, {26, 1000, 0.2, 3}, {20, 1400, 0.2, 5}};
  const double spread[4] = {1, 60, 0.02, 0.4};
  std::vector<double> row;
  for (int i = 0; i < 4; ++i) row.push_back(middle[which][i] + spread[i] * normal(random));
  return row;
}

Labelled states(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Labelled rows = named({"temperature", "speed", "vibration", "current"});
  const char* const names[] = {"idle", "loaded", "worn"};
  for (std::size_t i = 0; i < count; ++i) {
    add(rows, state(int(i % 3), random), names[i % 3]);
  }
  return rows;
}

// `count` sines of one of two frequencies, each at a phase of its own.
Labelled sines(std::size_t count, std::size_t points, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Labelled rows = named(numbered("v", points));
  for (std::size_t i = 0; i < count; ++i) {
    const double phase = normal(random) * 3;
    std::vector<double> row;
    for (std::size_t t = 0; t < points; ++t) {
      const double angle = 2 * std::numbers::pi * double(t) * (i % 2 == 0 ? 4 : 6) / 100;
      row.push_back(std::sin(angle + phase) + 0.3 * normal(random));
    }
    add(rows, row, i % 2 == 0 ? "slow" : "fast");
  }
  return rows;
}

std::unique_ptr<model::Predictor> learned(const Labelled& rows) {
  ClassRequest request;
  request.roles.label = "state";
  auto trained = train_class(rows, request);
  if (!trained.ok()) ADD_FAILURE() << trained.error().message();
  auto predictor = model::make_predictor(*trained);
  if (!predictor.ok()) ADD_FAILURE() << predictor.error().message();
  return std::move(*predictor);
}

struct Counts {
  double right = 0, unknown = 0;
};
Counts shares(model::Predictor& predictor, const Labelled& rows) {
  Counts counts;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const std::size_t n = rows.inputs.size();
    const model::Prediction& found = predictor.predict({&rows.values[r * n], n}, 0);
    EXPECT_TRUE(found.probability >= 0 && found.probability <= 1);
    counts.right += found.label == rows.labels[r] ? 1 : 0;
    counts.unknown += found.label == model::kUnknown ? 1 : 0;
  }
  counts.right /= double(rows.rows());
  counts.unknown /= double(rows.rows());
  return counts;
}

std::string error_of(const Labelled& rows) {
  auto trained = train_class(rows, {});
  return trained.ok() ? "" : trained.error().message();
}

TEST(Classify, TellsNewRowsOfKnownStatesAndRejectsWhatIsLikeNone) {
  const auto predictor = learned(states(150, 1));
  const Counts known = shares(*predictor, states(300, 2));
  EXPECT_GE(known.right, 0.95);
  EXPECT_LE(known.unknown, 0.04);
  Labelled strange = states(60, 3);
  for (double& value : strange.values) value *= 2;
  EXPECT_GE(shares(*predictor, strange).unknown, 0.95);
}

TEST(Classify, ItsProbabilityIsAboutHowOftenItIsRight) {
  std::mt19937_64 random(4);
  const auto overlapping = [&](std::size_t count) {
    Labelled rows = named({"a", "b"});
    for (std::size_t i = 0; i < count; ++i) {
      add(rows, {normal(random) + (i % 2 == 0 ? 0 : 1.5), normal(random)}, i % 2 == 0 ? "A" : "B");
    }
    return rows;
  };
  const auto predictor = learned(overlapping(200));
  const Labelled fresh = overlapping(600);
  double claimed = 0, right = 0, known = 0;
  for (std::size_t r = 0; r < fresh.rows(); ++r) {
    const auto& found = predictor->predict({&fresh.values[2 * r], 2}, 0);
    if (found.label == model::kUnknown) continue;
    known += 1;
    claimed += found.probability;
    right += found.label == fresh.labels[r] ? 1 : 0;
  }
  EXPECT_NEAR(claimed / known, right / known, 0.06);
}

TEST(Classify, ACurveIsToldByItsShapeWhereverItBegins) {
  const auto predictor = learned(sines(60, 100, 1));
  EXPECT_GE(shares(*predictor, sines(60, 100, 2)).right, 0.95);
}

TEST(Classify, NumberedColumnsOfUnrelatedSensorsAreNoCurve) {
  std::mt19937_64 random(5);
  std::vector<double> noise, curve;
  for (std::size_t r = 0; r < 40; ++r) {
    for (std::size_t i = 0; i < 20; ++i) {
      noise.push_back(double(i * 37 % 11) * 100 + normal(random));
      curve.push_back(std::sin(double(i + r) / 4));
    }
  }
  const auto names = numbered("x", 20);
  EXPECT_TRUE(find_layout(names, noise).waves.empty());
  EXPECT_EQ(find_layout(names, curve).waves.size(), 1U);
}

TEST(Classify, APositionThatComesBackIsTheAxisOfACard) {
  std::mt19937_64 random(6);
  std::vector<std::string> names = numbered("load_", 50);
  for (const std::string& name : numbered("position_", 50)) names.push_back(name);
  std::vector<double> values;
  for (std::size_t r = 0; r < 20; ++r) {
    for (int i = 0; i < 50; ++i) values.push_back(i < 25 ? 40 + normal(random) : 20);
    for (int i = 0; i < 50; ++i) values.push_back(25 - std::abs(25 - i));
  }
  const model::Layout layout = find_layout(names, values);
  ASSERT_EQ(layout.waves.size(), 2U);
  ASSERT_TRUE(layout.has_axis());
  EXPECT_EQ(layout.waves[layout.axis].front(), 50U);
}

// Cards of four wells' kinds, told by two shapes of the way up and two heights; the level drifts,
// and half of the cards are followed by a tail at which nothing moves.
Labelled cards(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> names = numbered("load_", 80);
  for (const std::string& name : numbered("position_", 80)) names.push_back(name);
  Labelled rows = named(names);
  for (std::size_t i = 0; i < count; ++i) {
    const bool bowed = i % 2 == 0, high = i / 2 % 2 == 0, tail = i / 4 % 2 == 0;
    const double height = (high ? 16 : 11) + normal(random), low = 20 + 4 * normal(random);
    const std::size_t moving = tail ? 60 : 80;
    std::vector<double> load(80, 0), position(80, 0);
    for (std::size_t t = 0; t < moving; ++t) {
      const double turn = 2 * std::numbers::pi * double(t) / double(moving);
      position[t] = 1 - std::cos(turn);
      const double bow = bowed ? 0.15 * std::sin(turn) : 0;
      load[t] = low + height * (t < moving / 2 ? 1 - bow : 0) + 0.3 * normal(random);
    }
    load.insert(load.end(), position.begin(), position.end());
    add(rows, load, std::string(bowed ? "bowed" : "flat") + (high ? ", high" : ", low"));
  }
  return rows;
}

TEST(Classify, ACardIsToldByItsShapeAndItsHeightWhateverFollowsTheStroke) {
  const auto predictor = learned(cards(80, 1));
  EXPECT_GE(shares(*predictor, cards(80, 2)).right, 0.9);
}

TEST(Classify, TheSameRowsGiveTheSameModel) {
  ClassRequest request;
  EXPECT_EQ(train_class(states(60, 1), request)->body, train_class(states(60, 1), request)->body);
}

TEST(Classify, SaysWhyItCannotLearn) {
  Labelled rows = states(30, 1);
  for (std::string& label : rows.labels) label = "idle";
  EXPECT_NE(error_of(rows).find("every row is of class \"idle\""), std::string::npos);
  for (std::string& label : rows.labels) label.clear();
  EXPECT_NE(error_of(rows).find("no row has a label"), std::string::npos);
  EXPECT_NE(error_of(states(2, 1)).find("2 labelled rows"), std::string::npos);
  EXPECT_NE(error_of(named({})).find("no column"), std::string::npos);
  rows = states(30, 1);
  rows.labels[0] = model::kUnknown;
  EXPECT_NE(error_of(rows).find("fit no class"), std::string::npos);
}

TEST(Classify, SurvivesEmptyConstantAndAbsurdCells) {
  Labelled clean = states(120, 1), rows = named({"temperature", "speed", "vibration", "current",
                                                 "empty", "constant", "absurd"});
  std::mt19937_64 random(7);
  for (std::size_t r = 0; r < clean.rows(); ++r) {
    std::vector<double> row(&clean.values[4 * r], &clean.values[4 * r] + 4);
    if (r % 10 == 3) row[1] = kNone;
    row.insert(row.end(), {kNone, 5, r % 30 == 0 ? -1.18e42 : normal(random)});
    add(rows, row, clean.labels[r]);
  }
  const auto predictor = learned(rows);
  EXPECT_GE(shares(*predictor, rows).right, 0.9);
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double cell : {kNone, 1e42, -1e308, infinite, -infinite}) {
    const auto& found = predictor->predict(std::vector<double>(7, cell), 0);
    EXPECT_TRUE(found.probability >= 0 && found.probability <= 1);
    double sum = 0;
    for (const double share : found.shares) sum += share;
    EXPECT_NEAR(sum, 1, 1e-9);
  }
}

TEST(Classify, AShortCurveIsStretchedAndAMissingOneDoesNotHurt) {
  const auto predictor = learned(sines(60, 100, 1));
  std::mt19937_64 random(9);
  std::vector<double> row(100, kNone);
  EXPECT_GE(predictor->predict(row, 0).probability, 0);
  row[3] = 1;
  EXPECT_GE(predictor->predict(row, 0).probability, 0);
  for (std::size_t i = 0; i < 80; ++i) {  // four waves in what is there
    row[i] = std::sin(2 * std::numbers::pi * double(i) * 4 / 80) + 0.3 * normal(random);
  }
  row[20] = row[21] = kNone;
  EXPECT_EQ(predictor->predict(row, 0).label, "slow");
}

TEST(Classify, AModelThatWasCutOrAlteredIsAnErrorOrStillSound) {
  ClassRequest request;
  const auto trained = train_class(sines(24, 40, 1), request);
  ASSERT_TRUE(trained.ok());
  std::mt19937_64 random(8);
  for (int i = 0; i < 300; ++i) {
    model::Model altered = *trained;
    if (i % 2 == 0) {
      altered.body.resize(random() % altered.body.size());
      EXPECT_FALSE(model::make_predictor(altered).ok());
      continue;
    }
    altered.body[i < 150 ? random() % 400 : random() % altered.body.size()] ^=
        static_cast<std::uint8_t>(1U << random() % 8);
    auto predictor = model::make_predictor(altered);
    if (!predictor.ok() || (*predictor)->inputs() != 40) continue;
    const auto& found = (*predictor)->predict(std::vector<double>(40, 1e42), 0);
    EXPECT_TRUE(found.probability >= 0 && found.probability <= 1);
  }
}

}  // namespace
}  // namespace lander::learn
