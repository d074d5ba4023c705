// A site with an alert to tell in brief: for the tests of dictionaries, briefs and short messages.
#pragma once

#include <string>

#include "link/brief.h"

namespace lander::link {

inline constexpr base::TimeUs kNow = 1'795'000'000'123'456;  // 2026-11-18T07:06:40.123456Z
inline constexpr std::string_view kTenant = "acme", kPlant = "plant";

inline alert::Event brief_event(alert::EventKind kind, std::uint16_t salt, std::uint16_t of,
                                base::DurationUs after = 0) {
  alert::Event event;
  event.kind = kind;
  event.time = kNow + after;
  event.id = derived_id(kTenant, kPlant, IdOf::kEvent, event.time, salt);
  event.alert = derived_id(kTenant, kPlant, IdOf::kAlert, kNow, of);
  event.actor = "site";
  return event;
}

// A raise with all that a brief has room for. `n` tells its names from another's.
inline alert::Event brief_raise(std::uint16_t salt, int n = 0) {
  alert::Event event = brief_event(alert::EventKind::kRaise, salt, salt);
  alert::Info& info = event.info.emplace();
  info.rule = "app/pump-watch@1.0.0/high-vibration";
  info.asset = "acme/plant/pump-" + std::to_string(n);
  info.title = "Bearing wear";
  info.detail = "vibration 7.1 mm/s, expected 2.3 mm/s";
  info.severity = alert::Severity::kHigh;
  info.score = 1.71;
  const std::string pump = "p" + std::to_string(n);
  info.causes = {{pump + "-vibration", 0.62, 7.1, 2.3, "mm/s"},
                 {pump + "-current", 0.3, 5.2, 4.9, "A"},
                 {pump + "-pressure", 0.05, 101'325, 101'200, "Pa"},
                 {pump + "-flow", 0.03, 1, 1, "m3/h"}};
  info.evidence.from = kNow - base::kMinute;
  info.evidence.to = kNow;
  return event;
}

}  // namespace lander::link
