// Is there enough healthy data, and is it good enough?
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "learn/inspect.h"
#include "learn/learn.h"

namespace lander::learn {
namespace {

// An input of which more is missing, frozen or absurd spoils the model: repair it or leave it out.
constexpr double kMostMissing = 0.2, kMostFrozen = 0.2, kMostBad = 0.05;
constexpr double kWorthTelling = 0.01;
// A covariance of n inputs needs many times n rows, and the limits a held-back part of 100 rows.
constexpr std::int64_t kLeastRows = 300, kRowsPerInput = 40;

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

bool spoils(const InputReadiness& input) {
  return input.missing > kMostMissing || input.frozen > kMostFrozen || input.bad > kMostBad;
}

std::string complain(const Frames& frames, std::size_t i, const Column& column) {
  if (column.constant) {
    double value = 0;
    for (std::size_t r = 0; r < frames.rows(); ++r) {
      if (column.rows[r] == Finding::kFine) value = frames.values[r * frames.inputs.size() + i];
    }
    return "never changes (" + rounded(value) + " " + frames.inputs[i].unit +
           "); is it alive? Any departure will count as unusual";
  }
  std::string text;
  const auto add = [&](double share, const char* what) {
    if (share < kWorthTelling) return;
    text += (text.empty() ? "" : ", ") + std::string(what) + " " + percent(share) + " of the time";
  };
  add(column.missing, "missing");
  add(column.frozen, "frozen");
  add(column.bad, "absurd values");
  return text;
}

struct TimeUnit {
  double seconds;
  const char* name;
};
TimeUnit unit_of(double seconds) {
  if (seconds >= 2 * 86400) return {86400, "days"};
  if (seconds >= 2 * 3600) return {3600, "hours"};
  return seconds >= 120 ? TimeUnit{60, "minutes"} : TimeUnit{1, "seconds"};
}

// "12 of 14 healthy minutes" of what is needed; once that is there, "12 of 14 days healthy" of what
// was looked at.
std::string amount(std::int64_t usable, std::int64_t needed, const Frames& frames) {
  const double frame = static_cast<double>(frames.interval) / base::kSecond;
  char text[96];
  if (usable < needed) {
    const double total = static_cast<double>(needed) * frame;
    const TimeUnit unit = unit_of(total);
    const double have = std::floor(static_cast<double>(usable) * frame / unit.seconds * 10) / 10;
    std::snprintf(text, sizeof text, "%.4g of %.4g healthy %s", have,
                  std::ceil(total / unit.seconds * 10) / 10, unit.name);
    return text;
  }
  const double have = static_cast<double>(usable) * frame * static_cast<double>(frames.thinned);
  const double looked_at =
      static_cast<double>(frames.times.back() - frames.times.front()) / base::kSecond + frame;
  const TimeUnit all = unit_of(looked_at);
  const TimeUnit unit = have < all.seconds ? unit_of(have) : all;
  const double healthy = std::floor(std::min(have, looked_at) / unit.seconds * 10) / 10;
  const double total = std::ceil(looked_at / all.seconds * 10) / 10;
  if (unit.seconds == all.seconds) {
    std::snprintf(text, sizeof text, "%.4g of %.4g %s healthy", healthy, total, all.name);
  } else {
    std::snprintf(text, sizeof text, "%.4g %s healthy of %.4g %s", healthy, unit.name, total,
                  all.name);
  }
  return text;
}

std::int64_t count_gaps(const Frames& frames) {
  std::int64_t gaps = 0;
  for (std::size_t r = 1; r < frames.rows(); ++r) {
    gaps += frames.times[r] - frames.times[r - 1] > 3 * frames.interval;
  }
  return gaps;
}

// What makes the frames unreadable; empty: nothing.
std::string malformed(const Frames& frames) {
  const std::size_t n = frames.inputs.size();
  if (n == 0) return "no inputs";
  if (n > 256) return "over 256 inputs";
  if (frames.interval <= 0) return "the interval between frames is not positive";
  if (frames.values.size() != frames.rows() * n) return "frames of different lengths";
  if (!std::is_sorted(frames.times.begin(), frames.times.end(), std::less_equal<>())) {
    return "frames are not in order of time";
  }
  return "";
}

}  // namespace

Readiness assess(const Frames& as_recorded) {
  Readiness result;
  result.reason = malformed(as_recorded);
  if (!result.reason.empty()) return result;
  const Frames frames = held(as_recorded);
  const std::size_t n = frames.inputs.size();
  std::vector<Column> columns;
  bool spoilt = false;
  for (std::size_t i = 0; i < n; ++i) {
    columns.push_back(inspect(frames, i));
    const Column& column = columns.back();
    InputReadiness input{frames.inputs[i].datastream, column.missing, column.frozen, column.bad,
                         complain(frames, i, column)};
    spoilt = spoilt || spoils(input);
    result.inputs.push_back(std::move(input));
  }
  for (const Stretch& stretch : usable_stretches(frames, columns)) {
    result.rows_usable += static_cast<std::int64_t>(stretch.rows());
  }
  result.rows_needed = std::max(kLeastRows, kRowsPerInput * static_cast<std::int64_t>(n));
  result.ready = result.rows_usable >= result.rows_needed && !spoilt;
  result.reason = amount(result.rows_usable, result.rows_needed, frames);
  for (const InputReadiness& input : result.inputs) {
    if (!input.complaint.empty()) result.reason += "; " + input.datastream + ": " + input.complaint;
  }
  const std::int64_t gaps = count_gaps(frames);
  if (gaps > 0 && result.rows_usable < result.rows_needed) {
    result.reason += "; " + std::to_string(gaps) + (gaps == 1 ? " gap" : " gaps") +
                     " in time, and only stretches of " + std::to_string(kLeastStretch) +
                     " frames or more count";
  }
  if (result.ready && frames.times.back() - frames.times.front() < base::kDay) {
    result.reason += "; less than a day was seen: what a day brings may count as unusual";
  }
  if (spoilt) result.reason += "; repair those inputs or leave them out";
  return result;
}

}  // namespace lander::learn
