#include "lake/parquet.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/check.h"
#include "lake/parquet_encode.h"
#include "lake/thrift.h"

namespace lander::lake {
namespace {

using base::Bytes;
using base::ByteView;
using sensing::put_u32;
using sensing::put_u64;

constexpr std::string_view kMagic = "PAR1";
constexpr int kLevel = 3;                  // of zstd
constexpr std::size_t kMaxStatistic = 64;  // bytes of a text; longer ones have none

enum ParquetType : std::int32_t { kBooleans = 0, kInt64 = 2, kDoubles = 5, kByteArray = 6 };
enum Encoding : std::int32_t { kPlain = 0, kRle = 3, kDelta = 5, kRleDictionary = 8 };
enum Page : std::int32_t { kDataPage = 0, kDictionaryPage = 2 };
constexpr std::int32_t kZstd = 6;

ParquetType parquet_type(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return kByteArray;
    case ColumnType::kLong:
    case ColumnType::kTime:
      return kInt64;
    case ColumnType::kDouble:
      return kDoubles;
    case ColumnType::kBoolean:
      return kBooleans;
  }
  LANDER_CHECK(false);
}

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

std::string word(std::uint64_t value) {
  std::string out;
  put_u64(out, value);
  return out;
}

}  // namespace

// A column's rows of the row group at hand.
struct ParquetWriter::Buffer {
  std::vector<Run> levels;  // 1: a value, 0: null
  std::size_t rows = 0, nulls = 0;
  std::vector<std::int64_t> longs;  // without the nulls, as all below
  std::vector<double> doubles;
  std::vector<bool> booleans;
  std::vector<Run> texts;  // indices into entries
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> known;
  std::vector<const std::string*> entries;
  std::size_t entry_bytes = 0;

  std::size_t values() const { return rows - nulls; }
  void put_text(std::string_view text, std::size_t count) {
    if (texts.empty() || *entries[texts.back().value] != text) {
      auto at = known.find(text);
      if (at == known.end()) {
        at = known.emplace(text, static_cast<std::uint32_t>(entries.size())).first;
        entries.push_back(&at->first);
        entry_bytes += text.size() + 4;
      }
      extend(texts, at->second, count);
    } else {
      extend(texts, texts.back().value, count);
    }
  }
};

struct ParquetWriter::ColumnChunk {
  std::optional<std::uint64_t> dictionary_at;
  std::uint64_t data_at = 0, compressed = 0, whole = 0;  // bytes, page headers included
  std::size_t values = 0, nulls = 0;                     // values: the nulls included
  Encoding encoding = kPlain;
  std::optional<std::pair<std::string, std::string>> range;  // least, greatest, in PLAIN encoding
};

namespace {

using Buffer = ParquetWriter::Buffer;
using Range = std::optional<std::pair<std::string, std::string>>;

struct Encoded {
  Encoding encoding = kPlain;
  Bytes values, dictionary;
  std::size_t entries = 0;
};

void put_text(Bytes& out, std::string_view text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

void put_doubles(Bytes& out, std::span<const double> values) {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = std::as_bytes(values);
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  out.insert(out.end(), data, data + bytes.size());
}

void put_indices(Bytes& out, std::span<const Run> indices, std::size_t entries) {
  const auto width = std::max(1u, static_cast<unsigned>(std::bit_width(entries - 1)));
  out.push_back(static_cast<std::uint8_t>(width));
  put_hybrid(out, indices, width);
}

Encoded encode_texts(const Buffer& buffer) {
  Encoded out;
  if (buffer.entries.size() * 2 > buffer.values()) {
    for (const Run run : buffer.texts)
      for (std::uint32_t i = 0; i < run.count; ++i)
        put_text(out.values, *buffer.entries[run.value]);
    return out;
  }
  out.encoding = kRleDictionary;
  out.entries = buffer.entries.size();
  for (const std::string* entry : buffer.entries) put_text(out.dictionary, *entry);
  put_indices(out.values, buffer.texts, out.entries);
  return out;
}

// Readings of a converter have few values that come again and again; those of a computation do not,
// and are left to zstd.
Encoded encode_doubles(const Buffer& buffer) {
  Encoded out;
  const std::size_t most = std::min<std::size_t>(buffer.doubles.size() / 8, 1u << 16);
  const auto dictionary = most ? dictionary_of(buffer.doubles, most) : std::nullopt;
  if (!dictionary) {
    put_doubles(out.values, buffer.doubles);
    return out;
  }
  out.encoding = kRleDictionary;
  out.entries = dictionary->entries.size();
  put_doubles(out.dictionary, dictionary->entries);
  put_indices(out.values, dictionary->indices, out.entries);
  return out;
}

Encoded encode_values(const Buffer& buffer, ColumnType type) {
  Encoded out;
  if (buffer.values() == 0) return out;
  switch (parquet_type(type)) {
    case kByteArray:
      return encode_texts(buffer);
    case kDoubles:
      return encode_doubles(buffer);
    case kInt64:
      out.encoding = kDelta;
      put_deltas(out.values, buffer.longs);
      return out;
    case kBooleans:
      out.values.resize((buffer.booleans.size() + 7) / 8);
      for (std::size_t i = 0; i < buffer.booleans.size(); ++i)
        if (buffer.booleans[i]) out.values[i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
      return out;
  }
  LANDER_CHECK(false);
}

Range range_of_doubles(std::span<const double> values) {
  double least = values[0], most = values[0];
  bool ordered = true;
  for (const double value : values) {
    least = value < least ? value : least;
    most = value > most ? value : most;
    ordered &= value == value;
  }
  if (!ordered) return std::nullopt;  // a NaN has no place in the order
  if (least == 0) least = -0.0;       // the format's rule: zeros compare equal
  if (most == 0) most = 0.0;
  return Range(
      {word(std::bit_cast<std::uint64_t>(least)), word(std::bit_cast<std::uint64_t>(most))});
}

Range range_of(const Buffer& buffer, ColumnType type) {
  if (buffer.values() == 0) return std::nullopt;
  switch (parquet_type(type)) {
    case kByteArray: {
      const auto less = [](const std::string* a, const std::string* b) { return *a < *b; };
      const auto [least, most] =
          std::minmax_element(buffer.entries.begin(), buffer.entries.end(), less);
      if ((*least)->size() > kMaxStatistic || (*most)->size() > kMaxStatistic) return std::nullopt;
      return Range({**least, **most});
    }
    case kInt64: {
      const auto [least, most] = std::minmax_element(buffer.longs.begin(), buffer.longs.end());
      return Range(
          {word(static_cast<std::uint64_t>(*least)), word(static_cast<std::uint64_t>(*most))});
    }
    case kDoubles:
      return range_of_doubles(buffer.doubles);
    case kBooleans:
      return std::nullopt;
  }
  LANDER_CHECK(false);
}

// Each thread keeps one, of a few hundred kilobytes.
void compress(ByteView bytes, Bytes& out) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                                  &ZSTD_freeCCtx);
  LANDER_CHECK(context != nullptr);
  out.resize(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
  LANDER_CHECK(!ZSTD_isError(size));
  out.resize(size);
}

// Adds a page to `out`; returns its length before compression, header included.
std::uint64_t put_page(Bytes& out, Page type, Encoding encoding, std::size_t values,
                       ByteView whole) {
  Bytes packed;
  compress(whole, packed);
  const std::size_t began = out.size();
  Thrift thrift(out);
  thrift.begin();
  thrift.i32(1, type);
  thrift.i32(2, static_cast<std::int32_t>(whole.size()));
  thrift.i32(3, static_cast<std::int32_t>(packed.size()));
  thrift.begin(type == kDataPage ? 5 : 7);
  thrift.i32(1, static_cast<std::int32_t>(values));
  thrift.i32(2, encoding);
  if (type == kDataPage) {
    thrift.i32(3, kRle);
    thrift.i32(4, kRle);
  }
  thrift.end();
  thrift.end();
  const std::size_t header = out.size() - began;
  out.insert(out.end(), packed.begin(), packed.end());
  return header + whole.size();
}

// Adds the column's pages to `out`, whose first byte stands at `position` in the file.
ParquetWriter::ColumnChunk put_column(Bytes& out, std::uint64_t position, const Buffer& buffer,
                                      ColumnType type) {
  ParquetWriter::ColumnChunk chunk;
  chunk.values = buffer.rows;
  chunk.nulls = buffer.nulls;
  chunk.range = range_of(buffer, type);
  const Encoded encoded = encode_values(buffer, type);
  chunk.encoding = encoded.encoding;
  const std::size_t began = out.size();
  if (encoded.entries > 0) {
    chunk.dictionary_at = position + out.size();
    chunk.whole += put_page(out, kDictionaryPage, kPlain, encoded.entries, encoded.dictionary);
  }
  Bytes levels;
  put_hybrid(levels, buffer.levels, 1);
  Bytes page;
  page.reserve(4 + levels.size() + encoded.values.size());
  put_u32(page, static_cast<std::uint32_t>(levels.size()));
  page.insert(page.end(), levels.begin(), levels.end());
  page.insert(page.end(), encoded.values.begin(), encoded.values.end());
  chunk.data_at = position + out.size();
  chunk.whole += put_page(out, kDataPage, encoded.encoding, buffer.rows, page);
  chunk.compressed = out.size() - began;
  return chunk;
}

// --- The footer ----------------------------------------------------------------------------------

void put_schema(Thrift& thrift, std::span<const Column> columns) {
  thrift.list(2, Thrift::kStruct, columns.size() + 1);
  thrift.begin();
  thrift.binary(4, "schema");
  thrift.i32(5, static_cast<std::int32_t>(columns.size()));
  thrift.end();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    constexpr std::int32_t kOptional = 1, kUtf8 = 0, kTimestampMicros = 10;
    thrift.begin();
    thrift.i32(1, parquet_type(column.type));
    thrift.i32(3, kOptional);
    thrift.binary(4, column.name);
    if (column.type == ColumnType::kText) thrift.i32(6, kUtf8);
    if (column.type == ColumnType::kTime) thrift.i32(6, kTimestampMicros);
    thrift.i32(9, static_cast<std::int32_t>(i + 1));
    if (column.type == ColumnType::kText) {
      thrift.begin(10), thrift.begin(1), thrift.end(), thrift.end();
    } else if (column.type == ColumnType::kTime) {
      thrift.begin(10), thrift.begin(8);
      thrift.boolean(1, true);                                       // adjusted to UTC
      thrift.begin(2), thrift.begin(2), thrift.end(), thrift.end();  // microseconds
      thrift.end(), thrift.end();
    }
    thrift.end();
  }
}

void put_chunk(Thrift& thrift, const ParquetWriter::ColumnChunk& chunk, const Column& column) {
  thrift.begin();
  thrift.i64(2, 0);
  thrift.begin(3);
  thrift.i32(1, parquet_type(column.type));
  thrift.list(2, Thrift::kI32, chunk.dictionary_at ? 3 : 2);
  thrift.element(kRle);
  thrift.element(chunk.encoding);
  if (chunk.dictionary_at) thrift.element(kPlain);
  thrift.list(3, Thrift::kBinary, 1);
  thrift.element(column.name);
  thrift.i32(4, kZstd);
  thrift.i64(5, static_cast<std::int64_t>(chunk.values));
  thrift.i64(6, static_cast<std::int64_t>(chunk.whole));
  thrift.i64(7, static_cast<std::int64_t>(chunk.compressed));
  thrift.i64(9, static_cast<std::int64_t>(chunk.data_at));
  if (chunk.dictionary_at) thrift.i64(11, static_cast<std::int64_t>(*chunk.dictionary_at));
  thrift.begin(12);
  thrift.i64(3, static_cast<std::int64_t>(chunk.nulls));
  if (chunk.range) {
    thrift.binary(5, chunk.range->second);
    thrift.binary(6, chunk.range->first);
  }
  thrift.end();
  thrift.end();
  thrift.end();
}

}  // namespace

ParquetWriter::ParquetWriter(std::span<const Column> columns, Sink sink)
    : columns_(columns), sink_(std::move(sink)), buffers_(columns.size()) {}
ParquetWriter::~ParquetWriter() = default;

void ParquetWriter::same(std::size_t column, const Cell& value, std::size_t rows) {
  Buffer& buffer = buffers_[column];
  const bool null = std::holds_alternative<std::monostate>(value);
  extend(buffer.levels, null ? 0 : 1, rows);
  buffer.rows += rows;
  if (null) {
    buffer.nulls += rows;
    return;
  }
  switch (columns_[column].type) {
    case ColumnType::kText:
      return buffer.put_text(std::get<std::string_view>(value), rows);
    case ColumnType::kLong:
    case ColumnType::kTime:
      buffer.longs.insert(buffer.longs.end(), rows, std::get<std::int64_t>(value));
      return;
    case ColumnType::kDouble:
      buffer.doubles.insert(buffer.doubles.end(), rows, std::get<double>(value));
      return;
    case ColumnType::kBoolean:
      buffer.booleans.insert(buffer.booleans.end(), rows, std::get<bool>(value));
      return;
  }
}

void ParquetWriter::longs(std::size_t column, std::span<const std::int64_t> values) {
  Buffer& buffer = buffers_[column];
  extend(buffer.levels, 1, values.size());
  buffer.rows += values.size();
  buffer.longs.insert(buffer.longs.end(), values.begin(), values.end());
}

void ParquetWriter::doubles(std::size_t column, std::span<const double> values) {
  Buffer& buffer = buffers_[column];
  extend(buffer.levels, 1, values.size());
  buffer.rows += values.size();
  buffer.doubles.insert(buffer.doubles.end(), values.begin(), values.end());
}

base::Status ParquetWriter::settle(bool series_ends) {
  const std::size_t rows = buffers_[0].rows;
  std::size_t text_bytes = 0;
  for (const Buffer& buffer : buffers_) {
    LANDER_CHECK(buffer.rows == rows);
    text_bytes += buffer.entry_bytes;
  }
  const bool full = rows >= kGroupRows || text_bytes >= kGroupBytes;
  return full || (series_ends && rows >= kSmallGroupRows) ? end_rows() : base::Status();
}

base::Status ParquetWriter::emit(ByteView bytes) {
  position_ += bytes.size();
  return sink_(bytes);
}

void ParquetWriter::widen_extent(std::size_t i) {
  const Buffer& buffer = buffers_[i];
  const std::string name(columns_[i].name);
  if (columns_[i].type == ColumnType::kText) {
    for (const std::string* entry : buffer.entries) {
      auto& range = extent_.texts.try_emplace(name, *entry, *entry).first->second;
      if (*entry < range.first) range.first = *entry;
      if (*entry > range.second) range.second = *entry;
      if (i == 0) extent_.sites.insert(*entry);
    }
  } else if (!buffer.longs.empty()) {
    const auto [least, most] = std::minmax_element(buffer.longs.begin(), buffer.longs.end());
    auto& range = extent_.times.try_emplace(name, *least, *most).first->second;
    range = {std::min(range.first, *least), std::max(range.second, *most)};
  }
}

base::Status ParquetWriter::end_rows() {
  const std::size_t rows = buffers_[0].rows;
  if (position_ == 0) LANDER_TRY(emit(base::as_bytes(kMagic)));
  if (rows == 0) return {};
  RowGroup& group = groups_.emplace_back();
  group.rows = rows;
  extent_.rows += rows;
  Bytes pages;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    group.columns.push_back(put_column(pages, position_, buffers_[i], columns_[i].type));
    if (columns_[i].in_stats) widen_extent(i);
    buffers_[i] = Buffer();
  }
  return emit(pages);
}

base::Status ParquetWriter::finish(const Metadata& metadata) {
  Bytes footer;
  Thrift thrift(footer);
  thrift.begin();
  thrift.i32(1, 2);
  put_schema(thrift, columns_);
  thrift.i64(3, static_cast<std::int64_t>(extent_.rows));
  thrift.list(4, Thrift::kStruct, groups_.size());
  for (const RowGroup& group : groups_) {
    std::uint64_t whole = 0;
    thrift.begin();
    thrift.list(1, Thrift::kStruct, columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      put_chunk(thrift, group.columns[i], columns_[i]);
      whole += group.columns[i].whole;
    }
    thrift.i64(2, static_cast<std::int64_t>(whole));
    thrift.i64(3, static_cast<std::int64_t>(group.rows));
    thrift.end();
  }
  if (!metadata.empty()) thrift.list(5, Thrift::kStruct, metadata.size());
  for (const auto& [key, value] : metadata) {
    thrift.begin();
    thrift.binary(1, key);
    thrift.binary(2, value);
    thrift.end();
  }
  thrift.binary(6, "lander version " LANDER_VERSION);
  thrift.list(7, Thrift::kStruct, columns_.size());  // statistics are in the types' own order
  for (std::size_t i = 0; i < columns_.size(); ++i)
    thrift.begin(), thrift.begin(1), thrift.end(), thrift.end();
  thrift.end();
  put_u32(footer, static_cast<std::uint32_t>(footer.size()));
  footer.insert(footer.end(), kMagic.begin(), kMagic.end());
  return emit(footer);
}

}  // namespace lander::lake
