// What the tests of store share: a clock that stands still until told, and a folder that goes away.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "store/store.h"

namespace lander::store {

constexpr base::TimeUs kNow = 1'795'000'000 * base::kSecond;

class HandClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return wall; }
  base::DurationUs monotonic_us() const override { return monotonic; }
  std::string boot_id() const override { return boot; }
  void pass(base::DurationUs time) {
    wall += time;
    monotonic += time;
  }
  base::TimeUs wall = kNow;
  base::DurationUs monotonic = base::kSecond;
  std::string boot = "boot-1";
};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("lander-store-") + test->name() + "-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_.path = folder_ / "site.db";
    options_.clock = &clock_;
    options_.raw_lane = 3;
    options_.compact_frames = 1;
    open();
  }
  ~StoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    store_.reset();
    auto opened = Store::open(options_);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store_ = std::move(*opened);
    ASSERT_TRUE(store_->offer_raw(1 << 20).ok());  // there is a link
  }
  SeriesKey declare(const std::string& id, sensing::Kind kind = sensing::Kind::kNumber,
                    sensing::Uplink uplink = sensing::Uplink::kSummary) {
    sensing::Datastream d;
    d.id = id;
    d.asset = "acme/north/p1";
    d.property = "pressure";
    d.kind = kind;
    d.policy.uplink = uplink;
    auto key = store_->declare(d);
    EXPECT_TRUE(key.ok()) << key.error().message();
    return key.ok() ? *key : 0;
  }
  Committed commit(const Batch& batch) {
    auto committed = store_->commit(batch);
    EXPECT_TRUE(committed.ok()) << committed.error().message();
    if (compact_every_ != 0 && ++commits_ % compact_every_ == 0) keep_up();
    return committed.ok() ? *committed : Committed();
  }
  // All that upkeep has to do now.
  void keep_up() {
    for (int step = 0;; ++step) {
      const auto more = store_->upkeep();
      ASSERT_TRUE(more.ok()) << more.error().message();
      if (!*more) return;
      ASSERT_LT(step, 100'000) << "upkeep does not end";
    }
  }
  // Into items.
  void offer() {
    for (;;) {
      const auto more = store_->offer_raw(1 << 20);
      ASSERT_TRUE(more.ok()) << more.error().message();
      if (!*more) return;
    }
  }
  std::vector<Sample> all(SeriesKey key, base::TimeUs from = INT64_MIN, base::TimeUs to = INT64_MAX,
                          std::size_t limit = SIZE_MAX) {
    std::vector<Sample> out;
    auto gaps = store_->read(key, from, to, limit, [&](const Sample& sample) {
      out.push_back(sample);
      return true;
    });
    EXPECT_TRUE(gaps.ok()) << gaps.error().message();
    gaps_ = gaps.ok() ? *gaps : std::vector<Gap>();
    return out;
  }

  std::filesystem::path folder_;
  HandClock clock_;
  Store::Options options_;
  std::unique_ptr<Store> store_;
  std::size_t compact_every_ = 0, commits_ = 0;
  std::vector<Gap> gaps_;  // of the last all()
};

// What must hold wherever data stands: in frames, in chunks, or in both. The parameter: how many
// commits come between compactions; 0: none.
class Everywhere : public StoreTest, public testing::WithParamInterface<std::size_t> {
 protected:
  Everywhere() { compact_every_ = GetParam(); }
};
inline std::string place_name(const testing::TestParamInfo<std::size_t>& info) {
  return info.param == 0   ? "InFrames"
         : info.param == 1 ? "InChunks"
                           : "CompactedEach" + std::to_string(info.param);
}
#define LANDER_EVERYWHERE(suite) \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values(0, 1, 3), place_name)

inline sensing::Observation at(SeriesKey key, base::TimeUs time, sensing::Value value,
                               std::uint64_t sequence = 0,
                               sensing::Quality quality = sensing::Quality::kGood) {
  return {key, quality, time, sequence, std::move(value)};
}

}  // namespace lander::store
