#include "sensing/clock.h"

#include <algorithm>
#include <cstdlib>

#include "base/cbor.h"

namespace lander::sensing {
namespace {

using base::DurationUs;
using base::TimeUs;

constexpr DurationUs kUnknown = INT64_MAX;
constexpr DurationUs kJump = 250 * base::kMillisecond;
constexpr DurationUs kForeign = 5 * 365 * base::kDay;
constexpr std::int64_t kDriftDivisor = 10'000;  // 100 ppm
constexpr DurationUs kConfirmEvery = base::kHour;
constexpr std::size_t kMaxSegments = 65536;
constexpr std::size_t kMaxText = 128;
// Outside of these a wall clock is certainly wrong.
constexpr TimeUs kPlausibleFrom = 1'735'689'600 * base::kSecond;   // 2025-01-01
constexpr TimeUs kPlausibleUntil = 7'258'118'400 * base::kSecond;  // 2200-01-01

std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (!__builtin_add_overflow(a, b, &out)) return out;
  return b < 0 ? INT64_MIN : INT64_MAX;
}
std::int64_t subtract(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return b > 0 ? INT64_MIN : INT64_MAX;
}
std::int64_t distance(std::int64_t a, std::int64_t b) {
  return a > b ? subtract(a, b) : subtract(b, a);
}

bool plausible(TimeUs wall) { return wall >= kPlausibleFrom && wall < kPlausibleUntil; }

TimeUs wall_at(const ClockSegment& segment, DurationUs monotonic) {
  return add(segment.claimed_from, subtract(monotonic, segment.monotonic_from));
}

DurationUs error_at(const ClockSegment& segment, DurationUs monotonic) {
  if (segment.error == kUnknown) return kUnknown;
  return add(segment.error, distance(monotonic, segment.monotonic_checked) / kDriftDivisor);
}

// The offset that makes UTC at `monotonic` be `utc`.
DurationUs offset_for(const ClockSegment& segment, DurationUs monotonic, TimeUs utc) {
  return subtract(utc, wall_at(segment, monotonic));
}

bool foreign(const ClockSegment& segment, TimeUs claimed) {
  if (distance(segment.offset, 0) <= kForeign) return false;
  const TimeUs truth = add(segment.claimed_from, segment.offset);
  return distance(claimed, truth) < distance(claimed, segment.claimed_from);
}

}  // namespace

ClockBook::ClockBook(std::vector<ClockSegment> known) : segments_(std::move(known)) {
  for (std::size_t i = 0; i < segments_.size(); ++i) first_.try_emplace(segments_[i].boot, i);
}

bool ClockBook::expects(const std::string& boot, DurationUs monotonic, TimeUs wall) const {
  if (segments_.empty() || segments_.back().boot != boot) return false;
  const DurationUs jump = subtract(wall, wall_at(segments_.back(), monotonic));
  return distance(jump, 0) <= kJump || segments_.size() >= kMaxSegments;
}

bool ClockBook::observe(const std::string& boot, DurationUs monotonic, TimeUs wall) {
  if (expects(boot, monotonic, wall)) return false;
  if (segments_.empty() || segments_.back().boot != boot) {
    segments_.push_back({boot, wall, monotonic, 0, kUnknown, "none", monotonic});
    first_.try_emplace(boot, segments_.size() - 1);
    return true;
  }
  const ClockSegment& last = segments_.back();
  const DurationUs jump = subtract(wall, wall_at(last, monotonic));
  ClockSegment next{boot, wall, monotonic, 0, kUnknown, last.source, last.monotonic_checked};
  if (last.error != kUnknown) {
    next.offset = subtract(last.offset, jump);
    next.error = error_at(last, monotonic);
    next.monotonic_checked = monotonic;
  } else if (plausible(wall)) {
    // Somebody set the clock, and not to nonsense: the best guess for the time before it, too.
    for (std::size_t i = first_[boot]; i < segments_.size(); ++i) {
      if (segments_[i].error == kUnknown) {
        segments_[i].offset = offset_for(segments_[i], monotonic, wall);
      }
    }
  } else {
    next.offset = subtract(last.offset, jump);
  }
  segments_.push_back(std::move(next));
  return true;
}

bool ClockBook::reference(const std::string& boot, DurationUs monotonic, TimeUs wall,
                          TimeUs reference, DurationUs error, std::string_view source) {
  bool changed = observe(boot, monotonic, wall);
  if (error < 0 || error > kForeign || !plausible(reference)) return changed;
  return refer(monotonic, wall, reference, error, source.substr(0, kMaxText)) || changed;
}

bool ClockBook::refer(DurationUs monotonic, TimeUs wall, TimeUs reference, DurationUs error,
                      std::string_view source) {
  ClockSegment& now = segments_.back();
  const DurationUs offset = subtract(reference, wall);
  const DurationUs apart = distance(offset, now.offset);
  const DurationUs before = error_at(now, monotonic);
  const auto confirm = [&](DurationUs moved_to, DurationUs new_error) {
    now.offset = moved_to;
    now.error = new_error;
    now.source = source;
    now.monotonic_checked = monotonic;
    pin_boot(monotonic, add(wall, moved_to), new_error, source);
  };
  if (apart <= std::max(error, kJump)) {
    const DurationUs bound = add(apart, error);
    if (bound >= before) return false;
    const bool worth_writing = before == kUnknown || bound < now.error - now.error / 4 ||
                               subtract(monotonic, now.monotonic_checked) >= kConfirmEvery;
    confirm(now.offset, bound);
    return worth_writing;
  }
  const DurationUs drift = subtract(monotonic, now.monotonic_from) / kDriftDivisor;
  // It was as wrong from the segment's start: nothing was known, or the crystal does not explain
  // it.
  if (apart <= before && (before == kUnknown || apart > drift)) {
    confirm(offset, error);
    return true;
  }
  if (segments_.size() >= kMaxSegments) return false;
  // The offset was known and is another now. What was read so far stays where it was; how sure we
  // are of it suffers when the crystal alone does not explain the difference.
  if (apart > add(before, error)) now.error = add(apart, error);
  segments_.push_back({now.boot, wall, monotonic, offset, error, std::string(source), monotonic});
  return true;
}

void ClockBook::pin_boot(DurationUs monotonic, TimeUs reference, DurationUs error,
                         std::string_view source) {
  for (std::size_t i = first_[segments_.back().boot]; i + 1 < segments_.size(); ++i) {
    ClockSegment& segment = segments_[i];
    const DurationUs drift = distance(monotonic, segment.monotonic_from) / kDriftDivisor;
    const DurationUs bound = add(error, add(drift, kJump));
    if (bound >= segment.error) continue;
    const DurationUs offset = offset_for(segment, monotonic, reference);
    const DurationUs apart = distance(offset, segment.offset);
    if (apart > bound) segment.offset = offset;
    segment.error = apart > bound ? bound : add(bound, apart);
    segment.source = source;
    segment.monotonic_checked = segment.monotonic_from;
  }
}

std::optional<std::size_t> ClockBook::find(const std::string& boot, DurationUs monotonic,
                                           TimeUs claimed) const {
  const auto first = first_.find(boot);
  if (first == first_.end()) return std::nullopt;
  std::size_t best = first->second;
  DurationUs best_miss = INT64_MAX;
  for (std::size_t i = first->second; i < segments_.size() && segments_[i].boot == boot; ++i) {
    const ClockSegment& segment = segments_[i];
    if (i > first->second && segment.monotonic_from > monotonic) break;
    const bool closed = i + 1 < segments_.size() && segments_[i + 1].boot == boot;
    const DurationUs end =
        closed ? std::min(segments_[i + 1].monotonic_from, monotonic) : monotonic;
    const DurationUs at = add(segment.monotonic_from, subtract(claimed, segment.claimed_from));
    DurationUs miss = 0;
    if (at < segment.monotonic_from) miss = subtract(segment.monotonic_from, at);
    if (at > end) miss = std::max(miss, subtract(at, end));
    if (miss <= best_miss) {
      best = i;
      best_miss = miss;
    }
  }
  return best;
}

std::optional<std::size_t> ClockBook::only(const std::string& boot, DurationUs monotonic) const {
  const auto first = first_.find(boot);
  if (first == first_.end()) return std::nullopt;
  const std::size_t next = first->second + 1;
  const bool another = next < segments_.size() && segments_[next].boot == boot &&
                       segments_[next].monotonic_from <= monotonic;
  if (another) return std::nullopt;
  return first->second;
}

ClockBook::Utc ClockBook::utc(std::size_t index, TimeUs claimed) const {
  LANDER_CHECK(index < segments_.size());
  const ClockSegment& segment = segments_[index];
  if (foreign(segment, claimed)) return {claimed, kUnknown};
  const DurationUs at = add(segment.monotonic_from, subtract(claimed, segment.claimed_from));
  return {add(claimed, segment.offset), error_at(segment, at)};
}

ClockBook::Utc ClockBook::utc(const std::string& boot, DurationUs monotonic, TimeUs claimed) const {
  const auto segment = find(boot, monotonic, claimed);
  if (!segment) return {claimed, kUnknown};
  return utc(*segment, claimed);
}

bool ClockBook::has_foreign(std::size_t index) const {
  LANDER_CHECK(index < segments_.size());
  return distance(segments_[index].offset, 0) > kForeign;
}

std::vector<DurationUs> ClockBook::offsets() const {
  std::vector<DurationUs> out = {0};
  for (const ClockSegment& segment : segments_) out.push_back(segment.offset);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

base::Bytes encode(const ClockSegment& segment) {
  base::CborWriter out;
  out.array(7).text(segment.boot).integer(segment.claimed_from).integer(segment.monotonic_from);
  out.integer(segment.offset).integer(segment.error).text(segment.source);
  out.integer(segment.monotonic_checked);
  return out.take();
}

base::Result<ClockSegment> decode_clock_segment(base::ByteView bytes) {
  const auto corrupt = [](const char* expected) {
    return base::Error(base::Code::kCorrupt, std::string("clock segment: expected ") + expected);
  };
  base::CborReader in(bytes);
  ClockSegment out;
  LANDER_TRY(in.array_of(7, "a clock segment"));
  LANDER_ASSIGN(out.boot, in.text());
  LANDER_ASSIGN(out.claimed_from, in.integer());
  LANDER_ASSIGN(out.monotonic_from, in.integer());
  LANDER_ASSIGN(out.offset, in.integer());
  LANDER_ASSIGN(out.error, in.integer());
  LANDER_ASSIGN(out.source, in.text());
  LANDER_ASSIGN(out.monotonic_checked, in.integer());
  LANDER_TRY(in.end());
  if (out.boot.size() > kMaxText || out.source.size() > kMaxText) {
    return corrupt("texts of at most 128 bytes");
  }
  if (out.error < 0) return corrupt("an error from 0");
  return out;
}

}  // namespace lander::sensing
