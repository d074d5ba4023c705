#include "link/terms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cbor.h"
#include "sensing/datastream.h"

namespace lander::link {
namespace {

using base::kDay;

constexpr std::uint64_t kFormat = 1;
constexpr base::DurationUs kMaxDelay = 30 * kDay;

// Rounded down, also before 1970.
std::int64_t day_of(base::TimeUs utc) { return utc / kDay - (utc % kDay < 0 ? 1 : 0); }
base::DurationUs time_of_day(base::TimeUs utc) { return (utc % kDay + kDay) % kDay; }

bool covers(const Window& window, base::DurationUs at) {
  return window.from <= at && at < window.to;
}

base::Status check_plan(const std::vector<Window>& plan) {
  if (plan.size() > kMaxWindows) {
    return base::Error(base::Code::kInvalid, "contact: at most " + std::to_string(kMaxWindows) +
                                                 " times a day, not " +
                                                 std::to_string(plan.size()));
  }
  for (const Window& window : plan) {
    const bool starts = window.from >= 0 && window.from < kDay;
    if (!starts || window.to <= window.from || window.to > window.from + kDay) {
      return base::Error(base::Code::kInvalid,
                         "contact: a time begins within the day and ends after it begins, at most "
                         "a day later");
    }
  }
  return {};
}

std::uint64_t rest(std::uint64_t of, std::uint64_t spent) { return of - std::min(of, spent); }

}  // namespace

base::Status valid(const Terms& terms) {
  LANDER_TRY(sensing::valid_id(terms.id));
  if (!std::isfinite(terms.price) || terms.price < 0)
    return base::Error(base::Code::kInvalid, "price: expected a number from 0");
  if (terms.delay < 0 || terms.delay > kMaxDelay)
    return base::Error(base::Code::kInvalid, "delay: expected 0 to 30 days");
  if (terms.copies < 1 || terms.copies > kMaxCopies) {
    return base::Error(base::Code::kInvalid, "copies: expected 1 to " + std::to_string(kMaxCopies));
  }
  return check_plan(terms.plan);
}

bool in_contact(const Terms& terms, base::TimeUs utc) { return next_contact(terms, utc) == utc; }

base::TimeUs next_contact(const Terms& terms, base::TimeUs utc) {
  if (terms.plan.empty()) return utc;
  const base::DurationUs now = time_of_day(utc);
  base::DurationUs wait = kDay;
  for (const Window& window : terms.plan) {
    // Yesterday's may reach into today.
    if (covers(window, now) || covers(window, now + kDay)) return utc;
    wait = std::min(wait, window.from - now + (window.from < now ? kDay : 0));
  }
  return utc + wait;
}

std::uint64_t Budget::left(const Terms& terms, base::TimeUs utc) const {
  if (terms.bytes_a_day == 0) return std::numeric_limits<std::uint64_t>::max();
  return rest(terms.bytes_a_day, spent(utc));
}

std::uint64_t Budget::left_for_others(const Terms& terms, base::TimeUs utc) const {
  if (terms.bytes_a_day == 0) return std::numeric_limits<std::uint64_t>::max();
  return rest(terms.bytes_a_day - terms.bytes_a_day / 4, spent(utc));
}

void Budget::spend(std::uint64_t bytes, base::TimeUs utc) {
  const std::uint64_t before = spent(utc);
  day_ = day_of(utc);
  spent_ = bytes > std::numeric_limits<std::uint64_t>::max() - before
               ? std::numeric_limits<std::uint64_t>::max()
               : before + bytes;
}

std::uint64_t Budget::spent(base::TimeUs utc) const { return day_of(utc) == day_ ? spent_ : 0; }

base::Bytes Budget::encode() const {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).integer(day_).unsigned_integer(spent_);
  return out.take();
}

base::Result<Budget> Budget::decode(base::ByteView bytes) {
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, kFormat, "budget of a carrier"));
  Budget budget;
  LANDER_ASSIGN(budget.day_, in.integer());
  LANDER_ASSIGN(budget.spent_, in.unsigned_integer());
  LANDER_TRY(in.end());
  return budget;
}

}  // namespace lander::link
