#include "link/codec.h"

namespace lander::link {

base::Error corrupt(const base::CborReader& in, const std::string& expected) {
  return {base::Code::kCorrupt,
          "before byte " + std::to_string(in.offset()) + ": expected " + expected};
}

base::Status expect_array(base::CborReader& in, std::uint64_t length, const char* what) {
  LANDER_ASSIGN(const std::uint64_t found, in.array());
  if (found == length) return {};
  return corrupt(in, std::string(what) + " of " + std::to_string(length) + " fields, found " +
                         std::to_string(found));
}

base::Status expect_format(base::CborReader& in, std::uint64_t format, const char* what) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found == format) return {};
  return base::Error(base::Code::kUnsupported, std::string(what) + " of format " +
                                                   std::to_string(found) + "; this version reads " +
                                                   std::to_string(format));
}

base::Result<std::string> read_text(base::CborReader& in, std::size_t most, const char* what) {
  LANDER_ASSIGN(const std::string_view text, in.text());
  if (text.empty() || text.size() > most) {
    return corrupt(in, std::string(what) + " of 1 to " + std::to_string(most) + " bytes");
  }
  return std::string(text);
}

base::Result<std::uint8_t> read_lane(base::CborReader& in) {
  LANDER_ASSIGN(const std::uint64_t lane, in.unsigned_integer());
  if (lane >= kLanes) return corrupt(in, "a lane from 0 to 3, found " + std::to_string(lane));
  return static_cast<std::uint8_t>(lane);
}

void put_ranges(base::CborWriter& out, const Ranges& ranges) {
  out.array(2 * ranges.ranges().size());
  for (const auto& [first, last] : ranges.ranges()) {
    out.unsigned_integer(first).unsigned_integer(last);
  }
}

base::Result<Ranges> read_ranges(base::CborReader& in) {
  LANDER_ASSIGN(const std::uint64_t numbers, in.array());
  if (numbers % 2 != 0 || numbers > 2 * Ranges::kMax) return corrupt(in, "at most 4096 pairs");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::uint64_t i = 0; i < numbers; i += 2) {
    LANDER_ASSIGN(const std::uint64_t first, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t last, in.unsigned_integer());
    ranges.emplace_back(first, last);
  }
  return Ranges::from(ranges);
}

}  // namespace lander::link
