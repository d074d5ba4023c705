// The site's end of the link: fills bundles for the hub, takes in what the hub sends, exactly once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "link/link.h"
#include "site/alarms.h"
#include "site/apps.h"
#include "site/context.h"
#include "site/identity.h"

namespace lander::site {

// Core's thread only.
class Uplink {
 public:
  Uplink(Context& context, Alarms& alarms, Apps& apps, Identity identity);
  base::Status load();

  // The next sealed bundle: heads, receipts, wants and as many waiting items as fit, lanes in
  // order. `more`: items were left over. Never empty: a bundle without items is the heartbeat.
  struct Outgoing {
    base::Bytes sealed;
    bool more = false;
    std::size_t items = 0;
  };
  base::Result<Outgoing> next(std::uint64_t desired_revision, std::map<std::string, double> vitals);
  bool has_waiting() const;  // something to send now
  void lost();               // the carrier does not know that the last bundle arrived

  // Opens, checks, makes durable, acts. An item that does not decode is receipted and logged:
  // sending it again would not mend it. Returns a desired state that supersedes the one in force,
  // already durable, for the core to act on.
  base::Result<std::optional<twin::Desired>> take(base::ByteView sealed,
                                                  base::DurationUs round_trip,
                                                  const twin::Desired& in_force);

  struct Sent {
    std::uint64_t raw = 0, summaries = 0;
  };
  std::map<std::string, Sent> sent() const { return sent_; }  // receipted, by datastream

 private:
  struct Effects;
  base::Status effect(const link::Item& item, const twin::Desired& in_force,
                      Effects& effects) const;
  void receipt(const link::Receipt& receipt);
  base::Status count_sent(std::uint8_t lane, std::uint64_t from, std::uint64_t through);

  Context& context_;
  Alarms& alarms_;
  Apps& apps_;
  const Identity identity_;
  link::Sender sender_;
  link::Receiver receiver_;
  std::map<std::string, Sent> sent_;
  std::map<std::uint8_t, std::uint64_t>
      forgotten_;  // lane -> items up to it are receipted and gone
};

}  // namespace lander::site
