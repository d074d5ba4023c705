// Clock segments: what the site's clock said, and what the time really was.
//
// Stored times are what the clock said when they were captured. A segment says, for a stretch of
// one boot's monotonic time, by how much that was off and how sure we are. UTC is right when it is
// read, even for a box that woke in 1970. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::sensing {

struct ClockSegment {
  std::string boot;               // os::Clock::boot_id
  base::TimeUs claimed_from = 0;  // the first claimed time it covers; it ends where the next begins
  base::DurationUs monotonic_from = 0;  // of the same instant
  base::DurationUs offset = 0;          // UTC = claimed + offset
  base::DurationUs error =
      0;               // half-width of the interval UTC is known to lie in; INT64_MAX: unknown
  std::string source;  // "none", "hub", "ntp", "gnss", "operator"
  // When a better clock last confirmed it. Away from there the error grows by 100 ppm of the
  // distance: what an uncompensated crystal may drift.
  base::DurationUs monotonic_checked = 0;
};

// Watches wall against monotonic and what better clocks say, and cuts a new segment when the wall
// clock jumped by over 250 ms or a reference contradicts the offset by more than that and its
// error.
//
// One reference places the whole boot, the time before it included, because monotonic time ties its
// segments together. An offset that a reference does not contradict is never moved: what was sent
// and what is read later agree. Segments are only appended; their index is an identity for life.
class ClockBook {
 public:
  explicit ClockBook(std::vector<ClockSegment> known = {});

  // Call at every commit and contact. Returns true when a segment was added or corrected: persist
  // it.
  bool observe(const std::string& boot, base::DurationUs monotonic, base::TimeUs wall);
  // observe() would change nothing.
  bool expects(const std::string& boot, base::DurationUs monotonic, base::TimeUs wall) const;
  // A better clock (the hub's, GNSS) said `reference` at this instant, give or take `error`.
  bool reference(const std::string& boot, base::DurationUs monotonic, base::TimeUs wall,
                 base::TimeUs reference, base::DurationUs error, std::string_view source);

  struct Utc {
    base::TimeUs time;
    base::DurationUs error;
  };
  // For data that was committed during `boot` at `monotonic` with claimed time `claimed`.
  Utc utc(const std::string& boot, base::DurationUs monotonic, base::TimeUs claimed) const;
  // The segment that such data belongs to: the one whose stretch the claimed time fits best. Does
  // not change when segments are added or corrected. Nothing for a boot that was never observed.
  std::optional<std::size_t> find(const std::string& boot, base::DurationUs monotonic,
                                  base::TimeUs claimed) const;
  // The one segment that all such data belongs to, whatever it claims; nothing when that depends.
  std::optional<std::size_t> only(const std::string& boot, base::DurationUs monotonic) const;
  // A claim that fits the true time better than this box's clock, when those are over five years
  // apart, was made by a source with a clock of its own: it is taken as it is, of unknown error.
  Utc utc(std::size_t segment, base::TimeUs claimed) const;
  // The segment may hold such claims.
  bool has_foreign(std::size_t segment) const;
  // Every difference UTC - claimed that utc() may give; ascending, 0 among them.
  std::vector<base::DurationUs> offsets() const;
  const std::vector<ClockSegment>& segments() const { return segments_; }

 private:
  void pin_boot(base::DurationUs monotonic, base::TimeUs reference, base::DurationUs error,
                std::string_view source);
  bool refer(base::DurationUs monotonic, base::TimeUs wall, base::TimeUs reference,
             base::DurationUs error, std::string_view source);

  std::vector<ClockSegment> segments_;
  std::map<std::string, std::size_t, std::less<>> first_;  // boot -> its first segment
};

base::Bytes encode(const ClockSegment& segment);
base::Result<ClockSegment> decode_clock_segment(base::ByteView bytes);

}  // namespace lander::sensing
