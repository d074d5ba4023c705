// The link's thread: contacts the hub, retries with growing patience, reports how it stands.

#include <algorithm>
#include <future>

#include "os/log.h"
#include "os/proc.h"
#include "site/server.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kDataEvery = 5 * base::kSecond;  // what is not urgent travels together
constexpr base::DurationUs kFirstRetry = base::kSecond, kLastRetry = 30 * base::kSecond;

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

std::optional<base::DurationUs> Server::contact(carrier::Carrier& carrier, bool& progress) {
  const auto vital = vitals();
  base::Result<Uplink::Outgoing> out = base::Error(base::Code::kInternal, "not asked");
  if (!run_on_core([&](Core& core) { out = core.next_bundle(vital); })) return std::nullopt;
  if (!out.ok()) {
    os::log_error("link", "no bundle could be made", {{"error", out.error().message()}});
    return kDataEvery;
  }
  auto contact = carrier.exchange(out->sealed);
  const base::TimeUs now = clock_.wall_us();
  if (!contact.ok()) {
    run_on_core([](Core& core) { core.bundle_lost(); });
    const std::lock_guard lock(state_mutex_);
    if (link_state_.connected || link_state_.failures == 0) {
      os::log_warn("link", "hub not reached",
                   {{"hub", link_state_.hub}, {"reason", contact.error().message()}});
    }
    link_state_.connected = false;
    link_state_.reason = contact.error().message();
    const auto shift = std::min<std::uint64_t>(link_state_.failures++, 5);
    return std::min(kLastRetry, kFirstRetry << shift);
  }
  std::string refused;
  run_on_core([&](Core& core) {
    for (const auto& sealed : contact->received) {
      if (auto taken = core.take_bundle(sealed, contact->round_trip); !taken.ok()) {
        os::log_error("link", "a bundle from the hub is refused",
                      {{"error", taken.error().message()}});
        refused = taken.error().message();
      }
    }
  });
  progress = out->items > 0;
  const std::lock_guard lock(state_mutex_);
  if (!link_state_.connected) os::log_info("link", "hub reached", {{"hub", link_state_.hub}});
  link_state_.connected = refused.empty();
  link_state_.reason = refused;
  link_state_.failures = 0;
  link_state_.last_contact = now;
  return out->more ? 0 : kDataEvery;
}

std::shared_ptr<carrier::Carrier> Server::join() {
  auto identity = load_identity(os::system_files(), options_.data + "/identity");
  if (identity.ok() && !*identity) return nullptr;
  std::shared_ptr<carrier::Carrier> carrier;
  const auto connect = [&]() -> base::Status {
    if (!identity.ok()) return identity.error();
    carrier::HttpsOptions https;
    https.url = (*identity)->hub_url;
    https.hub_key_id = (*identity)->hub_key_id;
    https.certificate_pem = (*identity)->certificate_pem;
    https.key_pem = (*identity)->device_key_pem;
    https.tenant = (*identity)->tenant;
    https.site = (*identity)->site;
    LANDER_ASSIGN(carrier, carrier::make_https(https));
    base::Status joined;
    run_on_core([&](Core& core) {
      if (!core.enrolled()) joined = core.enrol(std::move(**identity));
    });
    if (!joined.ok()) return joined.error();
    {
      const std::lock_guard lock(state_mutex_);
      name_ = https.site;
      link_state_.enrolled = true;
      link_state_.hub = https.url;
    }
    return write_door();
  };
  if (auto connected = connect(); !connected.ok()) {
    const std::lock_guard lock(state_mutex_);
    link_state_.reason = connected.error().message();
    return nullptr;
  }
  const std::lock_guard lock(link_mutex_);
  carrier_ = carrier;
  return carrier;
}

void Server::link_loop() {
  std::shared_ptr<carrier::Carrier> carrier;
  base::DurationUs next_heartbeat = 0;
  base::DurationUs wait = 0;
  while (!stopping_) {
    {
      std::unique_lock lock(link_mutex_);
      link_wake_.wait_for(lock, std::chrono::microseconds(wait),
                          [&] { return stopping_ || link_due_; });
      if (stopping_) return;
      // While the hub is away an alarm does not make it come back sooner.
      if (link_due_ && link_state().failures == 0) wait = 0;
      link_due_ = false;
    }
    wait = kDataEvery;
    if (!carrier && !(carrier = join())) continue;
    const base::DurationUs now = clock_.monotonic_us();
    bool waiting = false;
    std::uint64_t fetched_before = 0;
    run_on_core([&](Core& core) {
      waiting = core.has_waiting();
      fetched_before = core.fetched_bytes();
    });
    if (!waiting && now < next_heartbeat && link_state().failures == 0) {
      wait = std::min(kDataEvery, next_heartbeat - now);
      continue;
    }
    bool progress = false;
    const auto next = contact(*carrier, progress);
    if (!next) return;
    next_heartbeat = clock_.monotonic_us() + options_.contact_every;
    wait = std::min(*next, options_.contact_every);
    // The receipt for what was just sent comes with the next contact; pieces of a package follow
    // each other.
    bool fetching = false;  // and the hub has it: one that it lacks is not asked for in haste
    run_on_core(
        [&](Core& core) { fetching = core.fetching() && core.fetched_bytes() > fetched_before; });
    if (link_state().failures == 0 && (fetching || (progress && wait > base::kSecond))) {
      wait = fetching ? 100 * base::kMillisecond : base::kSecond;
    }
    const std::lock_guard lock(state_mutex_);
    link_state_.next_try_in = wait;
  }
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
