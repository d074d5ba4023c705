#include "lake/parquet_file.h"

#include "lake/parquet.h"
#include "lake/rows.h"
#include "os/new_file.h"

namespace lander::lake {
namespace {

using base::Result;
using base::Status;

constexpr Column kColumns[] = {
    {"datastream", ColumnType::kText, ""},    {"revision", ColumnType::kLong, ""},
    {"asset", ColumnType::kText, ""},         {"property", ColumnType::kText, ""},
    {"unit", ColumnType::kText, ""},          {"time", ColumnType::kTime, ""},
    {"time_error_us", ColumnType::kLong, ""}, {"kind", ColumnType::kText, ""},
    {"value", ColumnType::kDouble, ""},       {"value_integer", ColumnType::kLong, ""},
    {"value_text", ColumnType::kText, ""},    {"quality", ColumnType::kText, ""},
};

class ExportFile final : public ParquetFile {
 public:
  explicit ExportFile(os::NewFile file)
      : file_(std::move(file)),
        writer_(kColumns, [this](base::ByteView bytes) { return file_.append(bytes); }) {}

  Status add(const sensing::Datastream& of, base::DurationUs error, sensing::Block rows) override {
    const std::size_t count = rows.size();
    const auto same = [&](std::size_t column, const Cell& cell) {
      writer_.same(column, cell, count);
    };
    same(0, std::string_view(of.id));
    same(1, std::int64_t{of.revision});
    same(2, std::string_view(of.asset));
    same(3, std::string_view(of.property));
    same(4, std::string_view(of.unit));
    writer_.longs(5, rows.times);
    same(6, error == INT64_MAX ? Cell() : Cell(error));
    same(7, sensing::to_string(of.kind));
    put_values(rows);
    for (const sensing::Quality quality : rows.qualities)
      writer_.same(11, sensing::to_string(quality));
    return writer_.settle(false);
  }
  Status finish() override {
    LANDER_TRY(writer_.end_rows());
    LANDER_TRY(writer_.finish({}));
    return file_.finish();
  }

 private:
  void put_values(const sensing::Block& rows) {
    const bool text = rows.kind >= sensing::Kind::kText;
    if (rows.kind == sensing::Kind::kNumber) writer_.doubles(8, rows.numbers);
    for (const std::int64_t value : rows.integers) writer_.same(8, static_cast<double>(value));
    for (const bool value : rows.booleans) writer_.same(8, value ? 1.0 : 0.0);
    if (text) writer_.same(8, Cell(), rows.size());
    if (rows.kind == sensing::Kind::kInteger)
      writer_.longs(9, rows.integers);
    else
      writer_.same(9, Cell(), rows.size());
    if (!text) writer_.same(10, Cell(), rows.size());
    for (const std::string& value : rows.strings) writer_.same(10, utf8_of(value));
  }

  os::NewFile file_;
  ParquetWriter writer_;
};

}  // namespace

Result<std::unique_ptr<ParquetFile>> ParquetFile::create(const std::string& path) {
  LANDER_ASSIGN(os::NewFile file, os::NewFile::create(path));
  return std::unique_ptr<ParquetFile>(std::make_unique<ExportFile>(std::move(file)));
}

}  // namespace lander::lake
