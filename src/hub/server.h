// lander-hub: the threads and sockets around the core.
//
// Threads: HTTP I/O for people and for sites (one each); core (all state); reader (charts, password
// checks); sql (waits for the child of one query); lake (flush, compact). Two ports: people's
// browsers are never asked for a certificate, sites always are.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "api/gate.h"
#include "api/live.h"
#include "carrier/mqtt_gateway.h"
#include "carrier/short_gateway.h"
#include "http/server.h"
#include "hub/core.h"
#include "lake/lake.h"
#include "os/lock.h"
#include "os/worker.h"

namespace lander::hub {

struct ServerOptions {
  std::string data;
  std::string host = "0.0.0.0";
  std::uint16_t port = 8440;              // people: console and API
  std::uint16_t sites_port = 8441;        // sites: mutual TLS
  std::string public_name = "localhost";  // what stands in enrolment URLs and the certificate
  base::DurationUs flush_every = 10 * base::kSecond;
  fleet::ContactPlan plan;
  std::size_t max_sites = 20'000;
  carrier::MqttGatewayOptions mqtt;             // without a URL: none
  carrier::ShortGatewayOptions short_messages;  // without a URL: nothing goes down
};

class Server {
 public:
  static base::Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server();
  std::uint16_t port() const { return people_->port(); }
  std::uint16_t sites_port() const { return sites_->port(); }

  // For the API: runs `work` on the thread that owns what it uses; 503 when too much waits there.
  // `bytes`: what `work` holds; all that waits together is bounded.
  void on_core(http::Responder responder, std::function<http::Response(Core&)> work,
               std::size_t bytes = 0);
  void on_sql(http::Responder responder, std::function<http::Response()> work);
  // Where the lake is flushed.
  void on_lake(http::Responder responder, std::function<http::Response()> work);
  void on_reader(http::Responder responder, std::function<http::Response()> work);
  // As on_core, for work that hands the responder on.
  void on_core_then(std::shared_ptr<http::Responder> responder, std::function<void(Core&)> work);
  lake::Lake& lake() { return *lake_; }
  lake::SqlRunner& sql() { return *sql_; }  // in on_sql()'s work only
  api::Live& live() { return live_; }
  std::string enrol_url() const {
    return "https://" + options_.public_name + ":" + std::to_string(sites_port());
  }
  std::string tenant_folder(const std::string& tenant) const {
    return options_.data + "/lake/" + tenant;
  }
  std::string metrics() const;
  std::string failing() const;  // empty: fine
  bool alive() const;           // the core's thread goes on
  // A message of a site, from any thread; of several that may have sent it, of the one that its
  // envelope proves. False: too much waits, it is not taken.
  enum class Gateway : std::uint8_t { kMqtt, kShort };
  [[nodiscard]] bool arrived(Gateway gateway, std::vector<SiteKey> claimed, base::Bytes sealed);

 private:
  explicit Server(const ServerOptions& options);
  base::Status open();
  base::Result<Keys> load_or_make_keys();
  base::Result<std::vector<access::Account>> stored_accounts();
  base::Status open_http(const std::vector<access::Account>& accounts);
  base::Status open_gateways();
  base::Status serve_accounts(const std::vector<access::Account>& accounts);
  void flush();
  void compact();
  void answer_arrived(Gateway gateway, const std::vector<SiteKey>& claimed, base::ByteView sealed);
  void on(os::Worker& worker, http::Responder responder, std::function<http::Response()> work);

  const ServerOptions options_;
  std::optional<os::FolderLock> lock_;  // on the data folder
  api::Live live_;
  std::unique_ptr<State> state_;
  std::unique_ptr<lake::Lake> lake_;
  std::unique_ptr<lake::SqlRunner> sql_;  // the sql thread's
  std::unique_ptr<Core> core_;
  std::unique_ptr<os::Worker> core_worker_;
  std::unique_ptr<os::Worker> reader_, sql_worker_, lake_worker_;
  std::unique_ptr<http::Server> people_, sites_;
  std::unique_ptr<carrier::Gateway> mqtt_, short_;
  std::unique_ptr<api::Gate> gate_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<std::size_t> arrived_{0}, arrived_bytes_{0};  // from gateways, not taken yet
  std::atomic<base::DurationUs> last_tick_{0};
  mutable std::mutex failing_mutex_;
  std::string failing_;
};

// Adds a tenant with an admin account to a hub that is not running; returns the file with the
// password.
base::Result<std::string> add_tenant(const std::string& data, const std::string& tenant);

void serve_people(Server& server, api::Gate& gate);             // api_people.cc
void serve_fleet(Server& server, api::Gate& gate);              // api_fleet.cc
void serve_couriers(Server& server, api::Gate& gate);           // api_courier.cc
void serve_sites(Server& server, http::Server& http);           // the link
void serve_short_messages(Server& server, http::Server& http);  // of a satellite's operator

}  // namespace lander::hub
