#include "model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "crypto/crypto.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Two inputs that move together: components (1,1)/√2 with variance 1.8 and (1,-1)/√2 with 0.2.
T2q pair_parameters() {
  const double h = std::sqrt(0.5);
  T2q p;
  p.kept = 1;
  p.smoothing = 1;
  p.t2_limit = 10;
  p.q_limit = 2;
  p.centre = {5, -3};
  p.scale = {2, 0.5};
  p.variances = {1.8, 0.2};
  p.vectors = {h, h, h, -h};
  p.frozen_frames = {0, 0};
  return p;
}

Model pair_model() {
  Model model;
  model.inputs = {{"flow", 1, "flow-rate", "m3/h", 0, 10}, {"amps", 3, "current", "A", -4, -2}};
  model.lineage = {.parent = "",
                   .method = "t2q",
                   .asset = "acme/north/pump-7",
                   .created = 1'700'000'000'000'000,
                   .trained_from = 1'600'000'000'000'000,
                   .trained_to = 1'600'000'900'000'000,
                   .rows = 900,
                   .rows_left_out = 12,
                   .labels_digest = std::string(64, 'a'),
                   .metrics = {{"held_rows", 300}, {"held_max_score", 0.7}},
                   .trained_by = "site:north user:anna"};
  model.body = encode(pair_parameters());
  return model;
}

TEST(Model, AModelFileGivesBackEverythingThatWasWritten) {
  const base::Bytes bytes = encode(pair_model());
  auto read = decode_model(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->inputs[1].datastream, "amps");
  EXPECT_EQ(read->inputs[1].revision, 3u);
  EXPECT_EQ(read->lineage.metrics[1].value, 0.7);
  EXPECT_EQ(read->lineage.trained_by, "site:north user:anna");
  EXPECT_EQ(digest(bytes).size(), 64u);
}

TEST(Model, EveryFlippedBitIsRefused) {
  const base::Bytes bytes = encode(pair_model());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Bytes bad = bytes;
      bad[i] ^= static_cast<std::uint8_t>(1 << bit);
      auto read = decode_model(bad);
      ASSERT_FALSE(read.ok()) << "byte " << i;
      ASSERT_EQ(read.error().code(), base::Code::kCorrupt);
    }
  }
}

TEST(Model, EveryTruncationAndEveryExtensionIsRefused) {
  const base::Bytes bytes = encode(pair_model());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ASSERT_FALSE(decode_model(base::ByteView(bytes).first(n)).ok()) << n;
  }
  base::Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_model(longer).ok());
}

TEST(Model, TimesThatCannotBeSubtractedAreRefused) {
  for (const base::TimeUs far : {INT64_MIN, INT64_MAX}) {
    Model model = pair_model();
    model.lineage.trained_from = far;
    EXPECT_EQ(decode_model(encode(model)).error().code(), base::Code::kCorrupt);
  }
}

// A damaged content whose checksum somebody computed anew: hostile, not damaged.
TEST(Model, AForgedChecksumDoesNotBringWildNumbersIntoTheDetector) {
  const base::Bytes bytes = encode(pair_model());
  std::size_t accepted = 0;
  for (std::size_t i = 8; i + 32 < bytes.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      base::Bytes bad(bytes.begin(), bytes.end() - 32);
      bad[i] ^= static_cast<std::uint8_t>(change);
      const crypto::Digest sum = crypto::sha256(bad);
      bad.insert(bad.end(), sum.begin(), sum.end());
      auto read = decode_model(bad);
      if (!read.ok()) continue;
      auto detector = make_detector(*read);
      if (!detector.ok()) continue;
      ++accepted;
      const double frame[] = {5.5, -3.1};
      const Score& score = (*detector)->score(frame, 0);
      EXPECT_TRUE(std::isfinite(score.score));
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST(Model, AnUnknownMethodIsNamedTogetherWithTheKnownOnes) {
  Model model = pair_model();
  model.lineage.method = "dream";
  auto detector = make_detector(model);
  ASSERT_FALSE(detector.ok());
  EXPECT_EQ(detector.error().code(), base::Code::kUnsupported);
  EXPECT_NE(detector.error().message().find("t2q"), std::string::npos);
}

TEST(Model, AModelThatPredictsIsNoUnknownMethodOfADetector) {
  Model model = pair_model();
  for (const char* method : {"life", "class"}) {
    model.lineage.method = method;
    auto detector = make_detector(model);
    ASSERT_FALSE(detector.ok());
    EXPECT_EQ(detector.error().code(), base::Code::kInvalid);
    EXPECT_NE(detector.error().message().find("predicts"), std::string::npos);
  }
}

TEST(Model, ParametersThatCannotBeAModelAreRefused) {
  const std::vector<void (*)(T2q&)> damages = {
      [](T2q& p) { p.variances[1] = 0; },
      [](T2q& p) { p.variances[0] = kMissing; },
      [](T2q& p) { p.scale[0] = 0; },
      [](T2q& p) { p.scale[0] = -1; },
      [](T2q& p) { p.centre[0] = 1e300; },
      [](T2q& p) { p.vectors[0] = 0.9; },
      [](T2q& p) { p.kept = 0; },
      [](T2q& p) { p.kept = 3; },
      [](T2q& p) { p.smoothing = 0; },
      [](T2q& p) { p.smoothing = 1.5; },
      [](T2q& p) { p.t2_limit = 0; },
      [](T2q& p) { p.q_limit = -1; },
      [](T2q& p) { p.frozen_frames[0] = -1; },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    Model model = pair_model();
    T2q parameters = pair_parameters();
    damages[i](parameters);
    model.body = encode(parameters);
    EXPECT_FALSE(make_detector(model).ok()) << "damage " << i;
  }
  Model model = pair_model();
  model.inputs.pop_back();
  EXPECT_FALSE(make_detector(model).ok());
}

TEST(T2q, StatisticsOfAFrameAreThoseComputedByHand) {
  T2qDetector detector(pair_parameters());
  const double frame[] = {9, -2.5};  // z = (2, 1): t = (3/√2, 1/√2)
  const Score& score = detector.score(frame, 0);
  EXPECT_TRUE(score.valid);
  EXPECT_NEAR(detector.t2(), 4.5 / 1.8 + 0.5 / 0.2, 1e-12);
  EXPECT_NEAR(detector.q(), 0.5, 1e-12);
  EXPECT_NEAR(score.score, std::sqrt(5.0 / 10), 1e-12);
}

T2q random_parameters(std::size_t n, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  T2q p;
  p.kept = n > 1 ? n / 2 : 1;
  p.smoothing = 0.3;
  p.t2_limit = 20;
  p.q_limit = 3;
  p.vectors.assign(n * n, 0);
  for (std::size_t j = 0; j < n; ++j) {  // Gram-Schmidt
    double* v = &p.vectors[j * n];
    for (std::size_t i = 0; i < n; ++i) v[i] = normal(random);
    for (int twice = 0; twice < 2; ++twice) {
      for (std::size_t k = 0; k < j; ++k) {
        double dot = 0;
        for (std::size_t i = 0; i < n; ++i) dot += v[i] * p.vectors[k * n + i];
        for (std::size_t i = 0; i < n; ++i) v[i] -= dot * p.vectors[k * n + i];
      }
    }
    double norm = 0;
    for (std::size_t i = 0; i < n; ++i) norm += v[i] * v[i];
    for (std::size_t i = 0; i < n; ++i) v[i] /= std::sqrt(norm);
    p.centre.push_back(10 * normal(random));
    p.scale.push_back(0.5 + std::abs(normal(random)));
    p.variances.push_back(3.0 / static_cast<double>(j + 1));
    p.frozen_frames.push_back(0);
  }
  return p;
}

// Variances 21 powers of ten apart leave no digits for what fills several gaps.
TEST(T2q, GapsOfAModelThatIsNearlySingularStillGiveNumbers) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 300; ++round) {
    T2q p = random_parameters(12, random);
    for (std::size_t j = 0; j < 12; ++j) p.variances[j] = j % 7 == 0 ? 1e-9 : 1e12;
    p.t2_limit = 1e-9;
    p.q_limit = 1e12;
    T2qDetector detector(p);
    for (int k = 0; k < 20; ++k) {
      std::vector<double> frame;
      for (int i = 0; i < 12; ++i)
        frame.push_back((i + k) % 2 == 0 ? kMissing : 10 * normal(random));
      ASSERT_TRUE(std::isfinite(detector.score(frame, 0).score)) << round;
    }
  }
}

// The combined index straight from its definition.
double index_of(const T2q& p, const std::vector<double>& e) {
  const std::size_t n = e.size();
  double t2 = 0, q = 0;
  for (std::size_t j = 0; j < n; ++j) {
    double t = 0;
    for (std::size_t i = 0; i < n; ++i) t += p.vectors[j * n + i] * e[i];
    t2 += t * t / p.variances[j];
    if (j >= p.kept) q += t * t;
  }
  return t2 / p.t2_limit + q / p.q_limit;
}

TEST(T2q, TheExpectedValueIsTheOneThatMakesTheFrameLeastSurprising) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  for (const std::size_t n : {1u, 2u, 5u, 9u}) {
    T2q p = random_parameters(n, random);
    p.smoothing = 1;
    T2qDetector detector(p);
    std::vector<double> frame(n), e(n);
    for (std::size_t i = 0; i < n; ++i) {
      frame[i] = p.centre[i] + 2 * p.scale[i] * normal(random);
      e[i] = (frame[i] - p.centre[i]) / p.scale[i];
    }
    const Score& score = detector.score(frame, 0);
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> corrected = e;
      corrected[i] = (score.expected[i] - p.centre[i]) / p.scale[i];
      const double at_best = index_of(p, corrected);
      for (const double step : {-1e-3, 1e-3}) {
        std::vector<double> beside = corrected;
        beside[i] += step;
        EXPECT_LT(at_best, index_of(p, beside));
      }
      total += score.shares[i];
    }
    EXPECT_NEAR(total, 1, 1e-9);
  }
}

TEST(T2q, AMissingInputIsImputedSoThatTheScoreIsTheLeastItCouldBe) {
  std::mt19937_64 random(8);
  std::normal_distribution<double> normal;
  T2q p = random_parameters(6, random);
  p.smoothing = 1;
  std::vector<double> frame(6);
  for (std::size_t i = 0; i < 6; ++i) frame[i] = p.centre[i] + p.scale[i] * normal(random);
  std::vector<double> gappy = frame;
  gappy[1] = gappy[4] = kMissing;
  T2qDetector detector(p);
  const Score score = detector.score(gappy, 0);
  ASSERT_TRUE(score.valid);
  EXPECT_EQ(score.shares[1], 0);
  EXPECT_EQ(score.shares[4], 0);
  // Filling in what it expected changes nothing; any other values surprise more.
  std::vector<double> filled = gappy;
  filled[1] = score.expected[1];
  filled[4] = score.expected[4];
  T2qDetector again(p);
  EXPECT_NEAR(again.score(filled, 0).score, score.score, 1e-9);
  std::vector<double> e(6), other(6);
  for (std::size_t i = 0; i < 6; ++i) e[i] = (filled[i] - p.centre[i]) / p.scale[i];
  for (int trial = 0; trial < 100; ++trial) {
    other = e;
    other[1] += 0.1 * normal(random);
    other[4] += 0.1 * normal(random);
    EXPECT_LE(index_of(p, e), index_of(p, other) + 1e-12);
  }
}

TEST(T2q, TheScoreStaysValidWhileHalfOfTheInputsArePresent) {
  std::mt19937_64 random(9);
  const T2q p = random_parameters(4, random);
  T2qDetector detector(p);
  std::vector<double> frame = p.centre;
  frame[0] = frame[2] = kMissing;
  EXPECT_TRUE(detector.score(frame, 0).valid);
  frame[3] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(detector.score(frame, 0).valid);
  EXPECT_EQ(detector.score(frame, 0).score, 0);
  EXPECT_TRUE(detector.score(p.centre, 0).valid);
}

TEST(T2q, AbsurdNumbersGiveAFiniteScoreAndAreForgottenAgain) {
  std::mt19937_64 random(10);
  const T2q p = random_parameters(4, random);
  T2qDetector detector(p);
  for (const double absurd : {1e42, -1e42, 1e308, kMissing}) {
    std::vector<double> frame = p.centre;
    frame[2] = absurd;
    EXPECT_TRUE(std::isfinite(detector.score(frame, 0).score));
  }
  for (int i = 0; i < 60; ++i) detector.score(p.centre, 0);
  EXPECT_LT(detector.score(p.centre, 0).score, 0.01);
}

TEST(T2q, AFrozenInputIsNamedThoughItsValueIsPlausible) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  T2q p = random_parameters(3, random);
  p.variances = {1, 1, 1};
  p.t2_limit = p.q_limit = 1000;
  p.frozen_frames = {50, 50, 0};
  T2qDetector detector(p);
  Score score;
  for (int i = 0; i < 49; ++i) {
    const double frame[] = {p.centre[0] + 0.1 * normal(random), p.centre[1], p.centre[2]};
    score = detector.score(frame, 0);
    EXPECT_LT(score.score, 1);
  }
  for (int i = 0; i < 100; ++i) {
    const double frame[] = {p.centre[0] + 0.1 * normal(random), p.centre[1], p.centre[2]};
    score = detector.score(frame, 0);
  }
  EXPECT_EQ(score.score, kFrozenMost);
  EXPECT_EQ(score.shares[1], 1);
  const double moves[] = {p.centre[0], p.centre[1] + 0.01, p.centre[2]};
  EXPECT_LT(detector.score(moves, 0).score, 1);
}

TEST(T2q, ResetForgetsAllThatWasSeen) {
  std::mt19937_64 random(12);
  const T2q p = random_parameters(5, random);
  T2qDetector fresh(p), used(p);
  std::vector<double> frame = p.centre;
  frame[0] += 3;
  for (int i = 0; i < 20; ++i) used.score(frame, 0);
  used.reset();
  EXPECT_EQ(fresh.score(frame, 0).score, used.score(frame, 0).score);
}

}  // namespace
}  // namespace lander::model
