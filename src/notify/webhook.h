// Tells of alerts by one outgoing webhook: POST JSON, in order, at least once, retried with
// backoff, bounded. A receiver that refuses a notice for good (a 3xx, or a 4xx other than 408 and
// 429) does not hold up those behind it; one that is down does, until the queue is full.
#pragma once

#include <memory>
#include <string>

#include "alert/alert.h"
#include "base/time.h"

namespace lander::notify {

struct Notice {
  std::string tenant, site;
  alert::Event event;
  alert::Alert alert;  // as the event left it
};
std::string to_json(const Notice& notice);  // docs/formats/webhook.md

struct WebhookOptions {
  base::DurationUs first_retry = base::kSecond;  // doubles from failure to failure
  base::DurationUs longest_retry = 5 * base::kMinute;
  base::DurationUs request_timeout = 10 * base::kSecond;
};

// Has a thread of its own and a queue of 1,000; when it is full the oldest goes and is counted.
// Thread-safe.
class Webhook {
 public:
  static constexpr std::size_t kMaxWaiting = 1000;
  // https:// (trusted by the system's authorities) or http://, with a path. kInvalid.
  static base::Result<std::unique_ptr<Webhook>> make(const std::string& url,
                                                     const WebhookOptions& options = {});
  virtual ~Webhook() = default;                 // tries for one more second, then stops
  virtual void tell(const Notice& notice) = 0;  // never blocks
  struct Health {
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;   // refused by the receiver for good
    std::uint64_t dropped = 0;  // the queue was full
    std::uint64_t waiting = 0;  // the one being tried included
    std::string reason;         // of the last attempt that failed; empty after one that did not
  };
  virtual Health health() const = 0;
};

}  // namespace lander::notify
