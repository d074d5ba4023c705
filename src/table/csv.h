// Comma-separated values as historians, loggers and spreadsheets write them: RFC 4180 and its
// common relatives. Pure; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lander::table {

inline constexpr std::size_t kMaxCsvColumns = 4096;

// Reads a text row by row; of a stream it holds a megabyte, however long it is. The separator
// (comma, semicolon, tab, bar, runs of blanks) is the one by which the first lines have equally
// many cells, else that which the first line has most of. A first line that holds no number, or
// texts where the lines below have numbers, is the header; else columns are "1", "2", .. A name
// that repeats gets "#2", "#3". Quoted cells, CR LF and a byte order mark are understood.
class CsvReader {
 public:
  // Fills the beginning of the span; how much of it: 0 at the end.
  using Read = std::function<base::Result<std::size_t>(std::span<char>)>;

  // kInvalid: no rows, more than kMaxCsvColumns columns, a NUL byte; the message has the line.
  static base::Result<CsvReader> make(std::string text);
  static base::Result<CsvReader> make(Read read);

  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::size_t> column(std::string_view name) const;  // or its number, from "1"
  bool has_header() const { return header_; }
  char separator() const { return separator_; }  // ' ': runs of blanks
  // The first rows, at most 1000: to find out what columns hold.
  const std::vector<std::vector<std::string>>& head() const { return head_; }
  std::size_t head_bytes() const { return head_bytes_; }  // of the text

  // The next row that is not blank; false at the end, or when status() says why there is no more.
  // Cells are trimmed; a row may have fewer or more than there are columns. Views live until the
  // next call, move or rewind.
  bool next(std::vector<std::string_view>& cells);
  const base::Status& status() const { return status_; }
  std::uint64_t line() const { return row_line_; }  // where the last row began, from 1
  void rewind();  // before the first row of data; not of a stream that was read on

 private:
  CsvReader() = default;
  static base::Result<CsvReader> start(CsvReader reader);
  bool fill();
  bool parse_row(std::vector<std::string_view>& cells);
  std::string_view take_cell();
  std::size_t cell_end(std::size_t from) const;
  void skip_blanks();
  void read_head();
  bool fail(std::uint64_t line, const std::string& what);

  Read read_;  // empty: all is in text_
  std::string text_;
  char separator_ = ',';
  bool header_ = false, cut_ = false;  // cut_: a row goes on beyond text_
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> head_;
  std::size_t head_bytes_ = 0;
  std::size_t at_ = 0, row_start_ = 0, first_data_ = 0, dropped_ = 0;
  std::uint64_t line_ = 1, row_line_ = 1, first_data_line_ = 1;
  std::deque<std::string> unquoted_;  // cells of this row that had doubled quotes
  base::Status status_;
};

// The column of the phenomenonTime: `wanted` when it is not empty (kNotFound when it is not there),
// else the one that is called so ("time", "timestamp", "datetime", ...) and reads as a time in the
// first rows, else the first whose text is an RFC 3339 time. nullopt: none.
base::Result<std::optional<std::size_t>> find_time_column(const CsvReader& reader,
                                                          const std::string& wanted);

}  // namespace lander::table
