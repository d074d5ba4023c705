// What a site's store must hold: the same calls, followed by the simplest code that can be right.
// No part of `store` is in it; time comes from sensing::ClockBook, which has tests of its own.
//
// A picture is all that can be asked of a store, in sections, as bytes: two stores that hold the
// same give the same pictures.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sensing/clock.h"
#include "store/store.h"

namespace lander::sim {

inline constexpr store::Lane kRawLane = 3;
inline constexpr const char* kRecordKinds[] = {"mark", "model"};

// A clock that is told what it shows; copies go on on their own.
class ToldClock final : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return wall; }
  base::DurationUs monotonic_us() const override { return monotonic; }
  std::string boot_id() const override { return "boot-" + std::to_string(boot); }
  void pass(base::DurationUs time) {
    wall += time;
    monotonic += time;
  }
  void reboot(base::TimeUs shows) {
    ++boot;
    wall = shows;
    monotonic = base::kSecond;
  }
  base::TimeUs wall = 0;
  base::DurationUs monotonic = base::kSecond;
  int boot = 1;
};

using Picture = std::map<std::string, std::string>;
// The first section that differs, said for people; nothing when they are the same.
std::optional<std::string> difference(const Picture& expected, const Picture& found);

class StoreTruth {
 public:
  struct Row {
    sensing::Observation observation;  // as it was committed
    std::string boot;
    base::DurationUs monotonic = 0;
  };
  struct Waiting {
    std::uint64_t number;
    std::string type;
    base::Bytes body;
  };
  struct LaneTruth {
    std::uint64_t last = 0;
    std::deque<Waiting> waiting;
  };

  void opened(const os::Clock& clock);
  store::SeriesKey declared(const sensing::Datastream& datastream);
  // What commit() must return.
  store::Committed committed(const store::Batch& batch, const os::Clock& clock);
  void referred(const os::Clock& clock, base::TimeUs reference, base::DurationUs error,
                std::string_view source);
  void forgot(store::Lane lane, std::uint64_t through);
  void put(const std::array<std::uint8_t, 32>& sha256, base::ByteView content);
  // Raw blocks that somebody took from the outbox: they must stay what they are until forgotten.
  base::Status took_raw(const std::vector<store::Item>& items);
  // What waits there now, once all was offered: with what was forgotten, each raw observation once.
  std::optional<std::string> raw_is_whole(const std::vector<store::Item>& items) const;

  bool repeated(const sensing::Observation& observation) const;
  // Of one series; ascending by UTC.
  std::vector<store::Sample> samples(store::SeriesKey key) const;
  Picture picture() const;

  const std::vector<sensing::Datastream>& datastreams() const { return datastreams_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::map<store::Lane, LaneTruth>& lanes() const { return lanes_; }
  const std::map<std::array<std::uint8_t, 32>, base::Bytes>& objects() const { return objects_; }

 private:
  std::vector<sensing::Datastream> datastreams_;  // key - 1
  std::vector<Row> rows_;
  std::map<std::pair<std::string, std::string>, base::Bytes> records_;
  std::map<store::Lane, LaneTruth> lanes_;
  std::map<std::array<std::uint8_t, 32>, base::Bytes> objects_;
  std::map<std::uint64_t, std::vector<std::string>> raw_taken_;  // by item number
  std::vector<std::string> raw_gone_;                            // in items that were forgotten
  std::uint64_t raw_forgotten_ = 0;                              // numbers
  sensing::ClockBook book_, saved_;  // as the process knows it, and as it stands on disk
};

// Asks a store for everything that StoreTruth::picture() says.
base::Result<Picture> picture_of(const store::Store& store);

}  // namespace lander::sim
