// One thread for each carrier: contacts the hub over it, retries with growing patience. A slow one
// (a satellite's session takes half a minute) never holds up another.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "carrier/carrier.h"
#include "site/core.h"

namespace lander::site {

// What it asks of the server around it; any thread.
class CarrierDesk {
 public:
  virtual ~CarrierDesk() = default;
  // Runs on the core's thread and waits. False: stopping.
  virtual bool run_on_core(std::function<void(Core&)> work) = 0;
  virtual std::map<std::string, double> vitals() const = 0;
  // A carrier began to work, or ceased to: another one may have to take over.
  virtual void carrier_changed() = 0;
};

class CarrierThread {
 public:
  CarrierThread(CarrierDesk& desk, carrier::Config config,
                std::unique_ptr<carrier::Carrier> carrier, base::DurationUs contact_every);
  ~CarrierThread();  // cancels what is under way and waits for the thread
  const carrier::Config& config() const { return config_; }
  void hurry();                          // something should not wait for the next heartbeat
  base::DurationUs next_try_in() const;  // as of when it began to wait
  bool connected() const;                // its last exchange succeeded

 private:
  struct Look;  // how things stand before a contact
  void loop();
  bool look(Look& out);
  // One exchange, or some copies of it. Returns how long to wait; nothing: stopping.
  std::optional<base::DurationUs> contact(const Look& before);
  bool pause(base::DurationUs wait);  // false: stopping
  base::DurationUs patience(std::uint64_t failures, bool priced) const;

  CarrierDesk& desk_;
  const carrier::Config config_;
  const std::unique_ptr<carrier::Carrier> carrier_;
  const base::DurationUs contact_every_;
  base::DurationUs next_heartbeat_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, due_ = false, news_ = false;
  // A long message that broke off goes on where it did, if it is the same bytes again.
  std::optional<Uplink::Outgoing> broken_;
  int broken_times_ = 0;
  std::uint64_t failures_ = 0;
  bool connected_ = false;
  base::DurationUs next_try_in_ = 0;
  std::thread thread_;
};

}  // namespace lander::site
