#include "table/recording.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/suggest.h"
#include "sensing/unit.h"
#include "table/cell.h"

namespace lander::table {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kNamed = 8;  // columns named in one note

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i)
    out += (i > 0 ? ", " : "") + names[i];
  return names.size() > kNamed ? out + " and " + std::to_string(names.size() - kNamed) + " more"
                               : out;
}

bool is_label(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "anomaly", "is_anomaly", "changepoint", "label", "labels", "class", "target", "fault", "rul"};
  std::string lower(name.substr(0, 20));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::find(std::begin(kNames), std::end(kNames), lower) != std::end(kNames);
}

// "bar" of "[bar]"; what people write for a unit, as UCUM.
std::string unit_within(std::string_view text) {
  if (text == "\u00b0C" || text == "degC") return "Cel";
  if (text == "\u00b0F" || text == "degF") return "[degF]";
  const bool digit = text.empty() || (text.front() >= '0' && text.front() <= '9');
  return !digit && sensing::valid_unit(text).ok() ? std::string(text) : std::string();
}

}  // namespace

Sensor sensor_of(std::string_view header) {
  Sensor sensor;
  sensor.header = sensor.name = std::string(header);
  for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}}) {
    if (header.empty() || header.back() != close) continue;
    int depth = 0;
    std::size_t at = header.size();
    do {  // "[[degF]]"
      --at;
      depth += header[at] == close ? 1 : header[at] == open ? -1 : 0;
    } while (at > 0 && depth > 0);
    const std::string_view name = trim(header.substr(0, at));
    if (depth != 0 || name.empty()) continue;
    std::string unit = unit_within(trim(header.substr(at + 1, header.size() - at - 2)));
    if (unit.empty()) continue;
    sensor.name = std::string(name);
    sensor.unit = std::move(unit);
  }
  return sensor;
}

Result<Recording> Recording::open(CsvReader reader, const RecordingOptions& options) {
  Recording recording(std::move(reader));
  recording.number_time_ = options.number_time;
  if (options.interval > base::kDay)
    return Error(Code::kInvalid,
                 "rows more than a day apart: an interval is at most 1d; a column "
                 "with their times does without");
  LANDER_TRY(recording.choose_columns(options));
  recording.find_interval(options.interval);
  return recording;
}

std::string Recording::time_header() const {
  return time_column_ ? reader_.columns()[*time_column_] : std::string();
}

Result<std::size_t> Recording::find(const std::string& column) const {
  if (const auto found = reader_.column(column)) return *found;
  const std::vector<std::string_view> known(reader_.columns().begin(), reader_.columns().end());
  return Error(Code::kNotFound, "there is no column " + base::quoted(column) +
                                    base::suggestion(column, known) +
                                    (reader_.has_header() ? "" : " (the file has no header)"));
}

Status Recording::choose_columns(const RecordingOptions& options) {
  std::vector<bool> taken(reader_.columns().size(), false);
  for (const std::string& name : options.keys) {
    LANDER_ASSIGN(const std::size_t column, find(name));
    keys_.push_back(column);
    taken[column] = true;
  }
  ignore(options.ignore, taken);
  if (const auto label = reader_.column(options.label); label && !options.label.empty())
    taken[*label] = true;
  if (!options.time.empty()) {
    LANDER_ASSIGN(time_column_, find(options.time));
  } else {
    LANDER_ASSIGN(time_column_, find_time_column(reader_, ""));
    if (time_column_ && taken[*time_column_]) time_column_.reset();
  }
  if (time_column_) taken[*time_column_] = true;
  if (!reader_.has_header())
    notes_.push_back("no header: columns are called 1 to " + std::to_string(taken.size()));
  choose_sensors(taken);
  if (!sensors_.empty()) return {};
  return Error(
      Code::kInvalid,
      "no column of numbers is left: the first line has " + std::to_string(taken.size()) +
          (taken.size() == 1 ? " column" : " columns") + ", apart by " +
          (reader_.separator() == ' '    ? std::string("blanks")
           : reader_.separator() == '\t' ? std::string("tabs")
                                         : "\"" + std::string(1, reader_.separator()) + "\"") +
          "; expected a table of rows over time and one column a sensor");
}

// "a,b" is the column of that name, else a and b. One that is not there is told: of many files some
// have labels.
void Recording::ignore(const std::vector<std::string>& given, std::vector<bool>& taken) {
  std::vector<std::string> absent;
  const auto leave_out = [&](std::string_view name) {
    if (const auto column = reader_.column(trim(name))) {
      taken[*column] = true;
    } else if (!trim(name).empty()) {
      absent.emplace_back(trim(name));
    }
  };
  for (std::string_view names : given) {
    while (!reader_.column(names) && names.find(',') != names.npos) {
      leave_out(names.substr(0, names.find(',')));
      names.remove_prefix(names.find(',') + 1);
    }
    leave_out(names);
  }
  if (!absent.empty()) notes_.push_back("to be ignored, but not there: " + list(absent));
}

void Recording::choose_sensors(const std::vector<bool>& taken) {
  std::vector<std::string> texts, labels;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const std::string& header = reader_.columns()[i];
    if (taken[i]) continue;
    if (looks_like_text(i)) {
      texts.push_back(header);
      continue;
    }
    const bool unnamed = header == std::to_string(i + 1) || header.starts_with("Unnamed:");
    if (unnamed && i == 0 && reader_.has_header() && counts_rows(i)) {
      notes_.push_back("the first column, which has no name, only counts rows: left out");
      continue;
    }
    if (unnamed && i + 1 == taken.size() && all_missing(i)) continue;  // a separator ends each line
    if (is_label(header)) labels.push_back(header);
    sensors_.push_back(sensor_of(header));
    sensors_.back().column = i;
  }
  if (!texts.empty()) notes_.push_back("left out, as they hold no numbers: " + list(texts));
  if (!labels.empty())
    notes_.push_back("taken for a sensor, but called like a label: " + list(labels) +
                     "; --ignore leaves it out");
  name_sensors();
}

// Two headers may differ in their units only: then the whole header is the name.
void Recording::name_sensors() {
  std::map<std::string, int> seen;
  for (const Sensor& sensor : sensors_) ++seen[sensor.name];
  for (Sensor& sensor : sensors_) {
    if (seen[sensor.name] > 1) {
      sensor.name = sensor.header;
      sensor.unit.clear();
    }
  }
}

std::optional<double> Recording::number(std::string_view cell) const {
  return reader_.separator() == ',' ? parse_number(cell) : parse_decimal_comma(cell);
}

bool Recording::looks_like_text(std::size_t column) const {
  std::size_t numbers = 0, texts = 0;
  for (const auto& row : reader_.head()) {
    if (column >= row.size() || is_missing(row[column])) continue;
    ++(number(row[column]) ? numbers : texts);
  }
  return texts > numbers;
}

bool Recording::all_missing(std::size_t column) const {
  const auto& head = reader_.head();
  return std::all_of(head.begin(), head.end(), [&](const auto& row) {
    return column >= row.size() || is_missing(row[column]);
  });
}

bool Recording::counts_rows(std::size_t column) const {
  std::optional<double> last;
  for (const auto& row : reader_.head()) {
    const auto value = column < row.size() ? number(row[column]) : std::nullopt;
    if (!value || (last && *value != *last + 1)) return false;
    last = value;
  }
  return true;
}

void Recording::find_interval(base::DurationUs given) {
  if (given > 0) interval_ = given;
  if (number_time_) return;
  if (!time_column_) {
    notes_.push_back("no time column: rows are numbered" +
                     (given > 0 ? std::string() : ", and 1s apart unless --interval says else"));
    return;
  }
  std::vector<base::DurationUs> steps;
  std::optional<base::TimeUs> last;
  for (const auto& row : reader_.head()) {
    if (*time_column_ >= row.size()) continue;
    const auto time = parse_time(row[*time_column_]);
    if (!time.ok()) continue;
    if (last && *time > *last) steps.push_back(*time - *last);
    last = *time;
  }
  if (steps.empty() || given > 0) return;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  interval_ = std::min(*middle, base::kDay);  // as model files have it
}

std::uint64_t Recording::rows_expected(std::uint64_t bytes) const {
  const auto rows = reader_.head().size();
  return rows == 0 ? 0 : bytes * rows / std::max<std::size_t>(reader_.head_bytes(), 1);
}

bool Recording::fail(const std::string& what) {
  status_ = Error(Code::kInvalid, "line " + std::to_string(reader_.line()) + ": " + what);
  return false;
}

bool Recording::read_time(Row& row) {
  ++rows_;
  if (!time_column_) {
    number_text_ = std::to_string(rows_);
    row.time_text = number_text_;
    row.time = static_cast<base::TimeUs>(rows_ - 1) * interval_;
    row.number = static_cast<double>(rows_);
    return true;
  }
  row.time_text = cells_[*time_column_];
  if (number_time_) {
    if (const auto value = number(row.time_text); value && std::isfinite(*value)) {
      row.number = *value;
      return true;
    }
  }
  const auto time = parse_time(row.time_text);
  if (!time.ok())
    return fail("column " + base::quoted(time_header()) + " is the time: " +
                time.error().message() + "; repair or remove the row, or name another with --time");
  row.time = *time;
  row.number = static_cast<double>(*time) / static_cast<double>(base::kHour);
  if (rows_ > 1) {
    repeated_ += row.time == last_;
    backward_ += row.time < last_;
  }
  last_ = row.time;
  return true;
}

bool Recording::next(Row& row) {
  if (!status_.ok()) return false;
  if (!reader_.next(cells_)) {
    status_ = reader_.status();
    return false;
  }
  const std::size_t columns = reader_.columns().size();
  while (cells_.size() > columns && cells_.back().empty()) cells_.pop_back();
  if (cells_.size() != columns)
    return fail(std::to_string(cells_.size()) + " cells, but the first line has " +
                std::to_string(columns) +
                ": repair the row (a text with a separator in it belongs in quotes)");
  row.line = reader_.line();
  if (!read_time(row)) return false;
  row.values.resize(sensors_.size());
  for (std::size_t i = 0; i < sensors_.size(); ++i) {
    const std::string_view cell = cells_[sensors_[i].column];
    const auto value = number(cell);
    row.values[i] = value ? *value : NAN;
    if (value || is_missing(cell)) continue;
    if (unread_++ == 0)
      first_unread_ = "line " + std::to_string(row.line) + ", column " + sensors_[i].header + ": " +
                      base::quoted(cell);
  }
  row.keys.resize(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) row.keys[i] = cells_[keys_[i]];
  return true;
}

std::vector<std::string> Recording::notes() const {
  std::vector<std::string> notes = notes_;
  const auto add = [&](std::uint64_t count, const std::string& one, const std::string& many) {
    if (count > 0) notes.push_back(std::to_string(count) + " " + (count == 1 ? one : many));
  };
  add(repeated_, "time repeats the one before", "times repeat the one before");
  if (2 * repeated_ > rows_)
    notes.push_back("most times repeat, and what lasts is judged by them: --ignore " +
                    time_header() + " numbers the rows instead");
  add(backward_, "time lies before the one above it", "times lie before the one above them");
  if (4 * backward_ > rows_ && rows_ > 3)
    notes.push_back("is " + time_header() +
                    " the time? It goes back and forth: --time names another"
                    " column, --ignore " +
                    time_header() + " numbers the rows instead");
  add(unread_, "cell is no number and counts as missing, at " + first_unread_,
      "cells are no numbers and count as missing, the first at " + first_unread_);
  return notes;
}

}  // namespace lander::table
