#include "site/ways.h"

#include <algorithm>

#include "os/log.h"

namespace lander::site {
namespace {

constexpr std::size_t kLeastMessage = 4 << 10, kMostMessage = 1 << 20;
constexpr double kMessageSeconds = 10;
constexpr double kNewest = 0.3;  // what the newest exchange counts in the pace

}  // namespace

base::Status Ways::load() {
  LANDER_ASSIGN(const auto records, context_.store.records(kBudgetRecord));
  for (const auto& record : records) {
    LANDER_ASSIGN(budgets_[record.key], link::Budget::decode(record.body));
  }
  declare({});
  return {};
}

void Ways::declare(const std::vector<carrier::Config>& carriers) {
  std::vector<carrier::Config> wanted = carriers;
  const bool https = std::any_of(wanted.begin(), wanted.end(),
                                 [](const auto& config) { return config.type == kHttps; });
  if (!https) {
    carrier::Config always;
    always.terms.id = kHttps;
    always.type = kHttps;
    wanted.insert(wanted.begin(), std::move(always));
  }
  std::vector<Way> ways;
  for (auto& config : wanted) {
    const Way* known = find(config.terms.id);
    Way way = known != nullptr && known->config.type == config.type ? *known : Way{};
    way.budget = budgets_[config.terms.id];
    way.config = std::move(config);
    ways.push_back(std::move(way));
  }
  ways_ = std::move(ways);
}

const Ways::Way* Ways::find(const std::string& id) const {
  const auto found = std::find_if(ways_.begin(), ways_.end(),
                                  [&](const Way& way) { return way.config.terms.id == id; });
  return found == ways_.end() ? nullptr : &*found;
}

link::Standing Ways::standing(const Way& way) const {
  const carrier::Kind* kind = carrier::find_kind(way.config.type);
  link::Standing out;
  out.terms = way.config.terms;
  out.brief = kind != nullptr && kind->brief;
  out.max_message = kind == nullptr ? 0 : kind->max_up;
  const base::TimeUs now = context_.now();
  out.contact = link::in_contact(out.terms, now);
  out.up = way.up && out.contact;
  out.left = way.budget.left(out.terms, now);
  out.left_for_others = way.budget.left_for_others(out.terms, now);
  return out;
}

std::vector<link::Standing> Ways::standings() const {
  std::vector<link::Standing> out;
  for (const Way& way : ways_) out.push_back(standing(way));
  return out;
}

std::size_t Ways::message_bytes(const Way& way) const {
  const link::Standing now = standing(way);
  const double paced = way.bytes_a_second > 0 ? way.bytes_a_second * kMessageSeconds : kMostMessage;
  const auto wanted = static_cast<std::size_t>(
      std::clamp<double>(paced, kLeastMessage, static_cast<double>(kMostMessage)));
  return std::min<std::uint64_t>({wanted, now.max_message, now.left});
}

void Ways::exchanged(const std::string& id, const Exchange& exchange) {
  const auto way = std::find_if(ways_.begin(), ways_.end(),
                                [&](const Way& w) { return w.config.terms.id == id; });
  if (way == ways_.end()) return;  // taken out of the desired state meanwhile
  way->up = exchange.failure.empty();
  way->reason = exchange.failure;
  way->failures = way->up ? 0 : way->failures + 1;
  const std::size_t bytes = exchange.up + exchange.down;
  if (way->up) {
    // What a broker or a modem took has not reached the hub by that.
    if (exchange.down > 0) way->last_contact = context_.clock.wall_us();
    // A heartbeat tells the delay, not the pace.
    if (exchange.took > 0 && bytes >= kLeastMessage) {
      const double pace =
          static_cast<double>(bytes) * base::kSecond / static_cast<double>(exchange.took);
      way->bytes_a_second =
          way->bytes_a_second == 0 ? pace : way->bytes_a_second * (1 - kNewest) + pace * kNewest;
    }
  }
  if (bytes == 0 || way->config.terms.bytes_a_day == 0) return;
  way->budget.spend(bytes, context_.now());
  budgets_[id] = way->budget;
  store::Batch batch;
  batch.records.push_back({std::string(kBudgetRecord), id, way->budget.encode()});
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    os::log_warn("link", "what a carrier has cost is not kept",
                 {{"carrier", id}, {"error", committed.error().message()}});
  }
}

}  // namespace lander::site
