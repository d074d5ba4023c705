// What a site's store must hold: the same calls, followed by the simplest code that can be right.
// No part of `store` is in it; time comes from sensing::ClockBook, which has tests of its own.
//
// A picture is all that can be asked of a store, in sections, as bytes: two stores that hold the
// same give the same pictures.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sensing/clock.h"
#include "store/store.h"

namespace lander::sim {

inline constexpr store::Lane kRawLane = 3, kPickupLane = 4;
inline constexpr store::Lane kExits[] = {kRawLane, kPickupLane};
inline bool is_exit(store::Lane lane) { return lane == kRawLane || lane == kPickupLane; }
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
    bool may_go = false;  // a wipe that is under way, or failed, may have taken it
    bool wiped = false;
  };
  // An item, as it stays when it is receipted: it may be recalled.
  struct Numbered {
    store::NewItem item;
    // It need not be there: it expires, which upkeep may have seen or not; or it was gone when its
    // number was receipted.
    bool fleeting = false;
    bool superseded = false;
  };
  struct LaneTruth {
    std::uint64_t floor = 0;
    std::vector<Numbered> items;  // number - 1
  };
  // What somebody took from an exit.
  struct ExitTruth {
    std::uint64_t floor = 0;
    std::map<std::uint64_t, std::vector<std::string>> taken;  // by number
  };
  using RawItems = std::map<store::Lane, std::vector<store::Item>>;

  void opened(const os::Clock& clock);
  store::SeriesKey declared(const sensing::Datastream& datastream);
  // What commit() must return.
  store::Committed committed(const store::Batch& batch, const os::Clock& clock);
  void referred(const os::Clock& clock, base::TimeUs reference, base::DurationUs error,
                std::string_view source);
  void forgot(store::Lane lane, std::uint64_t through);
  void recalled(store::Lane lane, std::uint64_t through);
  void picked_up() { pickup_ = true; }
  // What is older and receipted may go from now on...
  void may_wipe(base::TimeUs before);
  bool may_go() const;
  // ... and did, where this store has it no more; then it is over.
  base::Status settle_wiped(const store::Store& store);
  void put(const std::array<std::uint8_t, 32>& sha256, base::ByteView content);
  // Raw blocks that somebody took from the outbox: they must stay what they are until forgotten.
  base::Status took_raw(const RawItems& items);
  // What waits there now, once all was offered: with what was forgotten, each raw observation once.
  std::optional<std::string> raw_is_whole(const RawItems& items) const;

  bool repeated(const sensing::Observation& observation) const;
  // Of one series; ascending by UTC.
  std::vector<store::Sample> samples(store::SeriesKey key) const;
  Picture picture() const;

  const std::vector<sensing::Datastream>& datastreams() const { return datastreams_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::map<std::array<std::uint8_t, 32>, base::Bytes>& objects() const { return objects_; }

 private:
  const sensing::Policy& policy(store::SeriesKey key) const;  // of its newest revision
  void put_lane(store::Lane lane, const LaneTruth& truth, Picture& out) const;
  void put_total(store::SeriesKey key, std::string& out) const;

  std::vector<sensing::Datastream> datastreams_;  // key - 1
  std::vector<Row> rows_;
  std::map<std::pair<std::string, std::string>, base::Bytes> records_;
  std::map<store::Lane, LaneTruth> lanes_;
  std::map<std::array<std::uint8_t, 32>, base::Bytes> objects_;
  std::map<store::Lane, ExitTruth> exits_;
  bool pickup_ = false;
  sensing::ClockBook book_, saved_;  // as the process knows it, and as it stands on disk
};

base::Result<StoreTruth::RawItems> raw_items(const store::Store& store);
// Asks a store for everything that StoreTruth::picture() says.
base::Result<Picture> picture_of(const store::Store& store);

}  // namespace lander::sim
