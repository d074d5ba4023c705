// Sticks that are plugged in, and what is picked up onto them: one job at a time, on a thread of
// its own, in steps of the core's.
//
// A pickup takes the way in first (receipts make room, desired revisions and packages arrive), then
// writes what waits for each recipient. It begins by itself once when a stick that is marked for
// this tenant appears; and when a person asks. Only folders below those where sticks are mounted
// are written to: a site may run as root.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "carrier/stick.h"
#include "os/clock.h"
#include "os/worker.h"
#include "site/carrier_thread.h"

namespace lander::site {

class Pickups {
 public:
  // `roots`: where sticks are mounted, as /media. Borrows the desk and the clock.
  Pickups(CarrierDesk& desk, os::Clock& clock, std::vector<std::string> roots);
  ~Pickups();  // stops a pickup after the file under way

  struct StickState {
    std::string folder;
    bool marked = false, mounted = false;
    std::uint64_t free_bytes = 0;
  };
  std::vector<StickState> sticks() const;  // as of the last look; any thread

  struct State {
    std::string state = "idle";  // "running", "done", "failed"
    std::string folder, peer, reason;
    base::TimeUs began = 0, ended = 0;  // UTC
    base::DurationUs running = 0;       // monotonic
    std::uint64_t brought = 0;          // files taken in from the stick
    std::vector<std::string> refused;   // and those that were not
    carrier::PickedUp done;             // of all recipients together
    double bytes_a_second = 0;
  };
  State state() const;  // any thread
  // `peer` empty: every recipient. kConflict: one runs; kNotFound: no such stick.
  base::Status start(const std::string& folder, const std::string& peer);
  // Something else that takes long, on the same thread. False: too much waits.
  bool post(std::function<void()> work) { return worker_.post(std::move(work)); }

 private:
  struct Mounted {
    std::string root, path;  // path within root
    bool mounted = false;
    std::string folder() const { return root + "/" + path; }
  };
  std::vector<Mounted> candidates() const;
  base::Result<Mounted> find(const std::string& folder) const;
  void look();  // each few seconds
  void run(const Mounted& stick, const std::string& peer);
  base::Status pick_up(const Mounted& stick, const std::string& peer);
  base::Status take_in(carrier::Stick& stick, const std::string& tenant, const std::string& site);
  base::Status write_out(carrier::Stick& stick, const carrier::Place& place);
  template <class Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change(state_);
  }

  CarrierDesk& desk_;
  os::Clock& clock_;
  const std::vector<std::string> roots_;
  std::set<std::string> met_;  // sticks that are there and were picked up by themselves
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // of the next two
  State state_;
  std::vector<StickState> sticks_;
  os::Worker worker_;
};

}  // namespace lander::site
