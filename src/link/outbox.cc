#include "link/outbox.h"

#include <algorithm>

namespace lander::link {
namespace {

constexpr std::size_t kHeadsAtOnce = 500;
constexpr std::size_t kBundleBytes = 2 << 10;  // of a bundle beside its items, sealed, about
constexpr std::size_t kBriefBytes = 32;    // of an alert in brief, with its part of the envelope
constexpr std::size_t kItemOverhead = 64;  // of an item within a bundle, at most: wire_bytes()

std::size_t wire_bytes_of(const Head& head) { return head.bytes + kItemOverhead; }

base::DurationUs patience_of(const Terms& terms) {
  return std::max(Outbox::kPatience, 4 * terms.delay + 30 * base::kSecond * (terms.delay > 0));
}

}  // namespace

std::string_view to_string(Why why) {
  switch (why) {
    case Why::kNext:
      return "next";
    case Why::kUnderWay:
      return "under-way";
    case Why::kNoticed:
      return "told-in-brief";
    case Why::kNoContact:
      return "no-contact";
    case Why::kDown:
      return "down";
    case Why::kBudget:
      return "budget-spent";
    case Why::kTooLarge:
      return "too-large";
    case Why::kTooCostly:
      return "too-costly";
    case Why::kCheaper:
      return "cheaper-first";
    case Why::kNoBrief:
      return "no-brief";
    case Why::kBehind:
      return "behind-others";
    case Why::kCourier:
      return "by-courier";
  }
  return "unknown";
}

// False: it held more before.
bool Outbox::take_receipt(std::uint8_t number, const Ranges& held, Moved& moved) {
  Lane& lane = lanes_[number];
  const std::uint64_t before = lane.held.through();
  if (held.through() < before) return false;
  lane.held.merge(held);
  const std::uint64_t through = lane.held.through();
  std::erase_if(lane.flights, [&](const auto& flight) { return flight.second.last <= through; });
  if (number == kLaneAlert) told_.erase(told_.begin(), told_.upper_bound(through));
  if (through > before) moved.forward.emplace_back(number, through);
  return true;
}

Outbox::Moved Outbox::receipts(const std::vector<Receipt>& receipts, base::TimeUs sent, bool whole,
                               bool answers) {
  Moved out;
  std::map<std::uint8_t, const Ranges*> of;
  for (const Receipt& receipt : receipts) {
    if (receipt.epoch == epoch_ && receipt.lane < kLanes) of[receipt.lane] = &receipt.held;
  }
  if (of.empty()) return out;
  const bool newer = sent > newest_receipts_;
  newest_receipts_ = std::max(newest_receipts_, sent);
  static const Ranges kNone;
  for (std::uint8_t lane = 0; lane < kLanes; ++lane) {
    const auto found = of.find(lane);
    if (found == of.end() && !whole) continue;
    const Ranges& held = found == of.end() ? kNone : *found->second;
    if (take_receipt(lane, held, out) || !newer || !answers) continue;
    lanes_[lane] = {held, {}};
    if (lane == kLaneAlert) noticed_ = {};
    out.back.emplace_back(lane, held.through());
  }
  return out;
}

void Outbox::set_through(std::uint8_t lane, std::uint64_t through) {
  if (through == 0) return;
  const auto held = Ranges::from({{1, through}});
  if (held.ok()) lanes_[lane].held.merge(*held);
}

std::uint64_t Outbox::through(std::uint8_t lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? 0 : found->second.held.through();
}

bool Outbox::held(std::uint8_t lane, std::uint64_t number) const {
  const auto found = lanes_.find(lane);
  return found != lanes_.end() && found->second.held.contains(number);
}

std::optional<Outbox::Flight> Outbox::flight(std::uint8_t lane, std::uint64_t number) const {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return std::nullopt;
  const auto after = found->second.flights.upper_bound(number);
  if (after == found->second.flights.begin()) return std::nullopt;
  const Flight& flight = std::prev(after)->second;
  return flight.last >= number ? std::optional(flight) : std::nullopt;
}

void Outbox::sweep(base::DurationUs monotonic_now) {
  const auto late = [&](const auto& entry) {
    return monotonic_now - entry.second.at >= entry.second.patience;
  };
  for (auto& [number, lane] : lanes_) std::erase_if(lane.flights, late);
  std::erase_if(told_, late);
}

bool Outbox::affordable(const Head& head, const Standing& carrier) const {
  const std::size_t bytes = carrier.brief ? kBriefBytes : wire_bytes_of(head);
  return head.worth >= carrier.terms.price * static_cast<double>(bytes);
}

// A cheaper carrier that works takes it within its patience, or shows meanwhile that it does not.
bool Outbox::cheaper_takes(const Head& head, const Standing& carrier,
                           const std::vector<Standing>& all) const {
  return std::any_of(all.begin(), all.end(), [&](const Standing& other) {
    if (other.terms.id == carrier.terms.id || !other.up || other.brief) return false;
    if (other.terms.price >= carrier.terms.price) return false;
    const std::uint64_t left = head.lane == kLaneAlert ? other.left : other.left_for_others;
    return wire_bytes_of(head) <= std::min<std::uint64_t>(left, other.max_message);
  });
}

Why Outbox::why(const Head& head, const Standing& carrier, const std::vector<Standing>& all) const {
  if (!carrier.contact) return Why::kNoContact;
  if (!carrier.up) return Why::kDown;
  const bool alert = head.lane == kLaneAlert;
  if (carrier.brief) {
    if (!alert) return Why::kNoBrief;
    if (noticed_.contains(head.number)) return Why::kNoticed;
    if (told_.contains(head.number)) return Why::kUnderWay;
  } else if (flight(head.lane, head.number)) {
    return Why::kUnderWay;
  }
  if (!affordable(head, carrier)) return Why::kTooCostly;
  if (!carrier.brief && wire_bytes_of(head) + kBundleBytes > carrier.max_message)
    return Why::kTooLarge;
  const std::size_t bytes = carrier.brief ? kBriefBytes : wire_bytes_of(head);
  if ((alert ? carrier.left : carrier.left_for_others) < bytes) return Why::kBudget;
  if (cheaper_takes(head, carrier, all)) return Why::kCheaper;
  return Why::kNext;
}

base::Status Outbox::choose_alerts(const Standing& carrier, const std::vector<Standing>& all,
                                   const Heads& heads, std::vector<Head>& out) const {
  LANDER_ASSIGN(auto waiting, heads(kLaneAlert, through(kLaneAlert), kMaxAlertHeads));
  std::erase_if(waiting, [&](const Head& head) {
    return held(kLaneAlert, head.number) || why(head, carrier, all) != Why::kNext;
  });
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Head& a, const Head& b) { return a.worth > b.worth; });
  out = std::move(waiting);
  return {};
}

// Reads on until the message is full, past what is held or under way.
base::Status Outbox::choose_in_order(std::uint8_t lane, const Standing& carrier,
                                     const std::vector<Standing>& all, std::size_t max_bytes,
                                     std::size_t max_items, const Heads& heads,
                                     std::vector<Head>& out) const {
  std::uint64_t after = through(lane);
  std::size_t bytes = 0;
  for (;;) {
    while (const auto under_way = flight(lane, after + 1)) after = under_way->last;
    LANDER_ASSIGN(const auto waiting, heads(lane, after, kHeadsAtOnce));
    if (waiting.empty()) return {};
    for (const Head& head : waiting) {
      after = head.number;
      if (held(lane, head.number) || why(head, carrier, all) != Why::kNext) continue;
      bytes += wire_bytes_of(head);
      out.push_back(head);
      if (bytes >= max_bytes || out.size() >= max_items) return {};
    }
  }
}

base::Result<std::vector<Head>> Outbox::choose(const Standing& carrier,
                                               const std::vector<Standing>& all, const Room& room,
                                               base::DurationUs monotonic_now, const Heads& heads) {
  sweep(monotonic_now);
  std::vector<Head> out;
  std::size_t bytes = 0;
  const std::uint8_t last = carrier.brief ? std::uint8_t{kLaneAlert} : room.last_lane;
  for (std::uint8_t lane = room.first_lane; lane <= last; ++lane) {
    const auto found = lanes_.find(lane);
    if (found != lanes_.end() && found->second.flights.size() >= kMaxFlights) continue;
    std::vector<Head> next;
    const std::uint64_t left = lane == kLaneAlert ? carrier.left : carrier.left_for_others;
    const std::size_t most =
        std::min<std::uint64_t>(room.bytes, std::max<std::uint64_t>(left, bytes)) - bytes;
    if (lane == kLaneAlert) {
      LANDER_TRY(choose_alerts(carrier, all, heads, next));
    } else {
      LANDER_TRY(choose_in_order(lane, carrier, all, most, room.items - out.size(), heads, next));
    }
    std::size_t taken = 0;
    for (const Head& head : next) {
      const std::size_t size = carrier.brief ? kBriefBytes : wire_bytes_of(head);
      if (out.size() >= room.items) return out;
      // What does not fit goes first next time; what follows it would overtake it. The room is a
      // wish only: one that is larger goes alone, or it would hold up its lane for ever.
      const bool alone = out.empty() && size <= left;
      if (taken + size > most && !alone) return out;
      taken += size;
      out.push_back(head);
    }
    bytes += taken;
    if (out.size() >= room.items) break;
  }
  return out;
}

void Outbox::sent(const Standing& carrier, const std::vector<Head>& items,
                  base::DurationUs monotonic_now) {
  const base::DurationUs patience = patience_of(carrier.terms);
  for (const Head& head : items) {
    Flight flight{head.number, head.number, carrier.terms.id, monotonic_now, patience};
    if (carrier.brief) {
      told_[head.number] = std::move(flight);
      continue;
    }
    auto& flights = lanes_[head.lane].flights;
    auto after = flights.upper_bound(head.number);
    if (after != flights.begin()) {
      Flight& before = std::prev(after)->second;
      if (before.last + 1 == head.number && before.carrier == flight.carrier &&
          before.at == monotonic_now) {
        before.last = head.number;
        continue;
      }
    }
    flights.emplace_hint(after, head.number, std::move(flight));
  }
}

void Outbox::lost(const std::string& carrier) {
  const auto of_it = [&](const auto& entry) { return entry.second.carrier == carrier; };
  for (auto& [number, lane] : lanes_) std::erase_if(lane.flights, of_it);
  std::erase_if(told_, of_it);
}

}  // namespace lander::link
