// How a picture is written: shared by what truth expects and what a store answers.
#pragma once

#include <cstring>

#include "sensing/block.h"
#include "sensing/value.h"
#include "sim/store_truth.h"

namespace lander::sim {

template <class T>
inline void put_number(std::string& out, T number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}
inline void put_bytes(std::string& out, base::ByteView bytes) {
  put_number(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes.begin(), bytes.end());
}
inline void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}
inline void put_value(std::string& out, const sensing::Value& value) {
  put_number(out, static_cast<std::uint8_t>(value.index()));
  switch (static_cast<sensing::Kind>(value.index())) {
    case sensing::Kind::kNumber:
      return put_number(out, std::get<double>(value));
    case sensing::Kind::kInteger:
      return put_number(out, std::get<std::int64_t>(value));
    case sensing::Kind::kBoolean:
      return put_number(out, std::get<bool>(value));
    default:
      return put_text(out, sensing::to_bytes(value));
  }
}
inline void put_sample(std::string& out, base::TimeUs time,
                       const sensing::Observation& observation) {
  put_number(out, time);
  put_number(out, observation.quality);
  put_value(out, observation.value);
}
inline void put_summary(std::string& out, base::TimeUs from, const sensing::Summary& summary) {
  put_number(out, from);
  put_number(out, summary.count);
  put_number(out, summary.others);
  put_number(out, summary.count > 0 ? summary.least : 0);
  put_number(out, summary.count > 0 ? summary.most : 0);
  put_number(out, summary.sum);
}

// Of an item: it waits; a newer one says the same; it may be there or not.
enum class Mark : std::uint8_t { kWaits, kSuperseded, kFleeting };
inline void put_item(std::string& out, std::string_view type, double worth, base::ByteView body) {
  put_number(out, Mark::kWaits);
  put_text(out, type);
  put_number(out, worth);
  put_bytes(out, body);
}

struct Range {
  const char* name;
  base::TimeUs from, to;
  std::size_t buckets;
};
// From the samples' own ends, so that truth and store are asked the same.
inline std::vector<Range> ranges_of(const std::vector<store::Sample>& samples) {
  if (samples.empty()) return {};
  const base::TimeUs first = samples.front().observation.time;
  const base::TimeUs end = samples.back().observation.time + 1;
  return {{"all", first, end, 1},
          {"seven", first, end, 7},
          {"hours", end - 9 * base::kHour - 7, end - 77 * base::kSecond - 3, 3},
          {"minutes", end - 2 * base::kHour + 12'345, end - 7 * base::kSecond, 9},
          {"fine", end - 10 * base::kMinute, end, 100}};
}

}  // namespace lander::sim
