#include "source/topic_table.h"

#include <algorithm>
#include <cmath>

#include "source/json_leaves.h"
#include "source/mqtt_codec.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using sensing::Observation;

Result<std::uint64_t> parse_sequence(const Raw& raw) {
  if (const auto* value = std::get_if<std::int64_t>(&raw); value && *value >= 0)
    return static_cast<std::uint64_t>(*value);
  if (const auto* text = std::get_if<std::string_view>(&raw))
    if (const auto value = parse_integer(*text); value && *value >= 0)
      return static_cast<std::uint64_t>(*value);
  return Error(Code::kInvalid, "expected a counter of 0 or more, found \"" + to_text(raw) + "\"");
}

}  // namespace

Result<base::TimeUs> parse_phenomenon_time(const Raw& raw) {
  double value = 0;
  if (const auto* text = std::get_if<std::string_view>(&raw)) {
    if (auto time = base::parse_rfc3339(trim(*text)); time.ok()) return time;
    const auto number = parse_number(*text);
    if (!number)
      return Error(Code::kInvalid, "expected an RFC 3339 time or seconds since 1970, found \"" +
                                       to_text(raw) + "\"");
    value = *number;
  } else if (const auto* whole = std::get_if<std::int64_t>(&raw)) {
    value = static_cast<double>(*whole);
  } else if (const auto* number = std::get_if<double>(&raw)) {
    value = *number;
  } else {
    return Error(Code::kInvalid, "expected a time, found " + to_text(raw));
  }
  const double size = std::fabs(value);
  if (!(size < 9e18)) return Error(Code::kInvalid, "no time: " + to_text(raw));
  if (size < 1e11) return static_cast<base::TimeUs>(std::llround(value * 1e6));
  if (size < 1e14) return static_cast<base::TimeUs>(std::llround(value * 1e3));
  if (size < 1e17) return static_cast<base::TimeUs>(std::llround(value));
  return static_cast<base::TimeUs>(std::llround(value / 1e3));
}

std::size_t TopicTable::Topic::pointer_to(const std::string& pointer) {
  return pointers.try_emplace(pointer, pointers.size()).first->second;
}

Status TopicTable::add(const Bound& bound) {
  const sensing::Binding& binding = bound.datastream.binding;
  const auto hash = binding.address.find('#');
  const std::string topic = binding.address.substr(0, hash);
  LANDER_TRY(valid_mqtt_topic(topic));
  auto converter = Converter::make(bound);
  if (!converter.ok()) return converter.error();
  Entry entry{std::move(*converter), hash != std::string::npos};
  const bool pointed = !binding.time_pointer.empty() || !binding.sequence_pointer.empty();
  if (pointed && !entry.json)
    return Error(Code::kInvalid,
                 "time_pointer and sequence_pointer need a JSON payload: write the address as \"" +
                     topic + "#/the/value\"");
  Topic& entries = topics_[topic];
  if (entry.json) {
    const std::string value = binding.address.substr(hash + 1);
    for (const std::string& pointer : {value, binding.time_pointer, binding.sequence_pointer})
      LANDER_TRY(valid_pointer(pointer));
    entry.value = entries.pointer_to(value);
    if (!binding.time_pointer.empty()) entry.time = entries.pointer_to(binding.time_pointer);
    if (!binding.sequence_pointer.empty())
      entry.sequence = entries.pointer_to(binding.sequence_pointer);
  }
  entries.entries.push_back(std::move(entry));
  return {};
}

Result<TopicTable> TopicTable::make(const std::vector<Bound>& bound) {
  TopicTable table;
  for (const Bound& one : bound)
    if (auto added = table.add(one); !added.ok())
      return added.error().context("datastream " + one.datastream.id + ", address \"" +
                                   one.datastream.binding.address + "\"");
  return table;
}

std::vector<std::string> TopicTable::topics() const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

bool TopicTable::contains(std::string_view topic) const { return topics_.contains(topic); }

Result<Observation> TopicTable::decode_entry(const Entry& entry, const Message& message,
                                             const std::vector<Slot>& slots) {
  base::TimeUs time = message.arrived;
  std::uint64_t sequence = 0;
  Raw raw = base::as_text(message.payload);
  if (entry.json) {
    const Slot& value = slots[entry.value];
    if (!value.there) return Error(Code::kInvalid, "no value at the address's pointer");
    raw = value.raw;
    if (entry.time != kNone) {
      if (!slots[entry.time].there) return Error(Code::kInvalid, "nothing at time_pointer");
      auto parsed = parse_phenomenon_time(slots[entry.time].raw);
      if (!parsed.ok()) return parsed.error().context("at time_pointer");
      time = *parsed;
    }
    if (entry.sequence != kNone) {
      if (!slots[entry.sequence].there) return Error(Code::kInvalid, "nothing at sequence_pointer");
      auto parsed = parse_sequence(slots[entry.sequence].raw);
      if (!parsed.ok()) return parsed.error().context("at sequence_pointer");
      sequence = *parsed;
    }
  }
  auto observation = entry.converter.value(raw, time, sequence);
  if (observation.ok() && message.retained && entry.time == kNone &&
      sensing::is_good(observation->quality))
    observation->quality = sensing::Quality::kUncertain;
  return observation;
}

int TopicTable::decode(const Message& message, std::vector<Observation>& out,
                       std::string& problem) const {
  const auto found = topics_.find(message.topic);
  if (found == topics_.end()) return 0;
  const auto where = [&] { return "topic " + printable(message.topic, 200) + ": "; };
  if (message.payload.size() > kMaxPayloadBytes) {
    problem = where() + "a payload of " + std::to_string(message.payload.size()) +
              " bytes, expected at most " + std::to_string(kMaxPayloadBytes);
    return 1;
  }
  const Topic& topic = found->second;
  std::vector<Slot> slots(topic.pointers.size());
  Status parsed;
  if (!slots.empty())
    parsed =
        walk_json(base::as_text(message.payload), [&](std::string_view pointer, const Raw& raw) {
          const auto wanted = topic.pointers.find(pointer);
          if (wanted == topic.pointers.end()) return true;
          Slot& slot = slots[wanted->second];
          slot.there = true;
          slot.raw = raw;
          if (const auto* text = std::get_if<std::string_view>(&raw)) {
            slot.text = *text;
            slot.raw = std::string_view(slot.text);
          }
          return true;
        });
  int problems = 0;
  bool told = false;  // a payload that is not JSON is one problem, not one per datastream
  for (const Entry& entry : topic.entries) {
    if (entry.json && !parsed.ok()) {
      if (!told) problem = where() + parsed.error().message();
      problems += told ? 0 : 1;
      told = true;
      continue;
    }
    auto observation = decode_entry(entry, message, slots);
    if (observation.ok()) {
      out.push_back(std::move(*observation));
    } else {
      problem = where() + "datastream " + entry.converter.bound().datastream.id + ": " +
                observation.error().message();
      ++problems;
    }
  }
  return problems;
}

}  // namespace lander::source
