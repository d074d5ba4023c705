#include "sensing/clock.h"

#include <gtest/gtest.h>

#include <random>

namespace lander::sensing {
namespace {

using base::kHour;
using base::kMillisecond;
using base::kMinute;
using base::kSecond;

constexpr base::TimeUs kTruth = 1'795'000'000 * kSecond;  // 2026-11

// A machine whose wall clock is off by `wrong`, and that knows nothing better.
struct Machine {
  std::string boot = "boot-1";
  base::DurationUs wrong = 0;
  base::DurationUs started = 5 * kSecond;  // monotonic time at kTruth
  base::TimeUs truth = kTruth;

  base::DurationUs monotonic() const { return truth - kTruth + started; }
  base::TimeUs wall() const { return truth + wrong; }
  void observe(ClockBook& book) const { book.observe(boot, monotonic(), wall()); }
  void reference(ClockBook& book, base::DurationUs error, base::DurationUs off = 0) const {
    book.reference(boot, monotonic(), wall(), truth + off, error, "hub");
  }
};

TEST(Clock, ABoxThatWokeIn1970TellsTheRightTimeOfItsPastOnceAReferenceCame) {
  ClockBook book;
  Machine box;
  box.wrong = -kTruth + 100 * kSecond;
  box.observe(book);
  const base::TimeUs early = box.wall();
  const base::DurationUs early_commit = box.monotonic() + kSecond;
  EXPECT_EQ(book.utc(box.boot, early_commit, early).error, INT64_MAX);
  box.truth += 6 * kHour;
  box.observe(book);
  box.reference(book, 20 * kMillisecond);
  const auto utc = book.utc(box.boot, early_commit, early);
  EXPECT_EQ(utc.time, kTruth);
  EXPECT_GE(utc.error, 20 * kMillisecond);
  EXPECT_LE(utc.error, 5 * kSecond);  // six hours of a bad crystal
  EXPECT_EQ(book.utc(box.boot, box.monotonic(), box.wall()).time, box.truth);
}

TEST(Clock, AFirstReferenceAfterHoursPlacesTheWholeBootThoughACrystalMightHaveDriftedAsMuch) {
  ClockBook book;
  Machine box;
  box.wrong = 1300 * kMillisecond;
  box.observe(book);
  const base::TimeUs early = box.wall();
  const base::DurationUs early_commit = box.monotonic();
  box.truth += 7 * kHour;  // 2.5 s at 100 ppm
  box.reference(book, 200 * kMillisecond);
  const auto utc = book.utc(box.boot, early_commit, early);
  EXPECT_EQ(utc.time, kTruth);
  EXPECT_LE(utc.error, 3 * kSecond);
}

TEST(Clock, AfterAJumpBothSidesAreRight) {
  ClockBook book;
  Machine box;
  box.observe(book);
  box.reference(book, 10 * kMillisecond);
  const base::TimeUs before = box.wall();
  const base::DurationUs before_commit = box.monotonic();
  box.truth += kMinute;
  box.wrong = -3 * kHour;  // somebody set the clock wrongly
  EXPECT_TRUE(book.observe(box.boot, box.monotonic(), box.wall()));
  EXPECT_EQ(book.utc(box.boot, box.monotonic(), box.wall()).time, box.truth);
  EXPECT_EQ(book.utc(box.boot, before_commit, before).time, kTruth);
  // A sample captured before the jump and committed after it keeps its own side.
  EXPECT_EQ(book.utc(box.boot, box.monotonic(), before + 30 * kSecond).time, kTruth + 30 * kSecond);
}

TEST(Clock, AClockSetFrom1970ToTodayRepairsThePastWithoutAReference) {
  ClockBook book;
  Machine box;
  box.wrong = -kTruth;
  box.observe(book);
  const base::DurationUs commit = box.monotonic();
  box.truth += kMinute;
  box.wrong = 0;
  box.observe(book);
  EXPECT_EQ(book.utc(box.boot, commit, 0).time, kTruth);
  EXPECT_EQ(book.utc(box.boot, commit, 0).error, INT64_MAX);  // a guess, and it says so
}

TEST(Clock, AReferenceThatAgreesNeverMovesTheOffset) {
  ClockBook book;
  Machine box;
  std::mt19937_64 random(1);
  box.observe(book);
  for (int i = 0; i < 5000; ++i) {
    box.truth += 20 * kSecond;
    box.reference(book, 30 * kMillisecond, static_cast<std::int64_t>(random() % 60'000) - 30'000);
  }
  ASSERT_EQ(book.segments().size(), 1u);
  EXPECT_EQ(book.segments()[0].offset, 0);
  EXPECT_LE(book.utc(0, box.wall()).error, 60 * kMillisecond);
}

TEST(Clock, ADriftingClockIsCutAndTheTruthStaysWithinTheError) {
  ClockBook book;
  Machine box;
  std::vector<std::pair<base::DurationUs, base::TimeUs>> samples;  // monotonic, truth
  std::vector<base::TimeUs> claims;
  box.observe(book);
  for (int i = 0; i < 3000; ++i) {
    box.truth += 20 * kSecond;
    // The crystal runs 80 ppm fast, for the wall and the monotonic clock alike.
    const base::DurationUs gained = (box.truth - kTruth) * 80 / 1'000'000;
    const base::DurationUs monotonic = box.monotonic() + gained;
    book.reference(box.boot, monotonic, box.wall() + gained, box.truth, 10 * kMillisecond, "hub");
    samples.emplace_back(monotonic, box.truth);
    claims.push_back(box.wall() + gained);
  }
  EXPECT_GT(book.segments().size(), 5u);
  EXPECT_LT(book.segments().size(), 60u);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto utc = book.utc(box.boot, samples[i].first, claims[i]);
    EXPECT_LE(std::abs(utc.time - samples[i].second), utc.error) << i;
    EXPECT_LE(utc.error, kSecond);
  }
}

TEST(Clock, ASourceWithAGoodClockOfItsOwnIsBelievedOnABoxFrom1970) {
  ClockBook book;
  Machine box;
  box.wrong = -kTruth;
  box.observe(book);
  box.reference(book, kMillisecond);
  EXPECT_EQ(book.utc(box.boot, box.monotonic(), kTruth - kHour).time, kTruth - kHour);
  EXPECT_EQ(book.utc(box.boot, box.monotonic(), 0).time, kTruth);
  const auto offsets = book.offsets();
  EXPECT_NE(std::find(offsets.begin(), offsets.end(), 0), offsets.end());
}

TEST(Clock, BootsDoNotDisturbEachOther) {
  ClockBook book;
  Machine first, second;
  first.wrong = -kTruth;
  first.observe(book);
  first.reference(book, kMillisecond);
  second.boot = "boot-2";
  second.wrong = kHour;
  second.observe(book);
  EXPECT_EQ(book.utc("boot-1", first.monotonic(), 0).time, kTruth);
  EXPECT_EQ(book.utc("boot-2", second.monotonic(), kTruth + kHour).error, INT64_MAX);
  EXPECT_EQ(book.utc("never-seen", 0, 5).time, 5);
}

TEST(Clock, TheBookSurvivesARestart) {
  ClockBook book;
  Machine box;
  box.wrong = -kTruth;
  box.observe(book);
  box.reference(book, kMillisecond);
  box.truth += kMinute;
  box.wrong = kHour;
  box.observe(book);
  std::vector<ClockSegment> read;
  for (const ClockSegment& segment : book.segments()) {
    auto back = decode_clock_segment(encode(segment));
    ASSERT_TRUE(back.ok());
    read.push_back(*back);
  }
  const ClockBook again(read);
  EXPECT_EQ(again.utc(box.boot, 5 * kSecond, 0).time, kTruth);
  EXPECT_EQ(again.utc(box.boot, box.monotonic(), box.wall()).time, box.truth);
  const base::Bytes good = encode(book.segments()[0]);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_clock_segment(base::ByteView(good).first(size)).ok());
  }
}

TEST(Clock, AbsurdClocksAndReferencesNeverOverflow) {
  std::mt19937_64 random(2);
  const auto absurd = [&] {
    switch (random() % 4) {
      case 0:
        return INT64_MIN;
      case 1:
        return INT64_MAX;
      case 2:
        return std::int64_t{0};
      default:
        return static_cast<std::int64_t>(random());
    }
  };
  ClockBook book;
  for (int i = 0; i < 3000; ++i) {
    const std::string boot = "boot-" + std::to_string(random() % 3);
    book.observe(boot, absurd(), absurd());
    book.reference(boot, absurd(), absurd(), absurd(), absurd(), "hub");
    EXPECT_GE(book.utc(boot, absurd(), absurd()).error, 0);
  }
}

}  // namespace
}  // namespace lander::sensing
