// What a courier does with a stick: pick up, bring, leave.
#include <algorithm>
#include <map>

#include "base/cbor.h"
#include "carrier/stick.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

// [first, last] -> of one lane, whole on the stick.
using Covered = std::map<std::uint64_t, Stick::Found>;

class Pickup {
 public:
  Pickup(Stick& stick, const Place& place,
         const std::function<base::Result<Part>(const PartAsked&)>& ask,
         const std::function<bool(const PickedUp&)>& told)
      : stick_(stick), place_(place), ask_(ask), told_(told) {}

  base::Result<PickedUp> run() {
    // What it tells first names the epoch; written last, it tells how it ended.
    LANDER_ASSIGN(const Part head, ask_({place_.peer, BundleName::kNoLane, 0, INT64_MAX}));
    epoch_ = head.epoch;
    done_.items_left = head.items_left;
    done_.bytes_left = head.bytes_left;
    LANDER_TRY(tell());
    LANDER_TRY(look());
    for (std::uint8_t lane = 0; lane < link::kLanes; ++lane) LANDER_TRY(lane_by_lane(lane));
    LANDER_TRY(put_head());
    return done_;
  }

 private:
  base::Status tell() {
    if (told_(done_)) return {};
    return Error(Code::kUnavailable,
                 "the pickup was stopped; what is written stays, and the next one goes on there");
  }

  // What is there already, and whole.
  base::Status look() {
    LANDER_ASSIGN(const auto listing, stick_.list(place_.tenant, place_.site));
    for (const auto& file : listing.files) {
      if (file.place != place_ || file.name.series != epoch_) continue;
      if (file.name.lane == BundleName::kNoLane) {
        heads_.push_back(file);
        continue;
      }
      if (const auto bytes = stick_.read(file); !bytes.ok()) {
        if (bytes.error().code() != Code::kCorrupt) return bytes.error();
        LANDER_TRY(stick_.remove(file));
        ++done_.mended;
        continue;
      }
      covered_[file.name.lane].emplace(file.name.first, file);
    }
    return {};
  }

  base::Status lane_by_lane(std::uint8_t lane) {
    std::uint64_t after = 0;
    const Covered& covered = covered_[lane];
    for (auto next = covered.begin();;) {
      const bool any = next != covered.end();
      const std::uint64_t before = any ? next->first : INT64_MAX;
      if (before > after + 1) {
        LANDER_ASSIGN(Part part, ask_({place_.peer, lane, after, before}));
        if (part.epoch != epoch_)
          return Error(Code::kConflict, "the site began a new epoch meanwhile: pick up again");
        done_.items_left = part.items_left;
        done_.bytes_left = part.bytes_left;
        receipted_[lane] = part.receipted;
        if (part.items > 0) {
          if (part.first <= after || part.last >= before || part.first > part.last)
            return Error(Code::kCorrupt, "the site answered with other items than were asked for");
          LANDER_TRY(put(lane, part));
        } else {
          LANDER_TRY(tell());
        }
        const bool moved = part.last > after && part.last < before;
        if (moved) after = part.last;
        // What comes while it is written waits for the next time, or this would never end. Only at
        // the end of a lane are items made, so only there does asking the same again help.
        if (part.more && (moved || !any)) continue;
      }
      if (!any) return drop_receipted(lane);
      after = std::max(after, next->second.name.last);
      ++next;
      ++done_.kept;
    }
  }

  base::Status put(std::uint8_t lane, const Part& part) {
    LANDER_ASSIGN(const BundleName name,
                  stick_.write(place_, {epoch_, lane, part.first, part.last, {}}, part.sealed));
    ++done_.files;
    done_.items += part.items;
    done_.bytes += part.sealed.size();
    return tell();
  }

  base::Status drop_receipted(std::uint8_t lane) {
    for (const auto& [first, file] : covered_[lane]) {
      if (file.name.last > receipted_[lane]) continue;
      LANDER_TRY(stick_.remove(file));
      ++done_.removed;
      --done_.kept;
    }
    return {};
  }

  base::Status put_head() {
    LANDER_ASSIGN(const Part head, ask_({place_.peer, BundleName::kNoLane, 0, INT64_MAX}));
    LANDER_ASSIGN(const BundleName name,
                  stick_.write(place_, {epoch_, BundleName::kNoLane, head.first, head.first, {}},
                               head.sealed));
    for (const auto& old : heads_)
      if (old.name != name) LANDER_TRY(stick_.remove(old));
    done_.items_left = head.items_left;
    done_.bytes_left = head.bytes_left;
    return tell();
  }

  Stick& stick_;
  const Place& place_;
  const std::function<base::Result<Part>(const PartAsked&)>& ask_;
  const std::function<bool(const PickedUp&)>& told_;
  std::uint64_t epoch_ = 0;
  std::map<std::uint8_t, Covered> covered_;
  std::map<std::uint8_t, std::uint64_t> receipted_;
  std::vector<Stick::Found> heads_;
  PickedUp done_;
};

}  // namespace

base::Bytes encode(const Part& part) {
  base::CborWriter out;
  out.array(10).unsigned_integer(1).unsigned_integer(part.epoch).unsigned_integer(part.first);
  out.unsigned_integer(part.last).unsigned_integer(part.items).bytes(part.sealed);
  out.unsigned_integer(part.items_left).unsigned_integer(part.bytes_left);
  out.unsigned_integer(part.receipted).boolean(part.more);
  return out.take();
}

base::Result<Part> decode_part(base::ByteView bytes) {
  base::CborReader in(bytes);
  LANDER_TRY(in.record(10, 1, "a part of a pickup"));
  Part out;
  LANDER_ASSIGN(out.epoch, in.unsigned_integer());
  LANDER_ASSIGN(out.first, in.unsigned_integer());
  LANDER_ASSIGN(out.last, in.unsigned_integer());
  LANDER_ASSIGN(out.items, in.unsigned_integer());
  LANDER_ASSIGN(const auto sealed, in.bytes_of(0, link::kMaxBundleBytes, "a sealed bundle"));
  out.sealed.assign(sealed.begin(), sealed.end());
  LANDER_ASSIGN(out.items_left, in.unsigned_integer());
  LANDER_ASSIGN(out.bytes_left, in.unsigned_integer());
  LANDER_ASSIGN(out.receipted, in.unsigned_integer());
  LANDER_ASSIGN(out.more, in.boolean());
  LANDER_TRY(in.end());
  return out;
}

base::Bytes encode(const WayIn& part) {
  base::CborWriter out;
  out.array(3).unsigned_integer(1).text(part.next).bytes(part.sealed);
  return out.take();
}

base::Result<WayIn> decode_way_in(base::ByteView bytes) {
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, 1, "a part of the way in"));
  WayIn out;
  LANDER_ASSIGN(out.next, in.text_of(0, WayIn::kMaxNext, "where to go on"));
  LANDER_ASSIGN(const auto sealed, in.bytes_of(0, link::kMaxBundleBytes, "a sealed bundle"));
  out.sealed.assign(sealed.begin(), sealed.end());
  LANDER_TRY(in.end());
  return out;
}

base::Result<PickedUp> pick_up(Stick& stick, const Place& place,
                               const std::function<base::Result<Part>(const PartAsked&)>& ask,
                               const std::function<bool(const PickedUp&)>& told) {
  return Pickup(stick, place, ask, told).run();
}

Brought bring(Stick& stick, const Stick::Listing& listing,
              const std::function<base::Status(const Place&, base::ByteView sealed)>& take) {
  Brought out;
  for (const auto& file : listing.files) {
    const auto bytes = stick.read(file);
    const auto taken = bytes.ok() ? take(file.place, *bytes) : base::Status(bytes.error());
    if (taken.ok()) {
      ++out.files;
      out.bytes += bytes->size();
      continue;
    }
    ++out.refused_count;
    if (out.refused.size() < Stick::kMaxIgnored)
      out.refused.push_back(file.place.tenant + "/" + file.place.site + "/" + to_string(file.name) +
                            ": " + taken.error().message());
  }
  return out;
}

base::Result<std::uint64_t> leave(
    Stick& stick, const Place& place, std::uint64_t series,
    const std::function<base::Result<std::optional<base::Bytes>>()>& next) {
  LANDER_ASSIGN(const auto before, stick.list(place.tenant, place.site));
  std::uint64_t count = 0;
  for (;;) {
    LANDER_ASSIGN(const auto bundle, next());
    if (!bundle) break;
    ++count;
    LANDER_ASSIGN(const BundleName name,
                  stick.write(place, {series, BundleName::kNoLane, count, count, {}}, *bundle));
  }
  for (const auto& file : before.files) {
    // A series of the same moment is this one, written again.
    if (file.place == place && file.name.series != series) LANDER_TRY(stick.remove(file));
  }
  return count;
}

}  // namespace lander::carrier
