// What a site or hub sends next, over which carrier: the best bytes first, each once, again only
// when it must. Pure; the owner keeps the items, and asks here for each message.
//
// Lanes go in order; within the alert lane by worth and then age, within the others by number. An
// item may go over a carrier when it is worth more than its bytes cost there, when no cheaper
// carrier that has contact is about to take it, and while the budget lasts. What was sent is under
// way until a receipt covers it, the carrier says that it was lost, or its patience ends: two round
// trips by Terms::delay and half a minute, at least.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "link/link.h"
#include "link/terms.h"

namespace lander::link {

// An item that waits, without its body.
struct Head {
  std::uint8_t lane = 0;
  std::uint64_t number = 0;
  std::size_t bytes = 0;  // of the body
  double worth = 0;       // what its arrival is worth, in the currency of Terms::price
  base::TimeUs created = 0, expires = 0;  // UTC; 0: never
};

// How a carrier stands now.
struct Standing {
  Terms terms;
  bool brief = false;  // it takes alerts in brief only
  std::size_t max_message = 0;
  bool contact = true;  // by its plan
  bool up = false;      // and its last exchange succeeded, or there was none yet
  std::uint64_t left = UINT64_MAX, left_for_others = UINT64_MAX;  // of its budget
};

// Why an item does not go over a carrier now.
enum class Why : std::uint8_t {
  kNext,       // it goes with the next message
  kUnderWay,   // sent, and not receipted
  kNoticed,    // the hub has it in brief; the whole goes by another carrier
  kNoContact,  // by the plan
  kDown,
  kBudget,
  kTooLarge,
  kTooCostly,  // it is worth less than its bytes cost
  kCheaper,    // a cheaper carrier is about to take it
  kNoBrief,    // the carrier takes alerts in brief only, and this is none
  kBehind,     // others go first
  kCourier,    // its lane goes by courier only
};
std::string_view to_string(Why why);

class Outbox {
 public:
  // Nothing more is sent of a lane while so many of its ranges are under way.
  static constexpr std::size_t kMaxFlights = 4096;
  static constexpr std::size_t kMaxAlertHeads = 4096;
  static constexpr base::DurationUs kPatience = 20 * base::kSecond;  // at least

  explicit Outbox(std::uint64_t epoch) : epoch_(epoch) {}
  std::uint64_t epoch() const { return epoch_; }

  // The peer's receipts, as they came together; those of another epoch are ignored. `sent`: the
  // peer's time of them; INT64_MIN: not told. `whole`: a lane that has none holds nothing (a
  // bundle's; those of a short message are some). `answers`: they answer what this run sent, so
  // they are none that was long under way: only such may take back. Returns the lanes whose
  // through() moved.
  struct Moved {
    // The owner forgets items up to it.
    std::vector<std::pair<std::uint8_t, std::uint64_t>> forward;  // lane, through
    // Later receipts hold less than earlier ones did: the peer was restored from an older copy.
    // What it no longer holds waits again; the owner recalls it.
    std::vector<std::pair<std::uint8_t, std::uint64_t>> back;
  };
  Moved receipts(const std::vector<Receipt>& receipts, base::TimeUs sent, bool whole, bool answers);
  void noticed(const Ranges& alerts) { noticed_.merge(alerts); }
  bool noticed(std::uint64_t alert) const { return noticed_.contains(alert); }
  // Up to here everything is receipted and forgotten (as the owner stored it).
  void set_through(std::uint8_t lane, std::uint64_t through);
  std::uint64_t through(std::uint8_t lane) const;

  // Reads heads of a lane, ascending after `after`, at most `max`.
  using Heads = std::function<base::Result<std::vector<Head>>(
      std::uint8_t lane, std::uint64_t after, std::size_t max)>;
  struct Room {
    std::size_t bytes = 0, items = 0;  // of bodies, with wire_bytes()'s overhead
    std::uint8_t first_lane = kLaneAlert, last_lane = kLaneBulk;
  };
  // What goes over `carrier` next, in the order it goes; it is not under way until sent(). `all`:
  // every carrier of the site, this one among them.
  base::Result<std::vector<Head>> choose(const Standing& carrier, const std::vector<Standing>& all,
                                         const Room& room, base::DurationUs monotonic_now,
                                         const Heads& heads);
  void sent(const Standing& carrier, const std::vector<Head>& items,
            base::DurationUs monotonic_now);
  // The carrier says that what it took last did not arrive.
  void lost(const std::string& carrier);

  // Why does this item not go over this carrier now; and since when is it under way, over which.
  struct Flight {
    std::uint64_t first = 0, last = 0;
    std::string carrier;
    base::DurationUs at = 0, patience = 0;
  };
  // kBehind is not told: that takes a choose().
  Why why(const Head& head, const Standing& carrier, const std::vector<Standing>& all) const;
  std::optional<Flight> flight(std::uint8_t lane, std::uint64_t number) const;
  bool held(std::uint8_t lane, std::uint64_t number) const;

 private:
  struct Lane {
    Ranges held;
    std::map<std::uint64_t, Flight> flights;  // by first; disjoint
  };
  void sweep(base::DurationUs monotonic_now);  // what lasts too long is under way no more
  bool affordable(const Head& head, const Standing& carrier) const;
  bool cheaper_takes(const Head& head, const Standing& carrier,
                     const std::vector<Standing>& all) const;
  bool take_receipt(std::uint8_t lane, const Ranges& held, Moved& moved);
  base::Status choose_alerts(const Standing& carrier, const std::vector<Standing>& all,
                             const Heads& heads, std::vector<Head>& out) const;
  base::Status choose_in_order(std::uint8_t lane, const Standing& carrier,
                               const std::vector<Standing>& all, std::size_t max_bytes,
                               std::size_t max_items, const Heads& heads,
                               std::vector<Head>& out) const;

  std::uint64_t epoch_;
  base::TimeUs newest_receipts_ = INT64_MIN;
  std::map<std::uint8_t, Lane> lanes_;
  Ranges noticed_;
  std::map<std::uint64_t, Flight> told_;  // alerts in brief, under way, by number
};

// --- How long it will take --------------------------------------------------------------------

struct Backlog {
  std::uint8_t lane = 0;
  std::uint64_t items = 0, bytes = 0;
  double bytes_a_second_in = 0;  // what is added meanwhile
  double worth = 0;              // of an item, as of the first that waits
};
struct Pace {
  Standing carrier;
  double bytes_a_second = 0;  // as measured; 0: never had contact, its budget alone counts
};
// When each lane will be empty, if all goes on as it does: UTC; nothing: not within 400 days.
std::vector<std::pair<std::uint8_t, std::optional<base::TimeUs>>> drained(
    const std::vector<Backlog>& lanes, const std::vector<Pace>& carriers, base::TimeUs utc);

}  // namespace lander::link
