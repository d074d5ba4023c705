// A table of what sensors measured over time: which column is the time, which are sensors, what
// lies between two rows. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "table/csv.h"

namespace lander::table {

struct Sensor {
  std::size_t column = 0;
  std::string header;      // as the file has it: "Pressure [bar]"
  std::string name, unit;  // "Pressure", "bar" (UCUM); else the header and ""
};
// The sensor that a header names. Its unit stands behind it in brackets or parentheses.
Sensor sensor_of(std::string_view header);

struct RecordingOptions {
  std::string time;                 // a column; empty: it is found
  bool number_time = false;         // a number in it is no date: a cycle, hours of running
  std::vector<std::string> ignore;  // columns that are no sensors; "a,b": both
  std::string label;                // a column that is no sensor, where it is there
  std::vector<std::string> keys;    // columns whose text is given with each row, and no sensors
  // Between two rows of a file without times, at most a day; 0: 1 s.
  base::DurationUs interval = 0;
};

struct Row {
  base::TimeUs time = 0;
  double number = 0;           // the time cell's number, with `number_time`; else hours since 1970
  std::string_view time_text;  // as it stands; the row's number where there is no time column
  std::vector<double> values;  // one a sensor; NaN: missing
  std::vector<std::string_view> keys;
  std::uint64_t line = 0;
};

// A column may be given by its name or its number from 1. What a user should know is in notes().
class Recording {
 public:
  // kInvalid, kNotFound: say which column or line, and what to do.
  static base::Result<Recording> open(CsvReader reader, const RecordingOptions& options);

  const std::vector<Sensor>& sensors() const { return sensors_; }
  bool has_time() const { return time_column_.has_value(); }
  std::string time_header() const;
  base::DurationUs interval() const { return interval_; }  // median of the first rows' distances
  std::uint64_t rows_expected(std::uint64_t bytes) const;  // of a file of so many; about

  // The next row; false at the end or when status() says why there is no more. The views live until
  // the next call.
  bool next(Row& row);
  const base::Status& status() const { return status_; }
  std::uint64_t rows() const { return rows_; }
  // Of what was read so far: columns left out, times that repeat, cells that are no number.
  std::vector<std::string> notes() const;

 private:
  explicit Recording(CsvReader reader) : reader_(std::move(reader)) {}
  base::Status choose_columns(const RecordingOptions& options);
  base::Result<std::size_t> find(const std::string& column) const;
  void ignore(const std::vector<std::string>& given, std::vector<bool>& taken);
  void choose_sensors(const std::vector<bool>& taken);
  void name_sensors();
  void find_interval(base::DurationUs given);
  bool looks_like_text(std::size_t column) const;
  bool counts_rows(std::size_t column) const;
  bool all_missing(std::size_t column) const;
  std::optional<double> number(std::string_view cell) const;
  bool read_time(Row& row);
  bool fail(const std::string& what);

  CsvReader reader_;
  std::vector<std::string_view> cells_;
  std::vector<Sensor> sensors_;
  std::vector<std::size_t> keys_;
  std::optional<std::size_t> time_column_;
  bool number_time_ = false;
  base::DurationUs interval_ = base::kSecond;
  std::string number_text_;
  base::TimeUs last_ = 0;
  std::uint64_t rows_ = 0, repeated_ = 0, backward_ = 0, unread_ = 0;
  std::string first_unread_;
  std::vector<std::string> notes_;
  base::Status status_;
};

}  // namespace lander::table
