#include "source/topic_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

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
  if (const auto* text = std::get_if<std::string_view>(&raw)) return table::parse_time(*text);
  std::optional<base::TimeUs> time;
  if (const auto* whole = std::get_if<std::int64_t>(&raw)) {
    time = table::time_of_number(static_cast<double>(*whole));
  } else if (const auto* number = std::get_if<double>(&raw)) {
    time = table::time_of_number(*number);
  } else {
    return Error(Code::kInvalid, "expected a time, found " + to_text(raw));
  }
  if (!time) return Error(Code::kInvalid, "no time: " + to_text(raw));
  return *time;
}

std::size_t TopicTable::Topic::pointer_to(const std::string& pointer) {
  return pointers.try_emplace(pointer, pointers.size()).first->second;
}

std::size_t TopicTable::Topic::array_at(const std::string& pointer) {
  return arrays.try_emplace(pointer, arrays.size()).first->second;
}

Status TopicTable::add(const Bound& bound) {
  const sensing::Binding& binding = bound.datastream.binding;
  const sensing::Kind kind = bound.datastream.kind;
  const auto hash = binding.address.find('#');
  const std::string topic = binding.address.substr(0, hash);
  LANDER_TRY(valid_mqtt_topic(topic));
  auto converter = Converter::make(bound);
  if (!converter.ok()) return converter.error();
  if (kind == sensing::Kind::kObject && hash != std::string::npos)
    return Error(Code::kInvalid,
                 "an object is a whole payload: write the address as \"" + topic + "\"");
  Entry entry{std::move(*converter)};
  entry.json = hash != std::string::npos || kind == sensing::Kind::kWaveform ||
               kind == sensing::Kind::kInterval;
  const bool pointed = !binding.time_pointer.empty() || !binding.sequence_pointer.empty();
  if (pointed && !entry.json)
    return Error(
        Code::kInvalid,
        kind == sensing::Kind::kObject
            ? std::string("time_pointer and sequence_pointer need a JSON payload, and an "
                          "object is any bytes")
            : "time_pointer and sequence_pointer need a JSON payload: write the address as "
              "\"" +
                  topic + "#/the/value\"");
  const std::string value = hash == std::string::npos ? "" : binding.address.substr(hash + 1);
  for (const std::string& pointer : {value, binding.time_pointer, binding.sequence_pointer})
    LANDER_TRY(valid_pointer(pointer));
  Topic& entries = topics_[topic];
  if (entry.json) add_pointers(bound, value, entries, entry);
  entries.entries.push_back(std::move(entry));
  return {};
}

void TopicTable::add_pointers(const Bound& bound, const std::string& value, Topic& topic,
                              Entry& entry) {
  const sensing::Binding& binding = bound.datastream.binding;
  entry.value = topic.pointer_to(value);
  if (!binding.time_pointer.empty()) entry.time = topic.pointer_to(binding.time_pointer);
  if (!binding.sequence_pointer.empty())
    entry.sequence = topic.pointer_to(binding.sequence_pointer);
  if (entry.kind() == sensing::Kind::kWaveform) {
    entry.array = topic.array_at(value);
    entry.samples = topic.array_at(value + "/samples");
    entry.rate = topic.pointer_to(value + "/rate_hz");
  } else if (entry.kind() == sensing::Kind::kInterval) {
    entry.start = topic.pointer_to(value + "/start");
    entry.end = topic.pointer_to(value + "/end");
    entry.duration = topic.pointer_to(value + "/duration_s");
    entry.label = topic.pointer_to(value + "/label");
  }
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

// The walker tells the elements in their order, and may begin again from the first.
void TopicTable::Array::add(std::string_view index, const Raw& raw) {
  if (index == "0") {
    samples.clear();
    wrong.clear();
  }
  if (!wrong.empty()) return;
  double sample = 0;
  if (const auto* number = std::get_if<double>(&raw)) {
    sample = *number;
  } else if (const auto* whole = std::get_if<std::int64_t>(&raw)) {
    sample = static_cast<double>(*whole);
  } else if (std::holds_alternative<std::monostate>(raw)) {
    sample = std::numeric_limits<double>::quiet_NaN();
  } else {
    wrong = "expected numbers, found \"" + to_text(raw) + "\" among them";
    return;
  }
  if (index != std::to_string(samples.size())) {
    wrong = "expected an array of numbers, found something else";
  } else if (samples.size() == sensing::kMaxWaveformSamples) {
    wrong = "expected at most 65536 samples";
  } else {
    samples.push_back(sample);
  }
}

Result<TopicTable::Found> TopicTable::find(const Topic& topic, std::string_view payload) {
  Found found{std::vector<Slot>(topic.pointers.size()), std::vector<Array>(topic.arrays.size())};
  if (topic.pointers.empty()) return found;
  LANDER_TRY(walk_json(payload, [&](std::string_view pointer, const Raw& raw) {
    if (const auto wanted = topic.pointers.find(pointer); wanted != topic.pointers.end()) {
      Slot& slot = found.slots[wanted->second];
      slot.there = true;
      slot.raw = raw;
      if (const auto* text = std::get_if<std::string_view>(&raw)) {
        slot.text = *text;
        slot.raw = std::string_view(slot.text);
      }
    }
    const auto last = pointer.rfind('/');
    if (topic.arrays.empty() || last == pointer.npos) return true;
    if (const auto array = topic.arrays.find(pointer.substr(0, last)); array != topic.arrays.end())
      found.arrays[array->second].add(pointer.substr(last + 1), raw);
    return true;
  }));
  return found;
}

Result<TopicTable::Moment> TopicTable::moment_of(const Entry& entry, const Message& message,
                                                 const Found& found) {
  Moment out{message.arrived};
  if (entry.time != kNone) {
    const Slot* time = found.at(entry.time);
    if (time == nullptr) return Error(Code::kInvalid, "nothing at time_pointer");
    auto parsed = parse_phenomenon_time(time->raw);
    if (!parsed.ok()) return parsed.error().context("at time_pointer");
    out.time = *parsed;
  }
  if (entry.sequence != kNone) {
    const Slot* sequence = found.at(entry.sequence);
    if (sequence == nullptr) return Error(Code::kInvalid, "nothing at sequence_pointer");
    auto parsed = parse_sequence(sequence->raw);
    if (!parsed.ok()) return parsed.error().context("at sequence_pointer");
    out.sequence = *parsed;
  }
  return out;
}

Result<Observation> TopicTable::decode_waveform(const Entry& entry, const Found& found,
                                                Moment moment) {
  const Array& plain = found.arrays[entry.array];
  const Array& named = found.arrays[entry.samples];
  const Array& array = named.samples.empty() && named.wrong.empty() ? plain : named;
  if (!array.wrong.empty()) return Error(Code::kInvalid, array.wrong);
  if (array.samples.empty())
    return Error(Code::kInvalid,
                 "no numbers at the address's pointer: expected [1, 2, ..] or "
                 "{\"rate_hz\": .., \"samples\": [1, 2, ..]}");
  double rate_hz = entry.converter.bound().datastream.binding.rate_hz;
  if (const Slot* rate = found.at(entry.rate)) {
    const auto* whole = std::get_if<std::int64_t>(&rate->raw);
    const auto* number = std::get_if<double>(&rate->raw);
    rate_hz = whole ? static_cast<double>(*whole) : number ? *number : 0;
  }
  if (!(rate_hz >= 1e-3 && rate_hz <= 1e9))
    return Error(Code::kInvalid,
                 "no rate: expected rate_hz in the payload, or at the datastream's "
                 "`from`, within 0.001 to 1e9");
  // Without a time of its own it came when its last sample was taken.
  if (entry.time == kNone)
    moment.time -= static_cast<base::DurationUs>(
        std::llround(static_cast<double>(array.samples.size() - 1) / rate_hz * 1e6));
  return entry.converter.waveform(rate_hz, array.samples, moment.time, moment.sequence);
}

Result<Observation> TopicTable::decode_interval(const Entry& entry, const Found& found,
                                                Moment moment) {
  base::TimeUs start = moment.time, end = 0;
  if (const Slot* from = found.at(entry.start)) {
    auto parsed = parse_phenomenon_time(from->raw);
    if (!parsed.ok()) return parsed.error().context("at start");
    start = *parsed;
  } else if (entry.time == kNone) {
    return Error(Code::kInvalid,
                 "expected {\"start\": .., \"end\": .., \"label\": ..}, with a start");
  }
  if (const Slot* to = found.at(entry.end)) {
    auto parsed = parse_phenomenon_time(to->raw);
    if (!parsed.ok()) return parsed.error().context("at end");
    end = *parsed;
  } else if (const Slot* lasted = found.at(entry.duration)) {
    const auto* whole = std::get_if<std::int64_t>(&lasted->raw);
    const auto* number = std::get_if<double>(&lasted->raw);
    const double seconds = whole ? static_cast<double>(*whole) : number ? *number : -1;
    if (!(seconds >= 0 && seconds < 1e11))
      return Error(Code::kInvalid, "at duration_s: expected seconds from 0");
    end = start + static_cast<base::DurationUs>(std::llround(seconds * 1e6));
  } else {
    return Error(Code::kInvalid,
                 "expected an end or a duration_s: an interval is told when it ended");
  }
  std::string label;
  if (const Slot* text = found.at(entry.label)) {
    if (!std::holds_alternative<std::string_view>(text->raw))
      return Error(Code::kInvalid, "at label: expected a text, found " + to_text(text->raw));
    label = text->text;
    if (!is_utf8(label)) return Error(Code::kInvalid, "at label: expected no control characters");
  }
  return entry.converter.interval(start, end, std::move(label), moment.sequence);
}

Result<Observation> TopicTable::decode_object(const Entry& entry, const Message& message,
                                              const Keep& keep) {
  if (message.payload.empty()) return Error(Code::kInvalid, "an empty payload is no object");
  const std::string& declared = entry.converter.bound().datastream.binding.media_type;
  if (!keep) return Error(Code::kUnsupported, "objects are not kept here");
  LANDER_ASSIGN(sensing::Object object,
                keep(message.payload, declared.empty() ? media_type_of(message.payload)
                                                       : std::string_view(declared)));
  return entry.converter.object(std::move(object), message.arrived);
}

Result<Observation> TopicTable::decode_entry(const Entry& entry, const Message& message,
                                             const Found& found) {
  if (!entry.json)
    return entry.converter.value(Raw(base::as_text(message.payload)), message.arrived, 0);
  const Slot* value = found.at(entry.value);
  const bool failed = value != nullptr && std::holds_alternative<std::monostate>(value->raw);
  const bool one = entry.kind() <= sensing::Kind::kText;
  if (one && value == nullptr) return Error(Code::kInvalid, "no value at the address's pointer");
  LANDER_ASSIGN(const Moment moment, moment_of(entry, message, found));
  if (one) return entry.converter.value(value->raw, moment.time, moment.sequence);
  if (failed) {  // null: a sensor that failed
    Observation lost = entry.converter.lost(moment.time);
    lost.quality = sensing::Quality::kBadSensorFailure;
    lost.sequence = moment.sequence;
    return lost;
  }
  return entry.kind() == sensing::Kind::kWaveform ? decode_waveform(entry, found, moment)
                                                  : decode_interval(entry, found, moment);
}

Result<int> TopicTable::decode(const Message& message, const Keep& keep,
                               std::vector<Observation>& out, std::string& problem) const {
  const auto at = topics_.find(message.topic);
  if (at == topics_.end()) return 0;
  const Topic& topic = at->second;
  const std::size_t before = out.size();
  int problems = 0;
  Found found;
  std::optional<Error> whole;  // what ails the payload: one problem, not one per datastream
  const bool too_long = message.payload.size() > kMaxPayloadBytes;
  if (too_long) {
    whole =
        Error(Code::kInvalid, "a payload of " + std::to_string(message.payload.size()) +
                                  " bytes, expected at most " + std::to_string(kMaxPayloadBytes));
  } else if (auto walked = find(topic, base::as_text(message.payload)); walked.ok()) {
    found = std::move(*walked);
  } else {
    whole = walked.error();
  }
  const auto tell = [&](const std::string& what) {
    problem = "topic " + printable(message.topic, 200) + ": " + what;
    ++problems;
  };
  bool told = false;
  for (const Entry& entry : topic.entries) {
    const bool object = entry.kind() == sensing::Kind::kObject;
    if (whole && !object && (entry.json || too_long)) {
      if (!std::exchange(told, true)) tell(whole->message());
      continue;
    }
    auto observation =
        object ? decode_object(entry, message, keep) : decode_entry(entry, message, found);
    if (observation.ok()) {
      if (message.retained && entry.time == kNone && entry.start == kNone &&
          sensing::is_good(observation->quality))
        observation->quality = sensing::Quality::kUncertain;
      out.push_back(std::move(*observation));
      continue;
    }
    const Code code = observation.error().code();
    if (object && code != Code::kInvalid && code != Code::kUnsupported) {
      out.resize(before);
      return observation.error().context("keeping an object");
    }
    tell("datastream " + entry.converter.bound().datastream.id + ": " +
         observation.error().message());
  }
  return problems;
}

}  // namespace lander::source
