// The site's alarms: what pipelines signal and people decide, made durable, told and queued for the
// hub.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "alert/alert.h"
#include "link/brief.h"
#include "site/context.h"

namespace lander::site {

// Core's thread only.
class Alarms {
 public:
  explicit Alarms(Context& context) : context_(context) {}
  base::Status load();

  // An edge from a pipeline. Raised in memory and told at once, then committed with its evidence;
  // when the commit fails the event waits and is tried again by tick(): an alarm is never held back
  // by the disk.
  void signal(const std::string& pipeline, const stream::Signal& signal,
              const std::vector<sensing::Observation>& uncommitted);
  // A person's event, durable when it returns.
  base::Result<alert::Alert> command(const alert::Event& event);
  // From the hub: the record to commit with the receipt; accepted() after that commit.
  base::Result<store::Record> from_hub(const alert::Event& event) const;
  void accepted(const alert::Event& event);
  // A pipeline is gone, or runs again without its past: alarms of its rules that nobody raises any
  // more end.
  void end_all(const std::string& pipeline, const std::string& why);
  void started(const std::string& pipeline);
  void rebound(const std::string& pipeline);  // the same, but what it raised counts on
  void tick(base::TimeUs now);

  const alert::Book& book() const { return book_; }
  // What the hub was told of it by items, so that an alert can be told in brief.
  const link::Dictionary& dictionary() const { return dictionary_; }
  std::uint64_t raised_since_start(const std::string& pipeline) const;

 private:
  struct Run {
    base::DurationUs since = 0;  // monotonic
    std::uint64_t raised = 0;
    std::set<std::string> seen;  // rules raised in this run
    bool settled = false;        // leftovers of the run before were ended
  };
  // Sets the ids of an event of the site's own; a new alert's, too, when it has none.
  void name(alert::Event& event);
  void record(const alert::Event& event, bool to_hub);
  store::NewItem item_of(const alert::Event& event) const;
  void write_waiting();
  // The event as the hub may see it: without values of datastreams whose policy is `uplink: never`.
  alert::Event for_hub(const alert::Event& event) const;
  void announce(const alert::Event& event);
  alert::Evidence evidence(const alert::Info& info, base::TimeUs now,
                           const std::vector<sensing::Observation>& uncommitted) const;
  void clear(const alert::Alert& alert, base::TimeUs now, const std::string& why);

  struct Waiting {
    alert::Event event;
    bool to_hub;
  };
  Context& context_;
  alert::Book book_;
  link::Dictionary dictionary_;
  std::uint16_t salt_ = 0;       // counted on, so that no two ids of a millisecond are alike
  std::deque<Waiting> waiting_;  // applied and told, not durable yet
  std::map<std::string, Run> runs_;
};

}  // namespace lander::site
