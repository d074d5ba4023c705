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
    return committed.ok() ? *committed : Committed();
  }
  std::vector<Sample> all(SeriesKey key, base::TimeUs from = INT64_MIN, base::TimeUs to = INT64_MAX,
                          std::size_t limit = SIZE_MAX) {
    std::vector<Sample> out;
    auto status = store_->read(key, from, to, limit, [&](const Sample& sample) {
      out.push_back(sample);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status.error().message();
    return out;
  }

  std::filesystem::path folder_;
  HandClock clock_;
  Store::Options options_;
  std::unique_ptr<Store> store_;
};

inline sensing::Observation at(SeriesKey key, base::TimeUs time, sensing::Value value,
                               std::uint64_t sequence = 0,
                               sensing::Quality quality = sensing::Quality::kGood) {
  return {key, quality, time, sequence, std::move(value)};
}

}  // namespace lander::store
