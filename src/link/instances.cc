#include "link/instances.h"

#include <algorithm>

#include "base/cbor.h"
#include "link/codec.h"

namespace lander::link {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr base::TimeUs kOnlyByCourier = INT64_MAX;

std::vector<Receipt> of_epoch(const std::vector<Receipt>& receipts, std::uint64_t epoch) {
  std::vector<Receipt> out;
  std::copy_if(receipts.begin(), receipts.end(), std::back_inserter(out),
               [&](const Receipt& receipt) { return receipt.epoch == epoch; });
  return out;
}

}  // namespace

Instances::Verdict Instances::see(const Bundle& bundle, const std::vector<Receipt>& held,
                                  base::TimeUs now, bool& changed, bool by_courier) {
  changed = false;
  auto epoch = std::find_if(epochs_.begin(), epochs_.end(),
                            [&](const Epoch& e) { return e.id == bundle.epoch; });
  if (epoch == epochs_.end()) {
    if (epochs_.size() == kMaxEpochs) epochs_.erase(epochs_.begin());
    epochs_.push_back({bundle.epoch, by_courier ? kOnlyByCourier : now, {}, {}});
    epoch = std::prev(epochs_.end());
    changed = true;
  } else if (epoch->began == kOnlyByCourier && !by_courier) {
    epoch->began = now;
    std::rotate(epoch, std::next(epoch), epochs_.end());
    epoch = std::prev(epochs_.end());
    changed = true;
  }
  auto& starts = epoch->starts;
  const Instance& instance = bundle.instance;
  const auto known = starts.find(instance.starts);
  const auto before = starts.find(instance.starts - 1);
  const bool forked = known != starts.end()
                          ? known->second.id != instance.id
                          : before != starts.end() && before->second.id != instance.parent;
  // A later epoch began, and this one has heard what was sent since: both are alive.
  const bool both = !forked && std::any_of(std::next(epoch), epochs_.end(),
                                           [&](const Epoch& e) { return bundle.heard > e.began; });
  if (both && cloned_since_ == 0) {
    cloned_since_ = now;
    changed = true;
  }
  if (forked) return Verdict::kForked;
  if (known == starts.end()) {
    starts[instance.starts] = {instance.id, of_epoch(held, bundle.epoch)};
    if (starts.size() > kMaxStarts) starts.erase(starts.begin());
    changed = true;
  }
  return Verdict::kGoesOn;
}

bool Instances::newest(const Bundle& bundle) {
  const auto epoch = std::find_if(epochs_.begin(), epochs_.end(),
                                  [&](const Epoch& e) { return e.id == bundle.epoch; });
  if (epoch == epochs_.end()) return false;
  auto& newest = epoch->newest;
  const std::uint64_t starts = bundle.instance.starts;
  if (starts > newest.starts) newest = {starts, INT64_MIN, INT64_MIN};
  if (starts < newest.starts || (bundle.sent <= newest.sent && bundle.heard <= newest.heard))
    return false;
  newest.sent = std::max(newest.sent, bundle.sent);
  newest.heard = std::max(newest.heard, bundle.heard);
  return true;
}

std::uint64_t Instances::newest_epoch() const {
  const auto last = std::find_if(epochs_.rbegin(), epochs_.rend(),
                                 [](const Epoch& e) { return e.began != kOnlyByCourier; });
  return last == epochs_.rend() ? 0 : last->id;
}

// What both chains have in common was receipted when the first of the two went its own way.
std::vector<Receipt> Instances::receipts(const Bundle& forked) const {
  const auto epoch = std::find_if(epochs_.begin(), epochs_.end(),
                                  [&](const Epoch& e) { return e.id == forked.epoch; });
  if (epoch == epochs_.end()) return {};
  // The first start of the other chain that is not this one's: theirs of this number, or the one
  // before, whose child this one does not name.
  auto parted = epoch->starts.find(forked.instance.starts);
  const auto before = epoch->starts.find(forked.instance.starts - 1);
  if (before != epoch->starts.end() && before->second.id != forked.instance.parent) {
    parted = before;
  }
  return parted == epoch->starts.end() ? std::vector<Receipt>() : parted->second.held;
}

base::Bytes Instances::encode() const {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).integer(cloned_since_).array(epochs_.size());
  for (const Epoch& epoch : epochs_) {
    out.array(3).unsigned_integer(epoch.id).integer(epoch.began).array(epoch.starts.size());
    for (const auto& [number, start] : epoch.starts) {
      out.array(3).unsigned_integer(number).unsigned_integer(start.id).array(start.held.size());
      for (const Receipt& receipt : start.held) {
        out.array(2).unsigned_integer(receipt.lane);
        put_ranges(out, receipt.held);
      }
    }
  }
  return out.take();
}

base::Result<Instances> Instances::decode(base::ByteView bytes) {
  Instances out;
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, kFormat, "starts of a site"));
  LANDER_ASSIGN(out.cloned_since_, in.integer());
  LANDER_ASSIGN(const std::uint64_t epochs, in.array_up_to(kMaxEpochs, "epochs"));
  for (std::uint64_t i = 0; i < epochs; ++i) {
    Epoch epoch;
    LANDER_TRY(in.array_of(3, "epoch"));
    LANDER_ASSIGN(epoch.id, in.unsigned_integer());
    LANDER_ASSIGN(epoch.began, in.integer());
    LANDER_ASSIGN(const std::uint64_t starts, in.array_up_to(kMaxStarts, "starts"));
    for (std::uint64_t k = 0; k < starts; ++k) {
      LANDER_TRY(in.array_of(3, "start"));
      LANDER_ASSIGN(const std::uint64_t number, in.unsigned_integer());
      if (!epoch.starts.empty() && number <= epoch.starts.rbegin()->first) {
        return in.corrupt("starts in their order");
      }
      Start& start = epoch.starts[number];
      LANDER_ASSIGN(start.id, in.unsigned_integer());
      LANDER_ASSIGN(const std::uint64_t lanes, in.array_up_to(kLanes, "lanes"));
      for (std::uint64_t n = 0; n < lanes; ++n) {
        Receipt receipt;
        receipt.epoch = epoch.id;
        LANDER_TRY(in.array_of(2, "receipt"));
        LANDER_ASSIGN(receipt.lane, read_lane(in));
        LANDER_ASSIGN(receipt.held, read_ranges(in));
        start.held.push_back(std::move(receipt));
      }
    }
    if (std::any_of(out.epochs_.begin(), out.epochs_.end(),
                    [&](const Epoch& e) { return e.id == epoch.id; })) {
      return in.corrupt("each epoch once");
    }
    out.epochs_.push_back(std::move(epoch));
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace lander::link
