// The site's end of the link: fills messages for the hub, whichever carrier takes them, and takes
// in what the hub sends, exactly once. Parts: uplink.cc (out), uplink_take.cc (in), uplink_tell.cc
// (how it stands).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "link/brief.h"
#include "link/link.h"
#include "link/outbox.h"
#include "link/short.h"
#include "site/alarms.h"
#include "site/apps.h"
#include "site/context.h"
#include "site/courier.h"
#include "site/identity.h"
#include "site/ways.h"

namespace lander::site {

// Core's thread only.
class Uplink {
 public:
  static constexpr std::size_t kLeastBrief = 64;  // left of a budget, to tell anything with it
  // `courier`: told what the hub holds of the pickup lane.
  Uplink(Context& context, Alarms& alarms, Apps& apps, Ways& ways, Courier& courier,
         Identity identity);
  base::Status load();

  // The next sealed message over a carrier. A full one has heads, receipts, wants and as many
  // waiting items as fit, and is never empty: one without items is the heartbeat. A brief one has
  // alerts in brief; `sealed` is empty when there is none to tell. `more`: items were left over.
  struct Outgoing {
    base::Bytes sealed;
    bool more = false;
    std::size_t items = 0;
    std::uint8_t copies = 1;  // to send of it, within a second
  };
  base::Result<Outgoing> next(const std::string& carrier, std::uint64_t desired_revision,
                              std::map<std::string, double> vitals);
  bool has_waiting(const std::string& carrier);  // something to send over it now
  void lost(const std::string& carrier);         // it does not know that its last message arrived

  // A bundle's head, for whoever makes one: names, epoch, time, instance, receipts, what is gone.
  base::Result<link::Bundle> head(std::uint64_t desired_revision,
                                  std::map<std::string, double> vitals);

  // Opens, checks, makes durable, acts; whichever envelope it is. An item that does not decode is
  // receipted and logged: sending it again would not mend it. Returns a desired state that
  // supersedes the one in force, already durable, for the core to act on. `round_trip`: 0 when it
  // answers nothing that was sent just now.
  base::Result<std::optional<twin::Desired>> take(base::ByteView sealed,
                                                  base::DurationUs round_trip,
                                                  const twin::Desired& in_force);

  // What waits is numbered anew: another machine goes on under this epoch.
  base::Status renew_epoch(const char* why);

  struct Sent {
    std::uint64_t raw = 0, summaries = 0;
  };
  std::map<std::string, Sent> sent() const { return sent_; }  // receipted, by datastream
  const Identity& identity() const { return identity_; }
  // The hub's newest revision is older than ours: it was restored from a copy.
  bool hub_is_behind() const { return hub_is_behind_; }

  // --- How it stands, for people ---
  struct LaneState {
    std::uint8_t lane = 0;
    std::uint64_t waiting = 0, bytes = 0, last = 0;
    base::TimeUs oldest = 0;
    bool unoffered = false;
    std::optional<base::TimeUs> drained;  // forecast
    std::vector<store::GoneRange> gone;
  };
  base::Result<std::vector<LaneState>> lanes() const;
  struct Trace {
    link::Head head;
    std::string type, subject;  // subject: an alert's title
    std::optional<link::Outbox::Flight> flight;
    bool in_brief = false;
    std::vector<std::pair<std::string, link::Why>> carriers;
  };
  // Of the items that wait, the first `max` of each lane; or of one.
  base::Result<std::vector<Trace>> trace(std::optional<std::pair<std::uint8_t, std::uint64_t>> item,
                                         std::size_t max) const;

 private:
  struct Effects;
  // out
  base::Result<Outgoing> next_bundle(const Ways::Way& way, std::uint64_t desired_revision,
                                     std::map<std::string, double> vitals);
  base::Result<Outgoing> next_brief(const Ways::Way& way);
  struct Entries;  // of the dictionary, that the hub does not have yet
  base::Result<Entries> untold_entries() const;
  base::Result<bool> offer_raw(std::size_t bytes);
  base::Result<std::vector<link::Item>> bodies(const std::vector<link::Head>& heads) const;
  base::Result<std::uint64_t> next_counter();
  base::Status keep_counters(std::uint64_t reserved);
  link::Outbox::Heads heads() const;
  base::Status tell_dictionary();
  // in
  base::Result<std::optional<twin::Desired>> take_bundle(base::ByteView sealed,
                                                         base::DurationUs round_trip,
                                                         const twin::Desired& in_force);
  base::Status take_short(base::ByteView sealed);
  base::Status effect(const link::Item& item, const twin::Desired& in_force,
                      Effects& effects) const;
  void receipts(std::vector<link::Receipt> receipts, base::TimeUs sent, bool whole, bool answers);
  base::Status count_sent(std::uint8_t lane, std::uint64_t from, std::uint64_t through);
  base::Status renew_keys();
  // What must be durable before anything is sent, lest two runs or two machines call themselves the
  // same. On a full disk the site works on, and this is tried again with each message.
  base::Status ready();
  base::Status recognise_host();

  Context& context_;
  Alarms& alarms_;
  Apps& apps_;
  Ways& ways_;
  Courier& courier_;
  const Identity identity_;
  link::Outbox outbox_;
  link::Receiver receiver_;
  link::Instance instance_;
  base::TimeUs heard_ = 0;
  base::DurationUs began_ = 0;  // monotonic
  // When the newest bundles went, monotonic, by their `sent`.
  std::map<base::TimeUs, base::DurationUs> sent_at_;
  std::map<std::uint8_t, std::uint64_t> last_at_start_;
  bool hub_is_behind_ = false, ready_ = false;
  std::map<std::string, Sent> sent_;

  // Short messages.
  link::ShortKeys short_keys_;
  std::uint64_t counter_ = 0, counters_reserved_ = 0;
  std::uint64_t kept_down_ = 0;
  std::uint64_t newest_down_ = 0;     // of the hub's counters under these keys
  std::set<std::uint64_t> no_brief_;  // alert items that cannot be told in brief
  // Dictionary items that went with a brief, and with which alert: the hub has both or none.
  std::map<std::uint64_t, std::uint64_t> told_with_;
};

}  // namespace lander::site
