// Tells of alerts by one outgoing webhook: POST JSON, at least once, retried with backoff, bounded.
#pragma once

#include <memory>
#include <string>

#include "alert/alert.h"
#include "os/clock.h"

namespace lander::notify {

struct Notice {
  std::string tenant, site;
  alert::Event event;
  alert::Alert alert;
};
std::string to_json(const Notice& notice);  // docs/formats/webhook.md

// Has a thread of its own and a queue of 1,000; when it is full the oldest goes and is counted.
class Webhook {
 public:
  static base::Result<std::unique_ptr<Webhook>> make(const std::string& url);
  virtual ~Webhook() = default;  // tries for one more second, then stops
  virtual void tell(const Notice& notice) = 0;
  struct Health {
    std::uint64_t delivered = 0, failed = 0, dropped = 0, waiting = 0;
    std::string reason;
  };
  virtual Health health() const = 0;
};

}  // namespace lander::notify
