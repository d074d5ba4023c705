#include "site/carrier_thread.h"

#include <algorithm>
#include <utility>

#include "os/log.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kDataEvery = 5 * base::kSecond;  // what is not urgent travels together
constexpr base::DurationUs kFirstRetry = base::kSecond;
constexpr base::DurationUs kLastRetry = 30 * base::kSecond, kLastDearRetry = 5 * base::kMinute;
constexpr base::DurationUs kLookAgain = base::kMinute;  // for the next contact of a plan
constexpr std::size_t kHeartbeatBytes = 2 << 10;        // with its answer, about
constexpr std::size_t kLongMessage = 64 << 10;
constexpr int kGoOnTimes = 20;  // then it is made anew: what waits may have changed
constexpr base::DurationUs kBetweenCopies = 150 * base::kMillisecond;

base::DurationUs monotonic() { return os::system_clock().monotonic_us(); }

}  // namespace

struct CarrierThread::Look {
  bool waiting = false, priced = false, brief = false, fetching = false;
  std::uint64_t fetched = 0;
  bool greets = false;         // a heartbeat is within its means
  bool ask = false;            // only what waits is wanted
  base::DurationUs every = 0;  // between heartbeats
  base::DurationUs until_contact = 0;
  std::map<std::string, double> vitals;
};

CarrierThread::CarrierThread(CarrierDesk& desk, carrier::Config config,
                             std::unique_ptr<carrier::Carrier> carrier,
                             base::DurationUs contact_every)
    : desk_(desk),
      config_(std::move(config)),
      carrier_(std::move(carrier)),
      contact_every_(contact_every) {
  carrier_->on_news([this] {
    const std::lock_guard lock(mutex_);
    news_ = true;
    wake_.notify_all();
  });
  thread_ = std::thread([this] { loop(); });
}

CarrierThread::~CarrierThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  carrier_->cancel();
  wake_.notify_all();
  thread_.join();
}

void CarrierThread::hurry() {
  const std::lock_guard lock(mutex_);
  due_ = true;
  wake_.notify_all();
}

base::DurationUs CarrierThread::next_try_in() const {
  const std::lock_guard lock(mutex_);
  return next_try_in_;
}

bool CarrierThread::connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

// While the hub is away an alarm does not make it come back sooner; that it rings does.
bool CarrierThread::pause(base::DurationUs wait) {
  std::unique_lock lock(mutex_);
  next_try_in_ = wait;
  wake_.wait_for(lock, std::chrono::microseconds(wait),
                 [&] { return stopping_ || news_ || (due_ && failures_ == 0); });
  due_ = false;
  return !stopping_;
}

base::DurationUs CarrierThread::patience(std::uint64_t failures, bool priced) const {
  const auto shift = std::min<std::uint64_t>(failures, 10);
  return std::min(priced ? kLastDearRetry : kLastRetry, kFirstRetry << shift);
}

bool CarrierThread::look(Look& out) {
  const std::string& id = config_.terms.id;
  return desk_.run_on_core([&](Core& core) {
    const Ways::Way* way = core.ways().find(id);
    if (way == nullptr) return;  // being taken away
    const base::TimeUs now = core.context().now();
    const auto standing = core.ways().standing(*way);
    out.priced = way->config.terms.price > 0;
    out.brief = standing.brief;
    // Heartbeats take a quarter of a budget at most.
    const std::uint64_t budget = way->config.terms.bytes_a_day;
    out.greets = !out.priced && !out.brief && standing.left_for_others > kHeartbeatBytes;
    out.every = contact_every_;
    if (budget > 0) {
      const double seconds = 86'400.0 * 4 * kHeartbeatBytes / static_cast<double>(budget);
      out.every = std::max(out.every, static_cast<base::DurationUs>(seconds * base::kSecond));
    }
    out.until_contact = link::next_contact(way->config.terms, now) - now;
    out.waiting = core.has_waiting(id);
    out.fetching = core.fetching();
    out.fetched = core.fetched_bytes();
  });
}

void CarrierThread::loop() {
  base::DurationUs wait = 0;
  while (pause(wait)) {
    Look now;
    now.vitals = desk_.vitals();
    if (!look(now)) return;
    if (now.until_contact > 0) {
      wait = std::min(now.until_contact, kLookAgain);
      continue;
    }
    bool news = false;
    {
      const std::lock_guard lock(mutex_);
      std::swap(news, news_);
    }
    const base::DurationUs heartbeat = next_heartbeat_ - monotonic();
    const bool greet = now.greets && (heartbeat <= 0 || failures_ > 0);
    if (!now.waiting && !news && !greet) {
      wait = now.greets ? std::min(kDataEvery, heartbeat) : kDataEvery;
      continue;
    }
    now.ask = !now.waiting && !greet;
    const auto next = contact(now);
    if (!next) return;
    wait = *next;
  }
}

std::optional<base::DurationUs> CarrierThread::contact(const Look& before) {
  const std::string& id = config_.terms.id;
  base::Result<Uplink::Outgoing> out = base::Error(base::Code::kInternal, "not asked");
  if (before.ask) {
    out = Uplink::Outgoing{};
  } else if (broken_) {
    out = *std::exchange(broken_, std::nullopt);
  } else if (!desk_.run_on_core([&](Core& core) { out = core.next_message(id, before.vitals); })) {
    return std::nullopt;
  }
  if (!out.ok()) {
    os::log_error("link", "no message could be made",
                  {{"carrier", id}, {"error", out.error().message()}});
    return kDataEvery;
  }
  if (out->sealed.empty() && !before.ask) return kDataEvery;  // there is nothing to say after all
  Ways::Exchange exchange;
  const base::DurationUs began = monotonic();
  auto contact = carrier_->exchange(out->sealed);
  exchange.up = out->sealed.size();
  for (int copy = 1; contact.ok() && copy < out->copies; ++copy) {
    if (!pause(kBetweenCopies)) return std::nullopt;
    auto again = carrier_->exchange(out->sealed);
    exchange.up += out->sealed.size();
    if (!again.ok()) break;
    for (auto& message : again->received) contact->received.push_back(std::move(message));
  }
  exchange.took = monotonic() - began;
  std::string refused;
  if (contact.ok()) {
    for (const auto& message : contact->received) exchange.down += message.size();
  } else {
    exchange.failure = contact.error().message();
    exchange.goes_on = out->sealed.size() >= kLongMessage && ++broken_times_ < kGoOnTimes;
    if (exchange.goes_on) broken_ = *out;
  }
  if (!broken_) broken_times_ = 0;
  bool fetched = false;
  const bool went_on = desk_.run_on_core([&](Core& core) {
    core.exchanged(id, exchange);
    if (!contact.ok()) return;
    for (const auto& message : contact->received) {
      if (auto taken = core.take_message(message, contact->round_trip); !taken.ok()) {
        refused = taken.error().message();
        os::log_error("link", "a message from the hub is refused",
                      {{"carrier", id}, {"error", refused}});
      }
    }
    fetched = core.fetching() && core.fetched_bytes() > before.fetched;
  });
  if (!went_on) return std::nullopt;
  const bool failed = !contact.ok();
  if (failed != (failures_ > 0) || next_heartbeat_ == 0) {
    if (failed) {
      os::log_warn("link", "hub not reached", {{"carrier", id}, {"reason", exchange.failure}});
    } else {
      os::log_info("link", "hub reached", {{"carrier", id}});
    }
    desk_.carrier_changed();
  }
  {
    const std::lock_guard lock(mutex_);
    failures_ = failed ? failures_ + 1 : 0;
    connected_ = !failed;
  }
  if (!before.ask) next_heartbeat_ = monotonic() + before.every;
  if (failed) return patience(failures_ - 1, before.priced);
  // Pieces of a package follow each other; the receipt for what was just sent comes with the next
  // contact.
  if (out->more) return 0;
  if (fetched) return 100 * base::kMillisecond;
  if (out->items > 0 && !before.priced && !before.brief) return base::kSecond;
  return std::min(kDataEvery, contact_every_);
}

}  // namespace lander::site
