// Is there enough healthy data, and is it good enough?
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "learn/inspect.h"
#include "learn/learn.h"

namespace lander::learn {
namespace {

// An input of which more is missing (than of the most complete one), frozen or absurd costs the
// others too many rows: it is left out.
constexpr double kMostMissing = 0.2, kMostFrozen = 0.2, kMostBad = 0.05;
constexpr double kWorthTelling = 0.01;
// A covariance of n inputs needs some times n rows, and limits two blocks of a held-back part, for
// which 63 rows do. So few give wide limits, which docs/intelligence/watch.md says.
constexpr std::int64_t kLeastRows = 64, kRowsPerInput = 8;

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

std::string complain(const Frames& frames, std::size_t i, const Column& column) {
  if (column.constant) {
    double value = 0;
    for (std::size_t r = 0; r < frames.rows(); ++r) {
      const double x = frames.values[r * frames.inputs.size() + i];
      if (column.fine[r] && !std::isnan(x)) value = x;
    }
    const std::string& unit = frames.inputs[i].unit;
    return "never changes (" + rounded(value) + (unit.empty() ? "" : " " + unit) +
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

bool starts_run(const Frames& frames, std::size_t row) {
  return std::binary_search(frames.runs.begin(), frames.runs.end(), row);
}

std::int64_t count_gaps(const Frames& frames) {
  std::int64_t gaps = 0;
  for (std::size_t r = 1; r < frames.rows(); ++r) {
    gaps += !starts_run(frames, r) && frames.times[r] - frames.times[r - 1] > 3 * frames.interval;
  }
  return gaps;
}

// What makes the frames unreadable; empty: nothing.
std::string malformed(const Frames& frames) {
  const std::size_t n = frames.inputs.size();
  if (n == 0) return "no inputs";
  if (n > 256) return std::to_string(n) + " inputs, at most 256: leave some out";
  if (frames.interval <= 0) return "the interval between frames is not positive";
  if (frames.values.size() != frames.rows() * n) return "frames of different lengths";
  for (std::size_t r = 1, run = 0; r < frames.rows(); ++r) {
    if (run < frames.runs.size() && frames.runs[run] == r) {
      ++run;
    } else if (frames.times[r] <= frames.times[r - 1]) {
      return "frames are not in order of time";
    }
    if (r + 1 == frames.rows() && run != frames.runs.size()) return "runs are not in order";
  }
  return "";
}

std::vector<Stretch> stretches_of(const Frames& frames, const std::vector<bool>& fine) {
  std::vector<Stretch> stretches;
  std::size_t begin = 0;
  const auto close = [&](std::size_t end, std::size_t next) {
    if (end - begin >= kLeastStretch) stretches.push_back({begin, end});
    begin = next;
  };
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    if (!fine[r]) {
      close(r, r + 1);
    } else if (r > begin && (frames.times[r] - frames.times[r - 1] > 3 * frames.interval ||
                             starts_run(frames, r))) {
      close(r, r);
    }
  }
  close(frames.rows(), frames.rows());
  return stretches;
}

// Which inputs the others can be learned together with, and the rows at which all of those are
// fine.
void choose(std::vector<Column>& columns, const Frames& frames, Survey& result) {
  double complete = 1;
  for (const Column& column : columns) complete = std::min(complete, column.missing);
  std::vector<bool> fine(frames.rows(), true);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Column& column = columns[i];
    InputReadiness input;
    input.datastream = frames.inputs[i].datastream;
    input.missing = column.missing, input.frozen = column.frozen, input.bad = column.bad;
    input.used = column.missing < 1 && column.missing <= complete + kMostMissing &&
                 column.frozen <= kMostFrozen && column.bad <= kMostBad;
    input.complaint = complain(frames, i, column);
    if (!input.used) input.complaint += "; left out";
    result.readiness.inputs.push_back(std::move(input));
    if (!result.readiness.inputs.back().used) continue;
    result.used.push_back(i);
    result.constant.push_back(column.constant);
    result.longest_runs.push_back(column.restless ? column.longest_run : 0);
    for (std::size_t r = 0; r < fine.size(); ++r) fine[r] = fine[r] && column.fine[r];
  }
  if (!result.used.empty()) result.stretches = stretches_of(frames, fine);
}

void judge(const Frames& frames, const Survey& survey, Readiness& result) {
  for (const Stretch& stretch : survey.stretches) {
    result.rows_usable += static_cast<std::int64_t>(stretch.rows());
  }
  result.rows_needed =
      std::max(kLeastRows, kRowsPerInput * static_cast<std::int64_t>(survey.used.size()));
  const bool alive =
      std::find(survey.constant.begin(), survey.constant.end(), false) != survey.constant.end();
  result.ready = alive && result.rows_usable >= result.rows_needed;
  result.reason = amount(result.rows_usable, result.rows_needed, frames);
  if (!alive) result.reason += "; no input that changes is left";
  for (const InputReadiness& input : result.inputs) {
    if (!input.complaint.empty()) result.reason += "; " + input.datastream + ": " + input.complaint;
  }
  if (frames.near_alarms > 0 && !result.ready) {
    const double seconds = static_cast<double>(frames.near_alarms) *
                           static_cast<double>(frames.thinned) *
                           static_cast<double>(frames.interval) / base::kSecond;
    const TimeUnit unit = unit_of(seconds);
    result.reason += "; " + rounded(std::round(seconds / unit.seconds * 10) / 10) + " " +
                     unit.name + " are left out, as they are within a minute of an alarm";
  }
  const std::int64_t gaps = count_gaps(frames);
  if (gaps > 0 && !result.ready) {
    result.reason += "; " + std::to_string(gaps) + (gaps == 1 ? " gap" : " gaps") +
                     " in time, and only stretches of " + std::to_string(kLeastStretch) +
                     " frames or more count";
  }
  if (result.ready && result.rows_usable * frames.interval < base::kDay) {
    result.reason +=
        "; less than a day was seen: limits are wide, and what a day brings may count"
        " as unusual";
  }
}

}  // namespace

Survey survey(const Frames& frames) {
  Survey result;
  result.readiness.reason = malformed(frames);
  if (!result.readiness.reason.empty()) return result;
  std::vector<Column> columns;
  for (std::size_t i = 0; i < frames.inputs.size(); ++i) columns.push_back(inspect(frames, i));
  choose(columns, frames, result);
  judge(frames, result, result.readiness);
  return result;
}

Readiness assess(const Frames& frames) { return survey(frames).readiness; }

}  // namespace lander::learn
