// Writes a Parquet file of flat tables (https://parquet.apache.org/docs/file-format/), piece by
// piece. Why our own: of a table's columns most hold one value for thousands of rows, and DuckDB's
// writer pays 30 ns for each of them; here a run costs what one value does. docs/formats/lake.md
// tells what stands in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "lake/tables.h"

namespace lander::lake {

// monostate is NULL; an int64 fills kLong and kTime (µs since 1970).
using Cell = std::variant<std::monostate, std::string_view, std::int64_t, double, bool>;

// How many rows a file holds, the least and greatest values of the columns that are in_stats, and
// the values of a first column that is a text.
struct Extent {
  std::uint64_t rows = 0;
  std::set<std::string> sites;
  std::map<std::string, std::pair<std::string, std::string>, std::less<>> texts;
  std::map<std::string, std::pair<base::TimeUs, base::TimeUs>, std::less<>> times;
};

// One thread. Holds one row group: at most kGroupRows rows, and about kGroupBytes of texts.
class ParquetWriter {
 public:
  static constexpr std::size_t kGroupRows = 122'880;
  static constexpr std::size_t kSmallGroupRows = 32'768;
  static constexpr std::size_t kGroupBytes = 16u << 20;

  // Gets the file's bytes in order; an error of it is that of the call that wrote.
  using Sink = std::function<base::Status(base::ByteView)>;
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  // Borrows the columns.
  ParquetWriter(std::span<const Column> columns, Sink sink);
  ~ParquetWriter();
  ParquetWriter(const ParquetWriter&) = delete;

  // To the end of a column; a text is copied.
  void same(std::size_t column, const Cell& value, std::size_t rows = 1);
  void longs(std::size_t column, std::span<const std::int64_t> values);  // kLong, kTime
  void doubles(std::size_t column, std::span<const double> values);

  // Every column has as many rows as the others now: a row group may end here. It does when it is
  // large, or, before rows of another series, when it is not small, so that a reader who asks for
  // one series reads little else. Call it every few thousand rows.
  base::Status settle(bool series_ends);
  // No more rows; extent() is of the whole file then.
  base::Status end_rows();
  // After end_rows(): the file is whole. The metadata are its key-value pairs.
  base::Status finish(const Metadata& metadata);

  const Extent& extent() const { return extent_; }  // of the row groups that have ended

  struct Buffer;
  struct ColumnChunk;

 private:
  void widen_extent(std::size_t column);
  base::Status emit(base::ByteView bytes);

  struct RowGroup {
    std::size_t rows = 0;
    std::vector<ColumnChunk> columns;
  };
  std::span<const Column> columns_;
  Sink sink_;
  std::uint64_t position_ = 0;  // bytes given to the sink
  std::vector<Buffer> buffers_;
  std::vector<RowGroup> groups_;
  Extent extent_;
};

}  // namespace lander::lake
