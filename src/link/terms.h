// What a carrier costs and when it has contact, as the operator declares it; and how much of it is
// used. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::link {

// A daily time of contact, UTC: from `from` to `to`, both from midnight; `to` may lie beyond a
// day's end (22:00-26:00).
struct Window {
  base::DurationUs from = 0, to = 0;
  friend bool operator==(const Window&, const Window&) = default;
};

// Prices and worths are in one currency, the operator's own.
struct Terms {
  std::string id;                 // "https", "sat": names the carrier at this site
  std::uint64_t bytes_a_day = 0;  // sealed, both ways, by UTC day; 0: no limit
  double price = 0;               // of a byte; an item that is worth less than its bytes cost stays
  base::DurationUs delay = 0;     // one way
  std::uint8_t copies = 1;        // of an alert, within its first second: for a lossy, slow way
  std::vector<Window> plan;       // empty: always
  friend bool operator==(const Terms&, const Terms&) = default;
};

inline constexpr std::size_t kMaxWindows = 48;
inline constexpr std::uint8_t kMaxCopies = 8;
base::Status valid(const Terms& terms);  // kInvalid names the field

// Is there contact at `utc`, and if not, when next?
bool in_contact(const Terms& terms, base::TimeUs utc);
base::TimeUs next_contact(const Terms& terms, base::TimeUs utc);  // utc itself while in contact

// The bytes of the UTC day that are spent. A day that was not counted (a clock that jumped) begins
// anew. The last quarter is the alert lane's.
class Budget {
 public:
  std::uint64_t left(const Terms& terms, base::TimeUs utc) const;  // UINT64_MAX: no limit
  std::uint64_t left_for_others(const Terms& terms, base::TimeUs utc) const;  // than alerts
  void spend(std::uint64_t bytes, base::TimeUs utc);
  std::uint64_t spent(base::TimeUs utc) const;
  base::Bytes encode() const;
  static base::Result<Budget> decode(base::ByteView bytes);

 private:
  std::int64_t day_ = 0;  // since 1970
  std::uint64_t spent_ = 0;
};

}  // namespace lander::link
