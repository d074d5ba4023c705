// lander-site: the threads, sockets and drivers around the core.
//
// Threads: HTTP I/O; pipeline (Intake); core (all state, all commits); reader (queries, password
// checks, starting and stopping of drivers); upkeep (the store's background work); trainer;
// webhook; courier (sticks, wiping); one for each source and each carrier. Nobody waits for a
// slower one: the core never reads much, the pipeline never touches the disk.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/gate.h"
#include "api/live.h"
#include "carrier/carrier.h"
#include "http/server.h"
#include "notify/webhook.h"
#include "os/lock.h"
#include "os/worker.h"
#include "site/carrier_thread.h"
#include "site/core.h"
#include "site/drivers.h"
#include "site/intake.h"
#include "site/pickups.h"

namespace lander::site {

struct ServerOptions {
  std::string data;  // DATA: everything this site keeps
  std::string host = "0.0.0.0";
  std::uint16_t port = 8443;
  std::string name;  // until it is enrolled; empty: the host's name
  base::DurationUs contact_every = 20 * base::kSecond;
  std::vector<std::string> sticks = {"/media", "/run/media"};  // where they are mounted
};

class Server : public Shell, public CarrierDesk {
 public:
  static base::Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server()
      override;  // stops sources, commits what came, tells the supervisor nothing: main() does
  std::uint16_t port() const { return http_->port(); }
  std::string name() const;  // any thread; another one after it was enrolled

  // Shell
  void run_sources(const std::vector<source::Config>& sources,
                   const std::vector<source::Bound>& bound) override;
  std::map<std::string, source::Health> source_health() const override;
  void install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                        std::vector<sensing::SeriesKey> series) override;
  void remove_pipeline(const std::string& id) override;
  std::map<std::string, Engine::PipelineHealth> pipeline_health() const override;
  void set_webhook(const std::optional<twin::Webhook>& webhook) override;
  void run_carriers(const std::vector<carrier::Config>& carriers) override;
  bool learn(const LearnJob& job) override;
  void tell(const notify::Notice& notice) override;
  void publish(std::string_view event, std::string json) override;

  // For the API (api.cc), from the I/O thread: runs `work` on the thread that owns what it uses,
  // answers 503 when too much waits there.
  void on_core(http::Responder responder, std::function<http::Response(Core&)> work);
  void on_reader(http::Responder responder, std::function<http::Response()> work);
  // First on the core, which returns what to read, then that on the reader.
  void then_read(http::Responder responder,
                 std::function<std::function<http::Response()>(Core&)> work);
  store::Store& store() { return *store_; }
  os::Clock& clock() { return clock_; }
  api::Live& live() { return live_; }
  Drivers& drivers() { return drivers_; }
  Pickups& pickups() { return *pickups_; }

  struct LinkState {
    bool enrolled = false;
    std::string hub, reason;  // reason: why it could not join its hub
  };
  LinkState link_state() const;
  std::map<std::string, base::DurationUs> next_tries() const;  // by carrier
  bool connected() const;                                      // by any carrier
  std::map<std::string, double> vitals() const override;
  std::string metrics() const;
  struct StoreHealth {
    store::Stats stats;
    std::uint64_t log_bytes = 0, last_incident = 0;
    std::optional<double> bytes_a_day, days_left;  // nothing: not known (store_watch.h)
    // Of what is compacted, with all that stands beside it; nothing: there is none.
    std::optional<double> bytes_per_observation() const;
  };
  StoreHealth store_health() const;
  std::string failing() const;  // empty: fine
  bool alive() const;           // the core's thread goes on, whatever the disk does

  struct Job {
    std::string state = "running", reason, model, asset;  // "done", "failed", "cancelled"
    double progress = 0;
    std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  };
  // Trains on the trainer's thread, which runs only when no other wants the processor; the model
  // becomes the asset's shadow. kUnavailable: it is busy.
  base::Result<std::string> start_job(const LearnJob& job);
  std::optional<Job> job(const std::string& id) const;
  // What it makes is thrown away. False: no such job, or it is over.
  bool cancel_job(const std::string& id);

 private:
  explicit Server(const ServerOptions& options);
  base::Status open();
  base::Status open_http();
  base::Status load_accounts();
  base::Status write_door() const;                           // what `lander --at DATA` needs
  void run_job(const std::string& id, const LearnJob& job);  // on the trainer's thread
  void signalled(const std::string& pipeline, const stream::Signal& signal);
  void take_signals();
  std::string store_metrics() const;
  void add_store_vitals(std::map<std::string, double>& vitals) const;
  void commit_and_tick();  // on the core's thread
  void commit();
  void keep_up();  // on the upkeep thread
  void publish_latest(const std::vector<sensing::Observation>& observations);
  // carriers.cc
  void join_hub();
  bool join();
  void sync_carriers();  // those that are wanted run, and no others
  void stop_carriers();
  void hurry_link();  // something should not wait for the next heartbeat
  bool run_on_core(std::function<void(Core&)> work) override;
  void carrier_changed() override;

  const ServerOptions options_;
  std::optional<os::FolderLock> lock_;  // on the data folder
  os::Clock& clock_;
  std::string name_;  // under state_mutex_ once threads run
  std::string door_pass_, door_key_id_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<os::Worker> upkeep_;
  api::Live live_;
  std::unique_ptr<Core> core_;
  const StoreWatch* store_watch_ = nullptr;  // the core's, which any thread may ask
  std::unique_ptr<os::Worker> core_worker_;  // outlives whoever posts to it
  std::atomic<bool> running_{false};         // core_worker_ stands
  os::Worker reader_, trainer_;
  std::mutex signals_mutex_;
  std::deque<std::pair<std::string, stream::Signal>> signals_;  // as they came: a raise, its clear
  std::atomic<std::uint64_t> signals_dropped_{0};
  Intake intake_;
  Drivers drivers_;
  std::unique_ptr<Pickups> pickups_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<api::Gate> gate_;

  base::DurationUs next_tick_ = 0, next_commit_ = 0, next_retry_ = 0;
  std::atomic<base::DurationUs> last_turn_{0};  // of the core's thread
  std::atomic<bool> stopping_{false};

  mutable std::mutex webhook_mutex_;
  std::shared_ptr<notify::Webhook> webhook_;
  std::uint8_t webhook_least_ = 0;

  mutable std::mutex state_mutex_;  // name_, link_state_, jobs_, failing_
  LinkState link_state_;
  std::map<std::string, Job> jobs_;
  std::string failing_;

  std::mutex sync_mutex_;              // one sync_carriers() at a time; before the next
  mutable std::mutex carriers_mutex_;  // of the rest
  std::condition_variable join_wake_;
  std::optional<carrier::Peer> peer_;  // once joined
  std::vector<carrier::Config> wanted_carriers_;
  std::map<std::string, std::unique_ptr<CarrierThread>> carrier_threads_;
  std::thread join_thread_;
};

// Registers the site's part of docs/api/README.md.
void serve_api(Server& server, api::Gate& gate);

}  // namespace lander::site
