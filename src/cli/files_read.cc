#include "cli/files_read.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "cli/export.h"
#include "table/cell.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

// Beyond it the values alone are 8 GiB.
constexpr std::size_t kMaxValues = std::size_t{1} << 30;

// Goes through all files in their order; the first one's sensors are the inputs.
class Reading {
 public:
  Reading(Session& session, const FileOptions& options, std::vector<std::string> keys,
          bool number_time, ReadNotes& notes)
      : progress_(session),
        options_(options),
        keys_(std::move(keys)),
        number_time_(number_time),
        notes_(notes) {}

  const std::vector<model::Input>& inputs() const { return inputs_; }
  base::DurationUs interval() const { return interval_; }

  // `begin(rows)`: a file begins that has about so many; `take(row, frame)`: each row.
  template <class Begin, class Take>
  Status each(const std::vector<std::string>& files, Begin begin, Take take) {
    for (const std::string& path : files) {
      LANDER_ASSIGN(OpenFile file, OpenFile::open(path, options_, keys_, number_time_));
      table::Recording& recording = file.recording();
      if (inputs_.empty()) {
        inputs_ = inputs_of(recording.sensors());
        interval_ = recording.interval();
      }
      auto matching = Matching::make(recording.sensors(), inputs_);
      if (!matching.ok()) return matching.error().context(path);
      begin(static_cast<std::size_t>(file.rows_expected()));
      std::vector<double> frame(inputs_.size());
      table::Row row;
      for (;;) {
        LANDER_ASSIGN(const bool more, file.next(row));
        if (!more) break;
        matching->fill(row.values, frame);
        take(row, frame);
        values_ += frame.size();
        if (values_ > kMaxValues)
          return Error(Code::kExhausted, path + ": over 2^30 values: learn from fewer rows");
        if (recording.rows() % 4096 == 0) progress_.show(file.share_read(), "reading " + path);
      }
      if (recording.rows() == 0)
        return Error(Code::kInvalid, path + ": a header and no rows below it");
      notes_.rows += recording.rows();
      for (const auto& some : {recording.notes(), matching->notes()}) {
        for (const std::string& note : some) notes_.notes.push_back(path + ": " + note);
      }
    }
    return {};
  }

 private:
  Progress progress_;
  const FileOptions& options_;
  std::vector<std::string> keys_;
  bool number_time_;
  ReadNotes& notes_;
  std::vector<model::Input> inputs_;
  base::DurationUs interval_ = base::kSecond;
  std::size_t values_ = 0;
};

// Takes the columns without any value out of `values`, in place.
template <class Number>
void drop_empty(std::vector<model::Input>& inputs, std::vector<Number>& values, ReadNotes& notes) {
  const std::size_t n = inputs.size();
  std::vector<bool> any(n, false);
  std::size_t left = n;
  for (std::size_t i = 0; i < values.size() && left > 0; ++i) {
    if (any[i % n] || !std::isfinite(values[i])) continue;
    any[i % n] = true;
    --left;
  }
  if (left == 0 || left == n) return;
  std::string names;
  std::vector<model::Input> kept;
  for (std::size_t i = 0; i < n; ++i) {
    if (any[i]) {
      kept.push_back(std::move(inputs[i]));
    } else {
      names += (names.empty() ? "" : ", ") + inputs[i].datastream;
    }
  }
  std::size_t to = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (any[i % n]) values[to++] = values[i];
  }
  values.resize(to);
  inputs = std::move(kept);
  notes.notes.push_back("without any value, left out: " + names);
}

}  // namespace

Result<learn::Frames> read_frames(Session& session, const std::vector<std::string>& files,
                                  const FileOptions& options, ReadNotes& notes) {
  learn::Frames frames;
  Reading reading(session, options, {}, false, notes);
  bool fresh = true;
  std::uint64_t repeated = 0;
  const auto begin = [&](std::size_t rows) {
    fresh = true;
    frames.times.reserve(frames.rows() + rows + rows / 50 + 16);
    frames.values.reserve(frames.times.capacity() * reading.inputs().size());
  };
  const auto take = [&](const table::Row& row, const std::vector<double>& frame) {
    if (!fresh && row.time == frames.times.back()) {
      ++repeated;
      return;
    }
    if ((fresh || row.time < frames.times.back()) && frames.rows() > 0)
      frames.runs.push_back(frames.rows());
    fresh = false;
    frames.times.push_back(row.time);
    for (const double value : frame) frames.values.push_back(static_cast<float>(value));
  };
  LANDER_TRY(reading.each(files, begin, take));
  frames.inputs = reading.inputs();
  frames.interval = reading.interval();
  if (repeated > 0)
    notes.notes.push_back(plural(static_cast<std::int64_t>(repeated), "row", "rows") +
                          " at the time of the one before left out of learning");
  drop_empty(frames.inputs, frames.values, notes);
  return frames;
}

Result<learn::Units> read_units(Session& session, const std::vector<std::string>& files,
                                const FileOptions& options, const std::string& unit,
                                ReadNotes& notes) {
  learn::Units read;
  std::vector<std::size_t> unit_of;  // one a row
  std::map<std::string, std::size_t, std::less<>> known;
  std::size_t units = 0;
  Reading reading(session, options, {unit}, true, notes);
  const auto begin = [&](std::size_t) { known.clear(); };
  const auto take = [&](const table::Row& row, const std::vector<double>& frame) {
    const auto [at, fresh] = known.try_emplace(std::string(row.keys[0]), units);
    units += fresh;
    unit_of.push_back(at->second);
    read.times.push_back(row.number);
    read.values.insert(read.values.end(), frame.begin(), frame.end());
  };
  LANDER_TRY(reading.each(files, begin, take));
  std::vector<std::size_t> order(read.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return unit_of[a] != unit_of[b] ? unit_of[a] < unit_of[b] : read.times[a] < read.times[b];
  });
  learn::Units sorted;
  sorted.inputs = reading.inputs();
  const std::size_t n = sorted.inputs.size();
  sorted.times.reserve(read.rows());
  sorted.values.reserve(read.values.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t row = order[i];
    if (i == 0 || unit_of[row] != unit_of[order[i - 1]]) sorted.begins.push_back(i);
    sorted.times.push_back(read.times[row]);
    sorted.values.insert(sorted.values.end(), &read.values[row * n], &read.values[row * n] + n);
  }
  drop_empty(sorted.inputs, sorted.values, notes);
  return sorted;
}

Result<learn::Labelled> read_labelled(Session& session, const std::vector<std::string>& files,
                                      const FileOptions& options, const std::string& label,
                                      ReadNotes& notes) {
  learn::Labelled labelled;
  Reading reading(session, options, {label}, true, notes);  // rows need no clock
  const auto begin = [](std::size_t) {};
  const auto take = [&](const table::Row& row, const std::vector<double>& frame) {
    labelled.labels.emplace_back(table::is_missing(row.keys[0]) ? std::string_view() : row.keys[0]);
    labelled.values.insert(labelled.values.end(), frame.begin(), frame.end());
  };
  LANDER_TRY(reading.each(files, begin, take));
  labelled.inputs = reading.inputs();
  drop_empty(labelled.inputs, labelled.values, notes);
  return labelled;
}

}  // namespace lander::cli
