#include "twin/yaml_policy.h"

#include <algorithm>
#include <array>

namespace lander::twin {
namespace {

using base::Yaml;
using sensing::Kind;
using sensing::Thinning;
using sensing::Uplink;

constexpr std::array<std::string_view, 3> kUplinks = {"never", "summary", "raw"};
constexpr std::array<std::string_view, 3> kKeeps = {"nothing", "minutes", "hours"};
constexpr base::DurationUs kSummaries[] = {0, base::kMinute, base::kHour};
constexpr base::DurationUs kMaxBeyond = 36'525 * base::kDay;

Thinning read_step(Yaml at, Kind kind) {
  Thinning out;
  out.beyond = read_duration(at.required("beyond"), 0, 0, kMaxBeyond);
  Yaml keep = at.required("keep");
  out.summaries = kSummaries[keep.one_of(kKeeps)];
  if (const auto status = sensing::valid(out, kind); !status.ok() && keep.present()) {
    keep.mistake(status.error().message() + "; write keep: nothing");
  }
  return out;
}

std::vector<Thinning> read_thinning(Yaml at, Kind kind) {
  std::vector<Thinning> out;
  if (!at.present()) return out;
  auto items = at.items();
  if (at.is_list() && items.empty()) {
    at.mistake("expected steps like {beyond: 30d, keep: minutes}; leave it out for the default");
  }
  if (items.size() > sensing::kMaxThinning) {
    at.mistake("expected at most " + std::to_string(sensing::kMaxThinning) + " steps, found " +
               std::to_string(items.size()));
  }
  for (Yaml& item : items) out.push_back(read_step(item, kind));
  out.resize(std::min(out.size(), sensing::kMaxThinning));
  return out;
}

}  // namespace

base::DurationUs read_duration(Yaml at, base::DurationUs fallback, base::DurationUs least,
                               base::DurationUs most) {
  const base::DurationUs value = at.duration_us(fallback);
  if (value >= least && value <= most) return value;
  at.mistake("expected a duration from " + base::to_text(least) + " to " + base::to_text(most) +
             ", found " + base::to_text(value));
  return fallback;
}

sensing::Policy read_policy(Yaml at, Kind kind) {
  sensing::Policy out;
  if (!sensing::is_numeric(kind)) out.uplink = Uplink::kNever;  // there is no summary of it
  Yaml uplink = at.optional("uplink");
  out.uplink = static_cast<Uplink>(uplink.one_of(kUplinks, static_cast<std::size_t>(out.uplink)));
  if (const auto status = valid_uplink(out.uplink, kind); !status.ok() && uplink.present()) {
    uplink.mistake(status.error().message());
  }
  out.pickup = at.optional("pickup").boolean(out.pickup);
  out.max_lateness =
      read_duration(at.optional("max_lateness"), out.max_lateness, 0, 366 * base::kDay);
  out.thinning = read_thinning(at.optional("thinning"), kind);
  return out;
}

base::Status valid_uplink(Uplink uplink, Kind kind) {
  if (kind <= Kind::kText || uplink == Uplink::kNever) return {};  // a text's summary is empty
  const std::string what = "a value of kind " + std::string(sensing::to_string(kind));
  if (uplink == Uplink::kSummary) {
    return base::Error(base::Code::kInvalid,
                       what + " has no summary that could leave the site: write uplink: never");
  }
  return base::Error(base::Code::kInvalid,
                     what + " cannot leave the site over the link yet: write uplink: never");
}

}  // namespace lander::twin
