// A seeded life of one store on a SimDisk: commits of every kind with late, repeated and
// out-of-order data, records, items, clock references, background work, restarts and crashes.
// Follows with StoreTruth what was acknowledged, and knows at every moment what a store that is
// found on this disk now may hold.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/files.h"
#include "sim/store_truth.h"
#include "sim/vfs.h"

namespace lander::sim {

// What is known of a store at one moment.
struct Standing {
  StoreTruth truth;  // acknowledged
  // ... if the call under way took effect, or one that failed: that may show after the next start,
  // but never in the store that said so, nor after another call wrote and succeeded.
  std::vector<StoreTruth> doubts;
  std::optional<store::Batch> in_flight;
  ToldClock clock;
  std::string call;
  // Of truth and doubts in their order, as a store tells it that is opened now. Made when asked
  // for.
  mutable std::vector<Picture> pictures;
};

// How the store is opened; its files stand in /d.
inline constexpr const char* kStorePath = "/d/site.db";
store::Store::Options store_options(const SimVfs& vfs, os::Files& files, os::Clock& clock,
                                    os::Random& random);
std::string said(const sensing::Observation& observation);  // for messages
// A store knows the last 64 again that have no number of their own; which are the last is its own
// affair once it was opened anew. So these are tried while a series has no more.
inline constexpr std::size_t kRemembered = 50;

// Opens what stands on `disk` after a cut of this kind, compares it with what is known, offers
// again what was under way, goes on for a while, and looks at the file itself. Nothing: all is
// well.
std::optional<std::string> examine(SimDisk& disk, const Standing& standing, Cut cut, bool thorough);

class StoreWork {
 public:
  StoreWork(SimDisk& disk, std::uint64_t seed);
  ~StoreWork();

  // One more step. An error is a violation: what the store did is not what it promises. While the
  // disk fails, calls may, and are made again; with the disk well again they must succeed.
  std::optional<std::string> step();
  const Standing& standing() const { return now_; }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t refused() const { return refused_; }  // calls that failed
  std::uint64_t wiped() const { return wiped_; }      // observations

  // Stops with kGaveUp after so many calls that failed, as a caller does that is switched off.
  void give_up_after(std::uint64_t refusals) { give_up_ = refusals; }
  static constexpr const char* kGaveUp = "gave up";

 private:
  using Try = std::optional<std::string>;
  // Makes a call until it succeeds; `effect` is what it then did.
  Try attempt(const std::string& call, const std::function<void(StoreTruth&)>& effect,
              const std::function<base::Status()>& run);
  Try refuse(const std::string& call, const base::Error& error, std::uint64_t failed_before);
  Try open();
  Try commit(const store::Batch& batch);
  Try put_objects(const store::Batch& batch);
  Try declare();
  Try refer();
  Try forget();
  Try offer();
  Try pick_up();
  Try wipe();
  Try upkeep();
  Try restart();
  store::Batch batch();
  void add_rows(store::Batch& batch);
  std::optional<sensing::Observation> repeat(store::SeriesKey key, std::uint64_t with_it);
  sensing::Observation row(store::SeriesKey key);
  sensing::Value value(sensing::Kind kind);
  std::uint64_t sequence(store::SeriesKey key, bool& late);

  SimDisk& disk_;
  SimVfs vfs_;
  SimFiles files_;
  SimRandom random_;
  Standing now_;
  base::TimeUs utc_ = 1'795'046'400 * base::kSecond;
  std::unique_ptr<store::Store> store_;
  std::uint64_t steps_ = 0, made_ = 0, refused_ = 0, wiped_ = 0, give_up_ = UINT64_MAX;
  std::map<std::array<std::uint8_t, 32>, base::Bytes> contents_;  // of objects
  std::map<store::SeriesKey, std::uint64_t> sequences_;
  std::map<store::SeriesKey, std::vector<std::uint64_t>> skipped_;
};

}  // namespace lander::sim
