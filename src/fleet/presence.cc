#include <algorithm>
#include <array>

#include "fleet/fleet.h"

namespace lander::fleet {

std::string_view to_string(Presence presence) {
  constexpr std::array<std::string_view, 4> kNames = {"never", "on-time", "late", "silent"};
  return kNames[static_cast<std::size_t>(presence)];
}

Presence presence(const ContactPlan& plan, base::TimeUs last_contact, base::TimeUs now) {
  if (last_contact == 0) return Presence::kNever;
  const base::DurationUs age = now - last_contact;
  const base::DurationUs due = plan.expected_every + plan.grace;
  if (age <= due) return Presence::kOnTime;
  // A site that speaks once a week is not silent after a day.
  return age <= std::max(due, plan.silent_after) ? Presence::kLate : Presence::kSilent;
}

}  // namespace lander::fleet
