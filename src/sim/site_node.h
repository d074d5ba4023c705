// A site as a machine: disk, clock, equipment, and the real core over them, without threads. It
// dies whenever its disk does; whoever calls looks at up() afterwards.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/chronicle.h"
#include "sim/files.h"
#include "sim/ledger.h"
#include "sim/plant.h"
#include "sim/vfs.h"
#include "site/core.h"

namespace lander::sim {

class SiteNode final : public site::Shell {
 public:
  struct Faults {  // to check the checks
    bool acknowledge_early = false;
    bool lying_disk = false;
  };
  SiteNode(std::string name, const base::TimeUs& truth, Chronicle& chronicle, SimRandom random,
           Faults faults);
  ~SiteNode() override { stop(); }

  void set_identity(site::Identity identity) { identity_ = std::move(identity); }
  // After a power cut it is a new boot, whose wall clock is anything; otherwise the process begins
  // anew. False: it died again on the way (or broke a promise, which the chronicle has).
  // `dies_within`: disk operations after which the power goes again.
  bool boot(std::optional<std::uint64_t> dies_within = {});
  bool up() const { return core_ != nullptr; }
  void cut(Cut cut);                                   // at once
  void cut_within(std::uint64_t operations, Cut cut);  // in the midst of what comes next
  void stop();                                         // cleanly

  void step();  // the equipment delivers, pipelines evaluate, all is committed, the core ticks
  std::optional<site::Uplink::Outgoing> next_message(const std::string& carrier);
  void take_message(base::ByteView sealed, base::DurationUs round_trip);
  void exchanged(const std::string& carrier, const site::Ways::Exchange& exchange);
  // What a person does here; refused ones are fine.
  void apply(const std::string& yaml);
  void handle_alert(alert::EventKind kind);
  void use_model(const model::Model& model);

  const site::Identity& identity() const { return *identity_; }
  const std::string& name() const { return name_; }
  site::Core& core() { return *core_; }
  store::Store& store() { return *store_; }
  SimDisk& disk() { return disk_; }
  const SimVfs& vfs() const { return vfs_; }
  SimClock& clock() { return clock_; }
  Plant& plant() { return plant_; }
  const Ledger& ledger() const { return ledger_; }
  bool contacted(int boot) const { return contacted_.contains(boot); }
  int incarnation() const { return incarnation_; }  // changes with every start of the process
  bool take_news() { return std::exchange(news_, false); }  // an alert was told since the last call
  void pause_sources() { paused_ = true; }                  // they have nothing more to tell
  void set_source_down(bool down) { source_down_ = down; }
  const std::string& key_id() const { return key_id_; }
  void set_key_id(std::string id) { key_id_ = std::move(id); }
  void set_disk_full(bool full);
  bool disk_full() const { return disk_full_; }

  // Shell
  void run_sources(const std::vector<source::Config>& sources,
                   const std::vector<source::Bound>& bound) override;
  std::map<std::string, source::Health> source_health() const override;
  void install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                        std::vector<sensing::SeriesKey> series) override;
  void remove_pipeline(const std::string& id) override;
  std::map<std::string, site::Engine::PipelineHealth> pipeline_health() const override;
  void set_webhook(const std::optional<twin::Webhook>&) override {}
  void run_carriers(const std::vector<carrier::Config>&) override {}
  bool learn(const site::LearnJob&) override { return false; }
  void tell(const notify::Notice& notice) override;
  void publish(std::string_view, std::string) override {}

 private:
  bool open();
  void after_call();  // dead disk, dead machine
  void drop();
  void deliver(const source::Bound& bound, const Reading& reading);
  void commit();
  // A failure is a broken promise, unless the disk was full or died.
  void must(const base::Status& status, const char* what);
  void check_counts();

  const std::string name_;
  const base::TimeUs& truth_;
  Chronicle& chronicle_;
  SimRandom random_;
  const Faults faults_;
  SimDisk disk_;
  SimVfs vfs_;
  SimFiles files_;
  SimClock clock_;
  Plant plant_;
  Ledger ledger_;
  std::optional<site::Identity> identity_;
  std::string key_id_;
  std::optional<Cut> died_ = Cut::kPower;  // how the last run ended; nothing: cleanly
  bool disk_full_ = false, source_down_ = false, paused_ = false, news_ = false;
  std::string why_not_;  // it did not start the last time
  int incarnation_ = 0;
  std::set<int> contacted_;

  // Of the running process.
  std::unique_ptr<LedgerStore> store_;
  site::Engine engine_;
  std::unique_ptr<site::Core> core_;
  std::vector<source::Config> sources_;
  std::vector<source::Bound> bound_;
  std::vector<sensing::Observation> uncommitted_;
};

}  // namespace lander::sim
