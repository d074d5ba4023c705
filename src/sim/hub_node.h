// The hub as a machine: disk, clock, the real core over them, and a lake that counts.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "hub/core.h"
#include "sim/chronicle.h"
#include "sim/clock.h"
#include "sim/files.h"
#include "sim/fixtures.h"
#include "sim/lake.h"
#include "sim/vfs.h"
#include "site/identity.h"

namespace lander::sim {

class HubNode {
 public:
  HubNode(const base::TimeUs& truth, Chronicle& chronicle, SimRandom random,
          const Fixtures& fixtures, SimLake::Faults faults);
  ~HubNode() { drop(); }

  // `dies_within`: disk operations after which the power goes again.
  bool boot(std::optional<std::uint64_t> dies_within = {});
  bool up() const { return core_ != nullptr; }
  void stop();  // cleanly
  void cut(Cut cut);
  void cut_within(std::uint64_t operations, Cut cut);
  void tick();
  void set_disk_full(bool full);

  // The tenant, its trust and its packages; once, before anything goes wrong.
  void prepare();
  site::Identity admit(const std::string& site);

  // Nothing: no answer came (it is down, died, or refused).
  std::optional<base::Bytes> exchange(const std::string& key_id, base::ByteView sealed,
                                      bool damaged);
  // By a carrier that has no keys of its own.
  std::optional<base::Bytes> arrived(const std::string& site, base::ByteView sealed);
  void apply(const std::string& site, const std::string& yaml);
  void handle_alert(const std::string& site, alert::EventKind kind);
  void roll_out(const std::string& version, const std::vector<std::string>& sites);

  hub::Core& core() { return *core_; }
  SimLake& lake() { return *lake_; }
  SimDisk& disk() { return disk_; }
  const SimVfs& vfs() const { return vfs_; }
  const access::Scope& scope() const { return scope_; }
  // Alert events that people made here and were told of as done: (site, event id).
  const std::set<std::pair<std::string, std::string>>& events() const { return events_; }

 private:
  bool open();
  void drop();
  std::optional<base::Bytes> took(base::Result<base::Bytes> reply, std::uint64_t items_before,
                                  bool damaged);
  void after_call();
  void must(const base::Status& status, const std::string& what);

  const base::TimeUs& truth_;
  Chronicle& chronicle_;
  SimRandom random_;
  const Fixtures& fixtures_;
  const SimLake::Faults faults_;
  SimDisk disk_;
  SimVfs vfs_;
  SimFiles files_;
  SimClock clock_;
  hub::Keys keys_;
  const access::Scope scope_{kTenant, "bo", access::Role::kAdmin};
  std::optional<Cut> died_;
  bool disk_full_ = false;
  std::set<std::pair<std::string, std::string>> events_;

  std::unique_ptr<hub::State> state_;
  std::unique_ptr<SimLake> lake_;
  std::unique_ptr<hub::Core> core_;
};

}  // namespace lander::sim
