#include "source/candidates.h"

#include <algorithm>
#include <set>

namespace lander::source {

Guess guess_from_name(std::string_view name) {
  // The first match wins: "temperature_setpoint" before "set", "flow_temperature" is a temperature.
  static constexpr struct {
    std::string_view part, property, unit;
  } kKnown[] = {
      {"vibration", "vibration", "mm/s"},
      {"accel", "acceleration", "m/s2"},
      {"temp", "temperature", "Cel"},
      {"thermo", "temperature", "Cel"},
      {"pressure", "pressure", "bar"},
      {"press", "pressure", "bar"},
      {"flow", "flow-rate", "m3/h"},
      {"current", "current", "A"},
      {"volt", "voltage", "V"},
      {"power", "power", "kW"},
      {"energy", "energy", "kW.h"},
      {"valve", "valve-position", "%"},
      {"position", "position", "%"},
      {"level", "level", "m"},
      {"humid", "relative-humidity", "%"},
      {"rpm", "rotational-speed", "{rev}/min"},
      {"speed", "speed", "m/s"},
      {"torque", "torque", "N.m"},
      {"frequency", "frequency", "Hz"},
      {"load", "load", "1"},
      {"memory", "memory-used", "%"},
      {"disk", "disk-used", "%"},
      {"status", "status", "1"},
  };
  std::string lower(name.substr(0, CandidateTable::kMaxAddressBytes));
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const auto& known : kKnown)
    if (lower.find(known.part) != lower.npos) return {known.property, known.unit};
  return {};
}

bool CandidateTable::count(std::string_view name, base::DurationUs now) {
  if (name.size() > kMaxAddressBytes) return false;
  const std::lock_guard lock(mutex_);
  auto found = groups_.find(name);
  if (found == groups_.end()) {
    if (groups_.size() >= kMaxCandidates) return false;
    found = groups_.emplace(std::string(name), Group{.last = now, .renewed = now}).first;
    found->second.count = 1;
    return true;
  }
  Group& group = found->second;
  const base::DurationUs gap = now - group.last;
  ++group.count;
  // The first gaps weigh as in a plain mean, later ones a sixteenth.
  const auto weight = static_cast<base::DurationUs>(std::min<std::uint64_t>(group.count - 1, 16));
  group.interval += (gap - group.interval) / weight;
  group.last = now;
  if (now - group.renewed < base::kSecond) return false;
  group.renewed = now;
  return true;
}

void CandidateTable::example(std::string_view group, std::string_view address, const Raw& value) {
  example(group, address, kind_of(value), to_text(value));
}

void CandidateTable::example(std::string_view group, std::string_view address, sensing::Kind kind,
                             std::string text) {
  if (address.size() > kMaxAddressBytes || !is_utf8(address)) return;
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(address);
  if (found == entries_.end()) {
    if (entries_.size() >= kMaxCandidates) return;
    found = entries_.emplace(std::string(address), Entry{std::string(group), {}}).first;
  }
  found->second.example = std::move(text);
  found->second.kind = kind;
}

std::vector<Candidate> CandidateTable::list(const std::string& source,
                                            const std::vector<Bound>& bound,
                                            base::DurationUs now) const {
  std::set<std::string_view> declared;
  for (const Bound& one : bound) declared.insert(one.datastream.binding.address);
  std::vector<Candidate> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [address, entry] : entries_) {
    Candidate candidate{source, address, entry.example};
    if (const auto group = groups_.find(entry.group); group != groups_.end()) {
      // A group that fell silent does not keep the rate it once had.
      const base::DurationUs silent = now - group->second.last;
      base::DurationUs interval = group->second.interval;
      if (interval > 0 && silent > 3 * interval) interval = silent;
      if (interval > 0) candidate.rate_hz = 1e6 / static_cast<double>(interval);
    }
    const Guess guess = guess_from_name(address);
    candidate.suggested_property = guess.property;
    candidate.suggested_unit = sensing::has_unit(entry.kind) ? guess.unit : "";
    candidate.kind = entry.kind;
    candidate.declared = declared.contains(address);
    out.push_back(std::move(candidate));
  }
  std::sort(out.begin(), out.end(),
            [](const Candidate& a, const Candidate& b) { return a.address < b.address; });
  return out;
}

}  // namespace lander::source
