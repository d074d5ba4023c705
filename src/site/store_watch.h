// How the site's store does: what people must know of it becomes alarms, and how fast it fills is
// measured.
//
// Alarms, under rules "store/...": while the disk refuses observations (critical); once for what is
// lost by damage (high) and, once a day and datastream, for what went by its policy for room (low).
// The last two are over when they are raised and stay until somebody has seen them.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "site/alarms.h"
#include "site/context.h"

namespace lander::site {

// Core's thread only, but for growth() and the like.
class StoreWatch {
 public:
  StoreWatch(Context& context, Alarms& alarms) : context_(context), alarms_(alarms) {}
  base::Status load();

  void refused(const base::Error& error);  // by the store: observations
  void accepted();                         // observations are durable; cheap
  void tick(base::TimeUs now);

  // Any thread. Bytes a day, by what the store took a day ago and takes now; nothing before there
  // is a day to compare. It may be below 0: thinning makes room.
  std::optional<double> bytes_a_day() const;
  // Any thread: until the room is used up; nothing when it is not known or does not fill.
  std::optional<double> days_left(const store::Stats& stats) const;
  std::uint64_t last_incident() const;  // any thread: the newest that is known

 private:
  struct Size {
    base::TimeUs time;
    std::uint64_t bytes;
  };
  void take_incidents(base::TimeUs now);
  void tell(const store::Incident& incident);
  std::string asset_of(const std::string& datastream) const;
  void raise(const std::string& rule, alert::Info info, base::TimeUs time, bool stays);
  void measure(base::TimeUs now);
  void save();

  Context& context_;
  Alarms& alarms_;
  bool refusing_ = false;
  bool changed_ = false;                              // since it was saved
  std::map<std::string, base::TimeUs> thinned_told_;  // datastream -> when
  mutable std::mutex mutex_;                          // sizes_, incident_
  std::deque<Size> sizes_;                            // each hour of the last day, and one before
  std::uint64_t incident_ = 0;
};

}  // namespace lander::site
