#include "hub/server.h"

#include <future>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "base/cbor.h"
#include "hub/records.h"
#include "os/log.h"
#include "os/proc.h"
#include "os/process.h"
#include "sensing/datastream.h"

namespace lander::hub {
namespace {

constexpr base::DurationUs kTickEvery = base::kSecond;
constexpr base::DurationUs kDeadAfter = 30 * base::kSecond;
constexpr std::size_t kMaxWaitingBytes = 256 << 20;
constexpr std::uint64_t kMaxFile = 1 << 16;
constexpr std::size_t kOtherFiles = 2048;  // people's connections, databases, the lake's files
constexpr const char* kFirstTenant = "default";

base::Result<crypto::PrivateKey> load_or_make(const std::string& path, crypto::KeyType type) {
  os::Files& files = os::system_files();
  if (files.exists(path)) {
    LANDER_ASSIGN(const auto pem, files.read(path, kMaxFile));
    auto key = crypto::PrivateKey::from_pem(base::as_text(pem));
    return key.ok() ? key : base::Result<crypto::PrivateKey>(key.error().context(path));
  }
  LANDER_ASSIGN(auto key, crypto::PrivateKey::generate(type));
  LANDER_TRY(files.write_durably(path, base::as_bytes(key.to_pem()), 0600));
  return key;
}

base::Result<std::string> load_or_make_pem(const std::string& path,
                                           const std::function<base::Result<std::string>()>& make) {
  os::Files& files = os::system_files();
  if (files.exists(path)) {
    LANDER_ASSIGN(const auto pem, files.read(path, kMaxFile));
    return std::string(base::as_text(pem));
  }
  LANDER_ASSIGN(auto pem, make());
  LANDER_TRY(files.write_durably(path, base::as_bytes(pem)));
  return pem;
}

// A service is given 1,024 descriptors unless it asks for more: far too few for a fleet.
void allow_connections(std::size_t sites) {
  const auto allowed = os::allow_open_files(sites + kOtherFiles);
  if (!allowed.ok()) {
    os::log_warn("hub", "open files are limited", {{"error", allowed.error().message()}});
  } else if (*allowed < sites + kOtherFiles) {
    os::log_warn("hub", "this machine's limit of open files allows fewer sites than max_sites",
                 {{"open_files", *allowed}, {"max_sites", std::uint64_t{sites}}});
  }
}

Record account_record(const access::Account& account, bool removed) {
  return {account.tenant, std::string(kAccountRecord), "", account.user,
          removed ? base::Bytes() : access::encode(account)};
}

}  // namespace

Server::Server(const ServerOptions& options) : options_(options) {}

base::Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  // A query runs in a process whose folder is "/": a relative path would lead it astray.
  ServerOptions absolute = options;
  LANDER_TRY(os::system_files().make_folders(options.data, 0700));
  LANDER_ASSIGN(absolute.data, os::absolute_path(options.data));
  std::unique_ptr<Server> server(new Server(absolute));
  LANDER_TRY(server->open());
  return server;
}

base::Result<Keys> Server::load_or_make_keys() {
  const std::string folder = options_.data + "/identity";
  LANDER_TRY(os::system_files().make_folders(folder, 0700));
  const base::TimeUs now = os::system_clock().wall_us();
  Keys keys;
  LANDER_ASSIGN(keys.tls, load_or_make(folder + "/tls.key", crypto::KeyType::kP256));
  LANDER_ASSIGN(keys.signing, load_or_make(folder + "/signing.key", crypto::KeyType::kP256));
  LANDER_ASSIGN(keys.sealing, load_or_make(folder + "/sealing.key", crypto::KeyType::kX25519));
  LANDER_ASSIGN(keys.authority, load_or_make(folder + "/authority.key", crypto::KeyType::kP256));
  LANDER_ASSIGN(
      keys.tls_pem, load_or_make_pem(folder + "/tls.pem", [&] {
        crypto::Subject subject{
            options_.public_name, {options_.public_name, "localhost"}, {"127.0.0.1"}, true, false};
        return crypto::self_signed(keys.tls, subject, now - base::kDay, now + 3650 * base::kDay);
      }));
  LANDER_ASSIGN(
      keys.authority_pem, load_or_make_pem(folder + "/authority.pem", [&] {
        crypto::Subject subject{"Lander sites of " + options_.public_name, {}, {}, false, true};
        return crypto::self_signed(keys.authority, subject, now - base::kDay,
                                   now + 3650 * base::kDay);
      }));
  return keys;
}

base::Status Server::open() {
  os::Files& files = os::system_files();
  LANDER_TRY(files.make_folders(options_.data + "/lake", 0755));
  LANDER_ASSIGN(lock_, os::FolderLock::take(options_.data));
  LANDER_ASSIGN(auto keys, load_or_make_keys());
  LANDER_ASSIGN(state_, State::open(options_.data + "/hub.db", "", os::system_random().next_u64()));
  lake::Lake::Options lake_options;
  lake_options.folder = options_.data + "/lake";
  lake_options.clock = &os::system_clock();
  LANDER_ASSIGN(lake_, lake::Lake::open(lake_options));
  Core::Context context{
      *state_,
      *lake_,
      files,
      os::system_clock(),
      os::system_random(),
      options_.data,
      [this](const std::string& tenant, std::string_view event, const std::string& site) {
        live_.send(tenant, event, api::dump({{"site", site}}));
      },
      [this](const SiteKey& site, const alert::Event&, const alert::Alert& alert) {
        live_.send(site.tenant, "alert",
                   api::dump(api::alert(alert, site.site, os::system_clock().wall_us())));
      },
      options_.plan};
  LANDER_ASSIGN(core_, Core::open(std::move(context), std::move(keys)));
  LANDER_TRY(core_->add_tenant(kFirstTenant));
  // Before the core's thread runs: from then on the state is its own.
  LANDER_ASSIGN(const auto accounts, stored_accounts());
  reader_ = std::make_unique<os::Worker>("reader", 256);
  LANDER_ASSIGN(const std::string program, os::own_program());
  sql_ = std::make_unique<lake::SqlRunner>(program, lake::SqlLimits());
  sql_worker_ = std::make_unique<os::Worker>("sql", 16);
  // A full queue is no harm: the next query starts its own child.
  static_cast<void>(sql_worker_->post([this] { sql_->start_next(); }));
  lake_worker_ = std::make_unique<os::Worker>(
      "lake", 16, [this] { flush(), compact(); }, options_.flush_every);
  last_tick_ = os::system_clock().monotonic_us();
  core_worker_ = std::make_unique<os::Worker>(
      "core", 16384,
      [this] {
        last_tick_ = os::system_clock().monotonic_us();
        core_->tick();
      },
      kTickEvery);
  LANDER_TRY(open_http(accounts));
  return open_gateways();
}

base::Status Server::open_http(const std::vector<access::Account>& accounts) {
  http::ServerOptions people;
  people.host = options_.host;
  people.port = options_.port;
  people.certificate_pem = core_->keys().tls_pem;
  people.key_pem = core_->keys().tls.to_pem();
  LANDER_ASSIGN(people_, http::Server::start(people));
  http::ServerOptions sites = people;
  sites.port = options_.sites_port;
  sites.ask_client_certificate = true;
  sites.max_connections = options_.max_sites;
  allow_connections(options_.max_sites);
  LANDER_ASSIGN(sites_, http::Server::start(sites));

  gate_ = std::make_unique<api::Gate>(*people_, os::system_clock(), os::system_random(), *reader_);
  LANDER_TRY(serve_accounts(accounts));
  gate_->serve_console();
  serve_people(*this, *gate_);
  serve_fleet(*this, *gate_);
  serve_couriers(*this, *gate_);
  serve_sites(*this, *sites_);
  serve_short_messages(*this, *people_);

  // What `lander --at DATA` needs: only who may read this folder gets in.
  const nlohmann::json door = {{"url", "https://127.0.0.1:" + std::to_string(people_->port())},
                               {"key_id", core_->keys().tls.public_key().id()},
                               {"token", gate_->accounts().make_local_pass(kFirstTenant)},
                               {"role", "hub"}};
  LANDER_TRY(os::system_files().write_durably(options_.data + "/cli.json",
                                              base::as_bytes(api::dump(door)), 0600));
  // Last: who sees the hub well finds its new door, not that of an earlier run.
  gate_->serve_health(
      "hub", [this] { return options_.public_name; }, [this] { return failing(); },
      [this] { return metrics(); });
  return {};
}

base::Result<std::vector<access::Account>> Server::stored_accounts() {
  std::vector<access::Account> out;
  LANDER_TRY(state_->load(kAccountRecord, [&](const Record& record) -> base::Status {
    LANDER_ASSIGN(auto account, access::decode_account(record.body));
    out.push_back(std::move(account));
    return {};
  }));
  return out;
}

base::Status Server::serve_accounts(const std::vector<access::Account>& accounts) {
  for (const auto& account : accounts) {
    if (gate_->accounts().taken(account.user, account.tenant)) {
      os::log_error("access", "two tenants have a user of this name; one cannot log in",
                    {{"user", account.user}, {"tenant", account.tenant}});
      continue;
    }
    gate_->accounts().put(account);
  }
  // State belongs to the core's thread: accounts, changed on the reader's, are written there.
  auto write = [this](Record record) {
    auto done = std::make_shared<std::promise<base::Status>>();
    auto result = done->get_future();
    core_worker_->post_urgent([this, done, record = std::move(record)] {
      done->set_value(state_->commit({{record}, {}}, os::system_clock().wall_us()));
    });
    return result.get();
  };
  gate_->serve_accounts(
      "hub", [this] { return options_.public_name; },
      {[write](const access::Account& account) { return write(account_record(account, false)); },
       [write](const std::string& tenant, const std::string& user) {
         access::Account account;
         account.tenant = tenant;
         account.user = user;
         return write(account_record(account, true));
       },
       [this](const std::string& user) { live_.end(user); }});
  if (!accounts.empty()) return {};
  LANDER_ASSIGN(const auto first,
                api::make_first_account(gate_->accounts(), os::system_random(), os::system_files(),
                                        options_.data, kFirstTenant, "admin"));
  return write(account_record(first, false));
}

Server::~Server() {
  stopping_ = true;  // what people asked for and still waits is not begun any more
  sites_.reset();
  people_.reset();
  if (sql_worker_) sql_worker_->stop();
  if (reader_) reader_->stop();  // before the core: it waits for what the core writes
  if (core_worker_) core_worker_->stop();
  mqtt_.reset();
  short_.reset();
  if (lake_worker_) lake_worker_->stop();
  if (lake_) flush();
}

bool Server::alive() const { return os::system_clock().monotonic_us() - last_tick_ < kDeadAfter; }

std::string Server::failing() const {
  if (!alive()) return "the core does not answer";
  const std::lock_guard lock(failing_mutex_);
  return failing_;
}

void Server::flush() {
  const auto flushed = lake_->flush();
  if (!flushed.ok()) {
    os::log_error("lake", "flush failed, will try again", {{"error", flushed.error().message()}});
  }
  {
    const std::lock_guard lock(failing_mutex_);
    failing_ = flushed.ok() ? "" : "lake: " + flushed.error().message();
  }
  if (!flushed.ok()) return;
  if (flushed->rows > 0) {
    os::log_info("lake", "flushed",
                 {{"rows", flushed->rows}, {"files", flushed->files}, {"bytes", flushed->bytes}});
  }
}

void Server::compact() {
  const auto done = lake_->compact();
  if (!done.ok()) {
    os::log_error("lake", "compaction failed, will try again", {{"error", done.error().message()}});
  } else if (done->files > 0) {
    os::log_info("lake", "compacted", {{"files", done->files}, {"rows", done->rows}});
  }
}

void Server::on_core(http::Responder responder, std::function<http::Response(Core&)> work,
                     std::size_t bytes) {
  if (waiting_bytes_.fetch_add(bytes) + bytes > kMaxWaitingBytes) {
    waiting_bytes_ -= bytes;
    return responder.reply(api::busy("the hub"));
  }
  auto held = std::shared_ptr<void>(nullptr, [this, bytes](void*) { waiting_bytes_ -= bytes; });
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  if (!core_worker_->post([this, shared, held = std::move(held), work = std::move(work)] {
        shared->reply(work(*core_));
      }))
    shared->reply(api::busy("the hub"));
}

void Server::on_core_then(std::shared_ptr<http::Responder> responder,
                          std::function<void(Core&)> work) {
  if (!core_worker_->post([this, work = std::move(work)] { work(*core_); }))
    responder->reply(api::busy("the hub"));
}

void Server::on_lake(http::Responder responder, std::function<http::Response()> work) {
  on(*lake_worker_, std::move(responder), std::move(work));
}

void Server::on_reader(http::Responder responder, std::function<http::Response()> work) {
  on(*reader_, std::move(responder), std::move(work));
}

void Server::on_sql(http::Responder responder, std::function<http::Response()> work) {
  on(*sql_worker_, std::move(responder), std::move(work));
  // A full queue is no harm: the next query starts its own child.
  static_cast<void>(sql_worker_->post([this] { sql_->start_next(); }));
}

void Server::on(os::Worker& worker, http::Responder responder,
                std::function<http::Response()> work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  if (!worker.post([this, shared, work = std::move(work)] {
        shared->reply(stopping_ ? api::busy("the hub") : work());
      }))
    shared->reply(api::busy("the hub"));
}

std::string Server::metrics() const {
  std::string out;
  auto gauge = [&](const char* name, const char* help, double value) {
    out += api::gauge(name, help, value);
  };
  const auto sites = sites_->stats();
  const auto people = people_->stats();
  const auto lake = lake_->stats();
  gauge("lander_hub_site_connections", "Open connections of sites.",
        static_cast<double>(sites.connections));
  gauge("lander_hub_site_requests", "Requests of sites since the start.",
        static_cast<double>(sites.requests));
  gauge("lander_http_connections", "Open connections of people.",
        static_cast<double>(people.connections));
  gauge("lander_http_requests", "Requests of people since the start.",
        static_cast<double>(people.requests));
  gauge("lander_lake_items", "Items ingested since the start.", static_cast<double>(lake.ingested));
  gauge("lander_lake_duplicates", "Items that came again and were dropped.",
        static_cast<double>(lake.duplicates));
  gauge("lander_lake_parked", "Items kept aside because they do not decode.",
        static_cast<double>(lake.parked));
  gauge("lander_lake_rows", "Rows written since the start.", static_cast<double>(lake.rows));
  if (const auto own = os::own_memory(); own.ok())
    gauge("lander_pss_bytes", "Proportional set size.", static_cast<double>(own->pss_bytes));
  return out;
}

base::Result<std::string> add_tenant(const std::string& data, const std::string& tenant) {
  LANDER_TRY(sensing::valid_id(tenant));
  LANDER_TRY(os::system_files().make_folders(data, 0700));
  const base::TimeUs now = os::system_clock().wall_us();
  LANDER_ASSIGN(auto state, State::open(data + "/hub.db", "", os::system_random().next_u64()));
  bool known = false;
  LANDER_TRY(state->load(kTenantRecord, [&](const Record& record) -> base::Status {
    known = known || record.tenant == tenant;
    return {};
  }));
  if (known) return base::Error(base::Code::kExists, "tenant \"" + tenant + "\" is there already");
  base::CborWriter name;
  name.text(tenant);
  access::Accounts accounts(os::system_random());
  const std::string user = "admin-" + tenant;
  LANDER_TRY(state->load(kAccountRecord, [&](const Record& record) -> base::Status {
    if (record.key != user) return {};
    return base::Error(base::Code::kExists, "tenant \"" + record.tenant + "\" has a user \"" +
                                                user + "\" already: remove that one first");
  }));
  LANDER_ASSIGN(const auto first, api::make_first_account(accounts, os::system_random(),
                                                          os::system_files(), data, tenant, user));
  LANDER_TRY(state->commit(
      {{{tenant, std::string(kTenantRecord), "", "", name.take()}, account_record(first, false)},
       {}},
      now));
  return data + "/initial-" + user + "-password";
}

}  // namespace lander::hub
