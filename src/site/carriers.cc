// The server's carriers: joins the hub once there is an identity, and runs a thread for each way.

#include <algorithm>
#include <future>

#include "os/log.h"
#include "os/proc.h"
#include "site/server.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kLookForIdentity = 5 * base::kSecond;

carrier::Config https_always() {
  carrier::Config out;
  out.terms.id = kHttps;
  out.type = kHttps;
  return out;
}

}  // namespace

bool Server::run_on_core(std::function<void(Core&)> work) {
  if (stopping_) return false;
  auto done = std::make_shared<std::promise<void>>();
  auto waits = done->get_future();
  core_worker_->post_urgent([this, done, work = std::move(work)] {
    work(*core_);
    done->set_value();
  });
  waits.wait();
  return true;
}

// Waits for an identity, which `lander-site enrol` may write while the site runs.
void Server::join_hub() {
  while (!stopping_) {
    if (join()) return;
    std::unique_lock lock(carriers_mutex_);
    join_wake_.wait_for(lock, std::chrono::microseconds(kLookForIdentity),
                        [&] { return stopping_.load(); });
  }
}

bool Server::join() {
  auto identity = load_identity(os::system_files(), options_.data + "/identity");
  if (identity.ok() && !*identity) return false;
  const auto enrol = [&]() -> base::Status {
    if (!identity.ok()) return identity.error();
    const Identity& who = **identity;
    const carrier::Peer peer{who.tenant,          who.site,          who.hub_url, who.hub_key_id,
                             who.certificate_pem, who.device_key_pem};
    base::Status joined;
    if (!run_on_core([&](Core& core) {
          if (!core.enrolled()) joined = core.enrol(std::move(**identity));
        }))
      return {};
    if (!joined.ok()) return joined;
    {
      const std::lock_guard lock(state_mutex_);
      name_ = peer.site;
      link_state_ = {true, peer.hub_url, ""};
    }
    {
      const std::lock_guard lock(carriers_mutex_);
      peer_ = peer;
    }
    LANDER_TRY(write_door());
    sync_carriers();
    return {};
  };
  auto enrolled = enrol();
  if (enrolled.ok()) return true;
  const std::lock_guard lock(state_mutex_);
  link_state_.reason = enrolled.error().message();
  return false;
}

void Server::run_carriers(const std::vector<carrier::Config>& carriers) {
  {
    const std::lock_guard lock(carriers_mutex_);
    wanted_carriers_ = carriers;
  }
  // Not here: a carrier that is stopped may be waiting for this thread.
  reader_.post_urgent([this] { sync_carriers(); });
}

void Server::sync_carriers() {
  const std::lock_guard syncing(sync_mutex_);
  std::vector<std::unique_ptr<CarrierThread>> stopped;  // outlives the lock below
  const std::lock_guard lock(carriers_mutex_);
  if (!peer_ || stopping_) return;
  auto wanted = wanted_carriers_;
  if (std::none_of(wanted.begin(), wanted.end(), [](const auto& c) { return c.type == kHttps; })) {
    wanted.insert(wanted.begin(), https_always());
  }
  for (auto at = carrier_threads_.begin(); at != carrier_threads_.end();) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(), [&](const auto& config) {
      return config.terms.id == at->first && config.type == at->second->config().type &&
             config.settings == at->second->config().settings;
    });
    if (!stays) stopped.push_back(std::move(at->second));
    at = stays ? std::next(at) : carrier_threads_.erase(at);
  }
  for (const auto& config : wanted) {
    if (carrier_threads_.contains(config.terms.id)) continue;
    const carrier::Kind* kind = carrier::find_kind(config.type);
    auto made = kind == nullptr ? base::Result<std::unique_ptr<carrier::Carrier>>(base::Error(
                                      base::Code::kUnsupported, "this version has no such carrier"))
                                : kind->make(config, *peer_);
    if (!made.ok()) {
      os::log_error("link", "carrier does not start",
                    {{"carrier", config.terms.id}, {"error", made.error().message()}});
      continue;
    }
    carrier_threads_[config.terms.id] = std::make_unique<CarrierThread>(
        static_cast<CarrierDesk&>(*this), config, std::move(*made), options_.contact_every);
  }
}

void Server::stop_carriers() {
  std::map<std::string, std::unique_ptr<CarrierThread>> stopped;
  {
    const std::lock_guard lock(carriers_mutex_);
    stopping_ = true;
    stopped.swap(carrier_threads_);
  }
  join_wake_.notify_all();
  if (join_thread_.joinable()) join_thread_.join();
}

void Server::carrier_changed() { hurry_link(); }

void Server::hurry_link() {
  const std::lock_guard lock(carriers_mutex_);
  for (auto& [id, thread] : carrier_threads_) thread->hurry();
}

std::map<std::string, base::DurationUs> Server::next_tries() const {
  const std::lock_guard lock(carriers_mutex_);
  std::map<std::string, base::DurationUs> out;
  for (const auto& [id, thread] : carrier_threads_) out[id] = thread->next_try_in();
  return out;
}

bool Server::connected() const {
  const std::lock_guard lock(carriers_mutex_);
  return std::any_of(carrier_threads_.begin(), carrier_threads_.end(),
                     [](const auto& entry) { return entry.second->connected(); });
}

Server::LinkState Server::link_state() const {
  const std::lock_guard lock(state_mutex_);
  return link_state_;
}

std::map<std::string, double> Server::vitals() const {
  std::map<std::string, double> out;
  if (const auto load = os::host_load(); load.ok()) {
    out["load1"] = load->one_minute;
    out["processors"] = load->processors;
  }
  if (const auto memory = os::host_memory(); memory.ok()) {
    out["mem_total"] = static_cast<double>(memory->total_bytes);
    out["mem_used"] = static_cast<double>(memory->total_bytes - memory->available_bytes);
  }
  if (const auto disk = os::disk_space(options_.data); disk.ok()) {
    out["disk_total"] = static_cast<double>(disk->total_bytes);
    out["disk_free"] = static_cast<double>(disk->free_bytes);
  }
  if (const auto own = os::own_memory(); own.ok())
    out["pss_bytes"] = static_cast<double>(own->pss_bytes);
  if (const auto uptime = os::host_uptime_s(); uptime.ok()) out["uptime_s"] = *uptime;
  if (const auto lanes = store_->lanes(); lanes.ok()) {
    double backlog = 0;
    for (const auto& lane : *lanes) backlog += static_cast<double>(lane.waiting);
    out["backlog"] = backlog;
  }
  add_store_vitals(out);
  return out;
}

}  // namespace lander::site
