#include "site/server.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "os/log.h"
#include "os/proc.h"
#include "site/worth.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kTickEvery = base::kSecond;
constexpr base::DurationUs kLoopEvery = 50 * base::kMillisecond;
constexpr base::DurationUs kRetrySourcesEvery = 10 * base::kSecond;
constexpr base::DurationUs kDeadAfter = 30 * base::kSecond;
constexpr std::size_t kMaxJobs = 20;
constexpr std::size_t kMaxSignals = 10'000;
// A site has one tenant, though its name changes when it is enrolled: open consoles stay.
constexpr std::string_view kOurTenant;

struct Tls {
  std::string key_pem, certificate_pem;
};

// The console's own certificate: self-made, for whoever opens https://site:8443; `lander` pins its
// key.
base::Result<Tls> load_or_make_tls(os::Files& files, os::Clock& clock, const std::string& folder,
                                   const std::string& name) {
  Tls tls;
  const std::string key_path = folder + "/tls.key", certificate_path = folder + "/tls.pem";
  if (files.exists(key_path) && files.exists(certificate_path)) {
    LANDER_ASSIGN(const auto key, files.read(key_path, 1 << 16));
    LANDER_ASSIGN(const auto certificate, files.read(certificate_path, 1 << 16));
    tls.key_pem = base::as_text(key);
    tls.certificate_pem = base::as_text(certificate);
    return tls;
  }
  LANDER_ASSIGN(const auto key, crypto::PrivateKey::generate(crypto::KeyType::kP256));
  crypto::Subject subject;
  subject.common_name = name;
  subject.dns = {"localhost", name};
  subject.ip = {"127.0.0.1"};
  subject.server = true;
  // The clock may be wrong by decades here, and nothing but people's browsers looks at the dates.
  const base::TimeUs now = clock.wall_us();
  LANDER_ASSIGN(tls.certificate_pem,
                crypto::self_signed(key, subject, now - base::kDay, now + 3650 * base::kDay));
  tls.key_pem = key.to_pem();
  LANDER_TRY(files.write_durably(key_path, base::as_bytes(tls.key_pem), 0600));
  LANDER_TRY(files.write_durably(certificate_path, base::as_bytes(tls.certificate_pem)));
  return tls;
}

}  // namespace

Server::Server(const ServerOptions& options)
    : options_(options),
      clock_(os::system_clock()),
      name_(options.name.empty() ? os::host_name() : options.name),
      reader_("reader"),
      trainer_("trainer", 4),
      intake_(
          clock_,
          [this](const std::string& pipeline, const stream::Signal& signal) {
            signalled(pipeline, signal);
          },
          [this](base::ByteView content, std::string_view media_type) {
            return store_->put_object(content, media_type);
          }),
      drivers_(clock_, intake_, reader_, name_) {}

base::Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server(options));
  LANDER_TRY(server->open());
  return server;
}

base::Status Server::open() {
  os::Files& files = os::system_files();
  LANDER_TRY(files.make_folders(options_.data, 0700));
  LANDER_ASSIGN(lock_, os::FolderLock::take(options_.data));
  LANDER_ASSIGN(auto identity, load_identity(files, options_.data + "/identity"));
  if (identity) name_ = identity->site;
  store::Store::Options store_options;
  store_options.path = options_.data + "/site.db";
  store_options.clock = &clock_;
  store_options.raw_lane = link::kLaneBulk;
  store_options.pickup_lane = link::kLanePickup;
  store_options.raw_worth = kWorthOfRaw;
  store_options.free_bytes = [&files, data = options_.data] { return files.free_bytes(data); };
  LANDER_ASSIGN(store_, store::Store::open(store_options));
  upkeep_ = std::make_unique<os::Worker>("upkeep", 1, [this] { keep_up(); });
  if (identity) link_state_ = {true, identity->hub_url, ""};

  Context context{*store_,
                  files,
                  clock_,
                  os::system_random(),
                  *this,
                  options_.data,
                  identity ? identity->tenant : "local",
                  name_,
                  os::host_identity(store_options.path)};
  LANDER_ASSIGN(core_, Core::open(std::move(context), std::move(identity)));
  store_watch_ = &core_->store_watch();
  last_turn_ = clock_.monotonic_us();
  core_worker_ = std::make_unique<os::Worker>(
      "core", 4096, [this] { commit_and_tick(); }, kLoopEvery);
  running_ = true;
  pickups_ = std::make_unique<Pickups>(*this, clock_, options_.sticks);
  LANDER_TRY(open_http());
  join_thread_ = std::thread([this] { join_hub(); });
  return {};
}

base::Status Server::open_http() {
  os::Files& files = os::system_files();
  LANDER_ASSIGN(const Tls tls, load_or_make_tls(files, clock_, options_.data, name_));
  http::ServerOptions http_options;
  http_options.host = options_.host;
  http_options.port = options_.port;
  http_options.certificate_pem = tls.certificate_pem;
  http_options.key_pem = tls.key_pem;
  http_options.max_connections = 256;
  LANDER_ASSIGN(http_, http::Server::start(http_options));
  gate_ = std::make_unique<api::Gate>(*http_, clock_, os::system_random(), reader_);
  LANDER_TRY(load_accounts());
  auto write_account = [this](const std::string& user, base::Bytes body) -> base::Status {
    store::Batch batch;
    batch.records.push_back({std::string(kAccountRecord), user, std::move(body)});
    LANDER_TRY(store_->commit(batch));
    return {};
  };
  gate_->serve_accounts("site", [this] { return name(); },
                        {[write_account](const access::Account& a) {
                           return write_account(a.user, access::encode(a));
                         },
                         [write_account](const std::string&, const std::string& user) {
                           return write_account(user, {});
                         },
                         [this](const std::string& user) { live_.end(user); }});
  gate_->serve_console();
  serve_api(*this, *gate_);

  LANDER_ASSIGN(const auto certificate, crypto::read_certificate(tls.certificate_pem));
  door_key_id_ = certificate.key_id;
  door_pass_ = gate_->accounts().make_local_pass(core_->context().tenant);
  LANDER_TRY(write_door());
  // Last: who sees the site well finds its new door, not that of an earlier run.
  gate_->serve_health(
      "site", [this] { return name(); }, [this] { return failing(); },
      [this] { return metrics(); });
  return {};
}

// Only who may read this folder gets in.
base::Status Server::write_door() const {
  const nlohmann::json door = {{"url", "https://127.0.0.1:" + std::to_string(http_->port())},
                               {"key_id", door_key_id_},
                               {"token", door_pass_},
                               {"site", name()},
                               {"role", "site"}};
  return os::system_files().write_durably(options_.data + "/cli.json",
                                          base::as_bytes(api::dump(door)), 0600);
}

base::Status Server::load_accounts() {
  LANDER_ASSIGN(const auto records, store_->records(kAccountRecord));
  for (const auto& record : records) {
    LANDER_ASSIGN(auto account, access::decode_account(record.body));
    account.tenant = core_->context().tenant;  // a site has one tenant: that of its enrolment
    gate_->accounts().put(std::move(account));
  }
  if (!records.empty()) return {};
  LANDER_ASSIGN(const auto first,
                api::make_first_account(gate_->accounts(), os::system_random(), os::system_files(),
                                        options_.data, core_->context().tenant, "admin"));
  store::Batch batch;
  batch.records.push_back({std::string(kAccountRecord), first.user, access::encode(first)});
  LANDER_TRY(store_->commit(batch));
  return {};
}

Server::~Server() {
  stop_carriers();
  http_.reset();
  pickups_.reset();  // it asks the core, and waits
  reader_.stop();    // it starts drivers: none after they are stopped
  drivers_.stop();
  trainer_.stop();  // it posts to the core, and tells of its progress here
  upkeep_.reset();
  // What sources delivered is committed before the end.
  if (core_worker_) {
    core_worker_->post_urgent([this] { commit(); });
    core_worker_->stop();
  }
}

// Compacts, thins, checkpoints: on a thread of its own, a step at a time.
void Server::keep_up() {
  while (!stopping_) {
    const auto more = store_->upkeep();
    if (!more.ok()) {
      os::log_warn("store", "upkeep will be tried again", {{"error", more.error().message()}});
      return;
    }
    if (!*more) return;
  }
}

std::string Server::name() const {
  const std::lock_guard lock(state_mutex_);
  return name_;
}

bool Server::alive() const { return clock_.monotonic_us() - last_turn_ < kDeadAfter; }

void Server::signalled(const std::string& pipeline, const stream::Signal& signal) {
  if (!running_) return;
  {
    const std::lock_guard lock(signals_mutex_);
    if (signals_.size() >= kMaxSignals) {
      ++signals_dropped_;
      return;
    }
    signals_.emplace_back(pipeline, signal);
    if (signals_.size() > 1) return;  // the task for the first takes all
  }
  // One task for all, as urgent tasks overtake each other and a clear must not overtake its raise.
  core_worker_->post_urgent([this] { take_signals(); });
}

void Server::take_signals() {
  std::deque<std::pair<std::string, stream::Signal>> signals;
  {
    const std::lock_guard lock(signals_mutex_);
    signals.swap(signals_);
  }
  for (const auto& [pipeline, signal] : signals)
    core_->signal(pipeline, signal, intake_.uncommitted());
}

void Server::run_sources(const std::vector<source::Config>& sources,
                         const std::vector<source::Bound>& bound) {
  drivers_.run(sources, bound);
}
std::map<std::string, source::Health> Server::source_health() const { return drivers_.health(); }
void Server::install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                              std::vector<sensing::SeriesKey> series) {
  intake_.install(std::move(id), std::move(pipeline), std::move(series));
}
void Server::remove_pipeline(const std::string& id) { intake_.remove(id); }
std::map<std::string, Engine::PipelineHealth> Server::pipeline_health() const {
  return intake_.health();
}

void Server::set_webhook(const std::optional<twin::Webhook>& webhook) {
  std::shared_ptr<notify::Webhook> next;
  if (webhook) {
    auto made = notify::Webhook::make(webhook->url);
    if (made.ok()) {
      next = std::move(*made);
    } else {
      // Not the address: whoever has it may write there.
      os::log_error("notify", "webhook could not start", {{"error", made.error().message()}});
    }
  }
  const std::lock_guard lock(webhook_mutex_);
  webhook_.swap(next);
  webhook_least_ = webhook ? webhook->least_severity : 0;
}

void Server::tell(const notify::Notice& notice) {
  std::shared_ptr<notify::Webhook> webhook;
  {
    const std::lock_guard lock(webhook_mutex_);
    if (static_cast<std::uint8_t>(notice.alert.info.severity) >= webhook_least_) webhook = webhook_;
  }
  if (webhook) webhook->tell(notice);
  if (live_.watched())
    publish("alert", api::dump(api::alert(notice.alert, notice.site, clock_.wall_us())));
  hurry_link();
}

void Server::publish(std::string_view event, std::string json) {
  if (event == "twin") hurry_link();
  live_.send(kOurTenant, event, json);
}

void Server::commit_and_tick() {
  const base::DurationUs now = clock_.monotonic_us();
  last_turn_ = now;
  if (now >= next_retry_) {
    next_retry_ = now + kRetrySourcesEvery;
    drivers_.retry_failed();
  }
  if (now >= next_commit_) {
    commit();
    next_commit_ = now + core_->commit_interval();
  }
  if (now >= next_tick_) {
    next_tick_ = now + kTickEvery;
    intake_.set_utc_offset(store_->utc_now().time - clock_.wall_us());
    core_->tick();
  }
}

void Server::commit() {
  const auto& observations = intake_.uncommitted();
  if (observations.empty()) return intake_.settle();  // a message may hold none
  publish_latest(observations);
  while (!observations.empty()) {
    const auto committed = core_->commit(observations);
    if (!committed.ok()) {
      // Kept and tried again: the sources hear nothing, and the intake refuses more when it is
      // full.
      os::log_error("store", "observations are not durable yet, will try again",
                    {{"observations", std::uint64_t{observations.size()}},
                     {"error", committed.error().message()}});
      const std::lock_guard lock(state_mutex_);
      failing_ = "store: " + committed.error().message();
      return;
    }
    intake_.committed(*committed);
  }
  intake_.settle();
  const std::lock_guard lock(state_mutex_);
  failing_.clear();
}

void Server::publish_latest(const std::vector<sensing::Observation>& observations) {
  if (!live_.watched()) return;
  std::map<sensing::SeriesKey, const sensing::Observation*> latest;
  for (const auto& observation : observations) latest[observation.series] = &observation;
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, observation] : latest) {
    const auto datastream = store_->datastream(key);
    if (!datastream) continue;
    list.push_back({{"datastream", datastream->id},
                    {"time", base::to_rfc3339(observation->time)},
                    {"value", api::brief(*observation)},
                    {"quality", sensing::to_string(observation->quality)}});
  }
  publish("observations", api::dump(list));
}

void Server::on_core(http::Responder responder, std::function<http::Response(Core&)> work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  if (!core_worker_->post([this, shared, work = std::move(work)] { shared->reply(work(*core_)); }))
    shared->reply(api::busy("the site"));
}

void Server::on_reader(http::Responder responder, std::function<http::Response()> work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  if (!reader_.post([shared, work = std::move(work)] { shared->reply(work()); }))
    shared->reply(api::busy("the site"));
}

void Server::then_read(http::Responder responder,
                       std::function<std::function<http::Response()>(Core&)> work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const bool posted = core_worker_->post([this, shared, work = std::move(work)] {
    auto read = work(*core_);
    if (!reader_.post([shared, read = std::move(read)] { shared->reply(read()); }))
      shared->reply(api::busy("the site"));
  });
  if (!posted) shared->reply(api::busy("the site"));
}

bool Server::learn(const LearnJob& job) { return start_job(job).ok(); }

base::Result<std::string> Server::start_job(const LearnJob& job) {
  const std::string id = os::system_random().uuid7(clock_.wall_us());
  {
    const std::lock_guard lock(state_mutex_);
    if (jobs_.size() >= kMaxJobs) jobs_.erase(jobs_.begin());
    jobs_[id].asset = job.wanted.asset;
  }
  if (trainer_.post([this, id, job] { run_job(id, job); })) return id;
  const std::lock_guard lock(state_mutex_);
  jobs_.erase(id);
  return base::Error(base::Code::kUnavailable, "the trainer is busy: wait for the jobs that run");
}

void Server::run_job(const std::string& id, const LearnJob& job) {
  os::yield_to_others();
  const auto flag = this->job(id);
  const auto cancelled = [&] { return stopping_ || (flag && *flag->cancelled); };
  const auto progress = [&](double share) {
    const std::lock_guard lock(state_mutex_);
    if (const auto at = jobs_.find(id); at != jobs_.end()) at->second.progress = share;
  };
  LearnResult result = site::run(*store_, job, cancelled, progress);
  if (stopping_) return;  // the loop begins it again after the start
  const std::string digest =
      result.model ? model::digest(model::encode(*result.model)) : std::string();
  core_worker_->post_urgent(
      [this, id, digest, job, result = std::move(result), cancelled = cancelled()]() mutable {
        std::string error = result.error;
        if (const auto taken = core_->models().finished(job, std::move(result)); !taken.ok())
          error = taken.error().message();
        const std::lock_guard lock(state_mutex_);
        const auto at = jobs_.find(id);
        if (at == jobs_.end()) return;
        Job& told = at->second;
        told.progress = 1;
        told.state = cancelled ? "cancelled" : error.empty() ? "done" : "failed";
        told.reason = error;
        told.model = digest;
      });
}

bool Server::cancel_job(const std::string& id) {
  const std::lock_guard lock(state_mutex_);
  const auto at = jobs_.find(id);
  if (at == jobs_.end() || at->second.state != "running") return false;
  *at->second.cancelled = true;
  return true;
}

std::optional<Server::Job> Server::job(const std::string& id) const {
  const std::lock_guard lock(state_mutex_);
  const auto at = jobs_.find(id);
  return at == jobs_.end() ? std::nullopt : std::optional(at->second);
}

std::string Server::failing() const {
  const std::lock_guard lock(state_mutex_);
  return failing_;
}

}  // namespace lander::site
