// Comma-separated values as historians, loggers and spreadsheets write them: RFC 4180 and its
// common relatives. Pure; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace lander::source {

inline constexpr std::size_t kMaxCsvColumns = 4096;

// Reads a text row by row. The separator (comma, semicolon, tab, bar) is the one that the first
// line has most of. A first line that holds no number is the header; else columns are "column1",
// ... A name that repeats gets "#2", "#3". Quoted cells, CR LF and a byte order mark are
// understood.
class CsvReader {
 public:
  // kInvalid: empty, or more than kMaxCsvColumns columns.
  static base::Result<CsvReader> make(std::string text);

  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::size_t> column(std::string_view name) const;

  // The next row that is not blank; false at the end. Cells are trimmed; a row may have fewer or
  // more than there are columns. Views live until the next call, move or rewind.
  bool next(std::vector<std::string_view>& cells);
  std::uint64_t line() const { return row_line_; }  // where the last row began, from 1
  void rewind();                                    // before the first row of data

 private:
  std::string_view take_cell();

  std::string text_;
  char separator_ = ',';
  std::vector<std::string> columns_;
  std::size_t at_ = 0, first_data_ = 0;
  std::uint64_t line_ = 1, row_line_ = 1, first_data_line_ = 1;
  std::deque<std::string> unquoted_;  // cells of this row that had doubled quotes
};

// The column of the phenomenonTime: `wanted` when it is not empty (kNotFound when it is not there),
// else the one that is called so ("time", "timestamp", "datetime", ...) and reads as a time in the
// first row, else the first whose text is an RFC 3339 time. nullopt: none. Rewinds the reader.
base::Result<std::optional<std::size_t>> find_time_column(CsvReader& reader,
                                                          const std::string& wanted);

}  // namespace lander::source
