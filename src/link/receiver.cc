#include <algorithm>

#include "base/cbor.h"
#include "link/codec.h"
#include "link/link.h"

namespace lander::link {
namespace {

constexpr std::uint64_t kFormat = 1;

}  // namespace

const Receiver::Epoch* Receiver::find(std::uint64_t id) const {
  const auto found =
      std::find_if(epochs_.begin(), epochs_.end(), [&](const Epoch& e) { return e.id == id; });
  return found == epochs_.end() ? nullptr : &*found;
}

// Or too many are: a peer gone mad.
bool Receiver::is_closed(std::uint64_t epoch) const {
  return closed_.size() >= kMaxClosed ||
         std::find(closed_.begin(), closed_.end(), epoch) != closed_.end();
}

bool Receiver::fresh(std::uint64_t epoch, const Item& item) const {
  if (item.lane >= kLanes) return false;
  const Epoch* known = find(epoch);
  if (known == nullptr) return !is_closed(epoch) && Ranges().can_add(item.number);
  const auto lane = known->lanes.find(item.lane);
  return lane == known->lanes.end() ? Ranges().can_add(item.number)
                                    : lane->second.can_add(item.number);
}

Ranges& Receiver::lane_of(std::uint64_t epoch, std::uint8_t lane) {
  if (find(epoch) == nullptr) {
    if (epochs_.size() == kMaxEpochs) {
      closed_.push_back(epochs_.front().id);
      epochs_.erase(epochs_.begin());
    }
    epochs_.push_back({epoch, {}});
  }
  const auto known =
      std::find_if(epochs_.begin(), epochs_.end(), [&](const Epoch& e) { return e.id == epoch; });
  return known->lanes[lane];
}

bool Receiver::take(std::uint64_t epoch, const Item& item) {
  if (!fresh(epoch, item)) return false;
  return lane_of(epoch, item.lane).add(item.number);
}

bool Receiver::skip(std::uint64_t epoch, const std::vector<Tombstone>& gone) {
  bool news = false;
  for (const Tombstone& tombstone : gone) {
    if (tombstone.lane >= kLanes || tombstone.numbers.ranges().empty()) continue;
    if (find(epoch) == nullptr && is_closed(epoch)) return false;
    Ranges& lane = lane_of(epoch, tombstone.lane);
    const Ranges before = lane;
    lane.merge(tombstone.numbers);
    news = news || lane.ranges() != before.ranges();
  }
  return news;
}

bool Receiver::holds(std::uint64_t epoch, std::uint8_t lane, std::uint64_t number) const {
  const Epoch* known = find(epoch);
  if (known == nullptr) return false;
  const auto ranges = known->lanes.find(lane);
  return ranges != known->lanes.end() && ranges->second.contains(number);
}

std::vector<Receipt> Receiver::receipts(std::uint64_t epoch) const {
  std::vector<Receipt> out;
  const auto add = [&](const Epoch& known) {
    for (const auto& [lane, ranges] : known.lanes) {
      const auto& all = ranges.ranges();
      const auto end =
          all.size() <= kReceiptRanges ? all.end() : std::next(all.begin(), kReceiptRanges);
      auto held = Ranges::from({all.begin(), end});
      LANDER_CHECK(held.ok());
      out.push_back({known.id, lane, *std::move(held)});
    }
  };
  if (const Epoch* known = find(epoch)) add(*known);
  if (out.empty()) out.push_back({epoch, kLaneAlert, {}});
  const auto other =
      std::find_if(epochs_.rbegin(), epochs_.rend(), [&](const Epoch& e) { return e.id != epoch; });
  if (other != epochs_.rend()) add(*other);
  return out;
}

base::Bytes Receiver::encode() const {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).array(epochs_.size());
  for (const Epoch& epoch : epochs_) {
    out.array(2).unsigned_integer(epoch.id).array(epoch.lanes.size());
    for (const auto& [lane, ranges] : epoch.lanes) {
      out.array(2).unsigned_integer(lane);
      put_ranges(out, ranges);
    }
  }
  out.array(closed_.size());
  for (const std::uint64_t id : closed_) out.unsigned_integer(id);
  return out.take();
}

base::Result<Receiver> Receiver::decode(base::ByteView bytes) {
  Receiver out;
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, kFormat, "journal of a peer"));
  LANDER_ASSIGN(const std::uint64_t epochs, in.array_up_to(kMaxEpochs, "epochs"));
  for (std::uint64_t i = 0; i < epochs; ++i) {
    Epoch epoch;
    LANDER_TRY(in.array_of(2, "epoch"));
    LANDER_ASSIGN(epoch.id, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t lanes, in.array());
    for (std::uint64_t k = 0; k < lanes; ++k) {
      LANDER_TRY(in.array_of(2, "lane"));
      LANDER_ASSIGN(const std::uint8_t lane, read_lane(in));
      if (!epoch.lanes.empty() && lane <= epoch.lanes.rbegin()->first) {
        return in.corrupt("ascending lanes");
      }
      LANDER_ASSIGN(epoch.lanes[lane], read_ranges(in));
    }
    if (out.find(epoch.id) != nullptr) return in.corrupt("each epoch once");
    out.epochs_.push_back(std::move(epoch));
  }
  LANDER_ASSIGN(const std::uint64_t closed, in.array_up_to(kMaxClosed, "closed epochs"));
  for (std::uint64_t i = 0; i < closed; ++i) {
    LANDER_ASSIGN(const std::uint64_t id, in.unsigned_integer());
    out.closed_.push_back(id);
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace lander::link
