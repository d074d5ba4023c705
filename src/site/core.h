// The site's state and rules, without threads, sockets or a clock of its own: the shell (server.h,
// or sim) calls it from one thread. What a method returned ok for is durable.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "site/alarms.h"
#include "site/apps.h"
#include "site/context.h"
#include "site/courier.h"
#include "site/identity.h"
#include "site/models.h"
#include "site/store_watch.h"
#include "site/uplink.h"

namespace lander::site {

class Core {
 public:
  // `identity`: empty when the site is not enrolled; it then works alone as tenant "local".
  static base::Result<std::unique_ptr<Core>> open(Context context,
                                                  std::optional<Identity> identity);

  // Observations that the pipelines have seen already: the first of them, as many as fit into one
  // item of the link; returns how many. When it failed nothing is stored.
  base::Result<std::size_t> commit(std::span<const sensing::Observation> observations);
  void signal(const std::string& pipeline, const stream::Signal& signal,
              const std::vector<sensing::Observation>& uncommitted);
  // About once a second: gates, summaries, what to report.
  void tick();

  struct Applied {
    std::uint64_t revision = 0;
    std::vector<std::string> changes;  // "declare datastream/p1", ...
  };
  base::Result<Applied> apply_yaml(std::string_view yaml, const std::string& file,
                                   const std::string& author, bool dry_run);

  // The link. Only when enrolled.
  bool enrolled() const { return uplink_.has_value(); }
  // `carrier`: the id of one of ways().
  base::Result<Uplink::Outgoing> next_message(const std::string& carrier,
                                              std::map<std::string, double> vitals);
  base::Status take_message(base::ByteView sealed, base::DurationUs round_trip);
  // How an exchange over it ended.
  void exchanged(const std::string& carrier, const Ways::Exchange& exchange);
  bool has_waiting(const std::string& carrier);  // something that should go over it now
  // A courier. kConflict: not enrolled.
  std::vector<std::string> peers() const { return courier_.peers(); }
  base::Result<carrier::Part> pickup_part(const carrier::PartAsked& asked,
                                          std::map<std::string, double> vitals);
  base::Status brought(const std::string& peer, base::ByteView sealed);
  const Ways& ways() const { return ways_; }
  Uplink* uplink() { return uplink_ ? &*uplink_ : nullptr; }  // null: not enrolled
  bool fetching() const { return !apps_.wants().empty(); }
  std::uint64_t fetched_bytes() const { return apps_.fetched_bytes(); }  // since the start
  // Enrolled while running: the link comes up without a restart.
  base::Status enrol(Identity identity);

  const twin::Desired& desired() const { return desired_; }
  twin::Reported reported() const;
  Alarms& alarms() { return alarms_; }
  Models& models() { return models_; }
  const StoreWatch& store_watch() const { return store_watch_; }
  std::map<std::string, Uplink::Sent> sent() const {
    return uplink_ ? uplink_->sent() : std::map<std::string, Uplink::Sent>();
  }
  const Context& context() const { return context_; }
  base::DurationUs commit_interval() const { return desired_.commit_interval; }

 private:
  explicit Core(Context context);
  base::Status load(std::optional<Identity> identity);
  void adopt(twin::Desired desired);  // it is durable
  // Another hub than before: what the one before was told and has receipted is nothing to it.
  base::Status meet(const Identity& identity);
  void run(const twin::Desired& before);
  base::Status declare(const sensing::Datastream& wanted);
  void declare_all();
  void report_changes();
  void send_summaries(base::TimeUs now);

  Context context_;
  Alarms alarms_;
  Models models_;
  Apps apps_;
  StoreWatch store_watch_;
  Courier courier_;
  Ways ways_;
  std::optional<Uplink> uplink_;
  twin::Desired desired_;
  std::vector<source::Bound> bound_;
  std::map<std::string, std::string> declare_errors_;  // datastream -> reason
  base::DurationUs next_declare_ = 0;
  std::map<std::string, twin::Component> since_;  // what was reported last, for `since`
  base::Bytes reported_;                          // without times: to see a change
  base::TimeUs summaries_through_ = 0;
};

}  // namespace lander::site
