// Moves sealed messages between a site and its hub; knows nothing of what is in them. A message is
// the seam: sim has carriers of its own. Kinds: config.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "carrier/config.h"

namespace lander::carrier {

struct Contact {
  std::vector<base::Bytes> received;  // sealed messages from the hub, whichever they answer
  base::DurationUs round_trip = 0;    // 0: they answer nothing that was sent just now
};

// The site's end. One thread at a time, except cancel().
class Carrier {
 public:
  virtual ~Carrier() = default;
  // Delivers one sealed message and brings back what waits. Empty: there is nothing to send, only
  // ask what waits. An error means "not known to have arrived": the sender sends again later. ok
  // means that the carrier took it, not that the hub did: receipts tell that. Blocks at most its
  // own time-out (a minute for the slowest).
  virtual base::Result<Contact> exchange(base::ByteView sealed) = 0;
  // Told when something waits at the other end (a broker pushed it, a modem rings): from any
  // thread, and must return at once. Set before the first exchange(). A carrier that only answers
  // never calls it.
  virtual void on_news(std::function<void()>) {}
  // From any thread: an exchange under way, and every later one, fails soon with kUnavailable. For
  // a program that stops; a carrier that never blocks for long need do nothing.
  virtual void cancel() {}
};

// --- The hub's end of a carrier whose messages come by themselves

struct Address {
  std::string tenant, site;  // as the carrier claims; the envelope proves it
};

class Gateway {
 public:
  virtual ~Gateway() = default;  // stops its thread
  // Queued for the site; not known to arrive. kExhausted: too much waits for it.
  virtual base::Status send(const Address& to, base::ByteView sealed) = 0;
  // For people: why it does not work now; empty: it does.
  virtual std::string failing() const = 0;
};
// Called from the gateway's thread with what came; returns at once.
using Arrived = std::function<void(const Address& from, base::Bytes sealed)>;

}  // namespace lander::carrier
