// Text for people: aligned tables, colours where a terminal shows them, relative times, small
// charts. Pure. Widths count code points: what Lander prints has no wide characters.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace lander::cli {

enum class Paint : unsigned char { kPlain, kBold, kDim, kRed, kGreen, kYellow };
std::string painted(std::string_view text, Paint paint, bool colour);

// Control characters, which could steer a terminal, become blanks: texts come from outside.
std::string clean(std::string_view text);
std::size_t width_of(std::string_view text);

struct Cell {
  Cell(std::string cell_text, Paint cell_paint = Paint::kPlain)  // NOLINT: cells are texts
      : text(std::move(cell_text)), paint(cell_paint) {}
  Cell(const char* cell_text) : text(cell_text) {}  // NOLINT
  std::string text;
  Paint paint = Paint::kPlain;
};

// Columns two blanks apart, as wide as their widest cell; a head that begins with '>' aligns its
// column to the right. Nothing stands behind the last cell of a row.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  std::string text(bool colour) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

// "key   value" lines, keys aligned and dim; a key without value is left out.
class Facts {
 public:
  void add(std::string key, std::string_view value, Paint paint = Paint::kPlain);
  std::string text(bool colour) const;

 private:
  std::vector<std::pair<std::string, Cell>> rows_;
};

std::string number_text(double value);               // six digits
std::string bytes_text(double bytes);                // "14.2 MB"
std::string length_text(base::DurationUs duration);  // the two largest units: "2 h 5 min"
// "12 s ago", "in 3 h", "just now"; "never" without a time.
std::string relative(std::optional<base::TimeUs> time, base::TimeUs now);
std::string plural(std::int64_t count, std::string_view one, std::string_view many);
std::string joined(std::span<const std::string> parts, std::string_view between);
std::vector<std::string> split(std::string_view text, char at);  // without empty parts, trimmed

// One row of eight-level bars, `columns` wide at most; a point that is missing (NaN) is a blank.
std::string sparkline(std::span<const double> values, std::size_t columns);

struct Bucket {
  double least, mean, most;  // NaN: nothing in it
};
// Rows of text, highest value first, with a scale at the left: the mean as a dot, the range from
// least to most as a line.
std::string chart(std::span<const Bucket> buckets, std::size_t rows, std::string_view unit);

// A value for a CSV file (RFC 4180): quoted when it must be.
std::string csv_field(std::string_view text);
std::string csv_line(std::span<const std::string> fields);

}  // namespace lander::cli
