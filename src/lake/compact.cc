// Many small files of a table become one: the same rows, sorted, and one Delta commit that removes
// the old files and adds the new one (dataChange false).
//
// 1 begin_output (journal)  2 the file  3 the commit  4 finish_output (journal). A crash before 4
// leaves the output in the journal; the next step looks into the table's log: the file is the
// table's, or it is deleted.
#include <algorithm>
#include <bit>

#include "lake/delta_lake.h"
#include "os/log.h"

namespace lander::lake {
namespace {

constexpr std::size_t kFewestInputs = 8;
constexpr std::size_t kMostInputs = 64;
constexpr std::uint64_t kFullRows = kMostMergedRows / 2;  // a file of so many stays as it is
// Of tables with long texts (alerts with their evidence), whose rows are merged in one go.
constexpr std::uint64_t kMostLongRows = 50'000;
constexpr std::uint64_t kMostBytes = 64u << 20;
constexpr std::uint64_t kSliceRows = 250'000;  // sorted in memory at once
constexpr std::size_t kMostDeletions = 256;    // in one step

bool has_series(Table table) { return table == Table::kObservation || table == Table::kSummary; }

std::string_view order_of(Table table) {
  switch (table) {
    case Table::kObservation:
    case Table::kSummary:
      return "site, datastream, time";
    case Table::kAlertEvent:
      return "site, time";
    case Table::kDatastream:
      return "site, datastream, revision, recorded";
    case Table::kSite:
      return "site, first_received";
  }
  LANDER_CHECK(false);
}

// Powers of 8: each row is written again once for each, so at most 8 times.
int tier_of(std::uint64_t rows) { return static_cast<int>(std::bit_width(rows | 1) / 3); }

// The oldest files of the lowest tier that has enough of them; none: nothing to do.
std::vector<DataFile> inputs_of(Table table, const Snapshot& state) {
  const std::uint64_t most_rows = has_series(table) ? kMostMergedRows : kMostLongRows;
  std::map<int, std::vector<DataFile>> tiers;
  for (const auto& [path, file] : state.files)
    if (file.rows > 0 && file.rows < std::min(kFullRows, most_rows / 2))
      tiers[tier_of(file.rows)].push_back(file);
  for (auto& [tier, files] : tiers) {
    std::sort(files.begin(), files.end(), [](const DataFile& a, const DataFile& b) {
      return std::tie(a.modified_ms, a.path) < std::tie(b.modified_ms, b.path);
    });
    std::uint64_t rows = 0, bytes = 0;
    std::size_t count = 0;
    while (count < std::min(files.size(), kMostInputs) && rows + files[count].rows <= most_rows &&
           bytes + files[count].bytes <= kMostBytes) {
      rows += files[count].rows;
      bytes += files[count].bytes;
      ++count;
    }
    // Enough of them, or as many as one file may hold.
    if (count < kFewestInputs && (count == files.size() || count < 2)) continue;
    files.resize(count);
    return files;
  }
  return {};
}

bool is_ours(std::string_view path) {
  return path.starts_with("part-") || path.starts_with("compact-");
}

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : std::string();
}

std::int64_t integer_of(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number ? *number : 0;
}

}  // namespace

base::Result<Lake::Compacted> DeltaLake::compact() {
  Compacted out;
  if (!writer_) return out;  // before the first flush
  {
    const std::lock_guard lock(mutex_);
    LANDER_ASSIGN(const auto batches, journal_->unfinished());
    if (!batches.empty()) return out;  // a flush failed: it goes first
  }
  LANDER_TRY(finish_old_outputs());
  for (auto& [name, state] : written_) LANDER_TRY(delete_expired(name, state, out));
  for (const auto& [name, state] : written_) {
    const std::vector<DataFile> inputs = inputs_of(name.second, state);
    if (inputs.empty()) continue;
    const TableName one = name;
    if (auto merged = merge(one, inputs, out); !merged.ok()) {
      written_.erase(one);  // the commit may stand: only the log can tell
      return merged.error().context("compacting " + folder_of(one.first, one.second));
    }
    return out;
  }
  return out;
}

base::Status DeltaLake::finish_old_outputs() {
  std::unique_lock lock(mutex_);
  LANDER_ASSIGN(const auto outputs, journal_->outputs());
  lock.unlock();
  for (const Journal::Output& output : outputs) {
    written_.erase(TableName(output.tenant, output.table));
    LANDER_TRY(load_tables(output.tenant));
    const Snapshot& state = written_.at(TableName(output.tenant, output.table));
    if (!state.files.contains(output.path) && !state.removed.contains(output.path))
      LANDER_TRY(files_.remove(folder_of(output.tenant, output.table) + '/' + output.path));
    lock.lock();
    LANDER_TRY(journal_->finish_output(output, state.version));
    lock.unlock();
  }
  return {};
}

base::Status DeltaLake::merge(const TableName& name, const std::vector<DataFile>& inputs,
                              Compacted& out) {
  const auto& [tenant, table] = name;
  const std::string folder = folder_of(tenant, table);
  std::string source = "read_parquet([";
  std::uint64_t rows = 0;
  Commit entry{.now_ms = now_ms()};
  for (const DataFile& input : inputs) {
    source += (source.back() == '[' ? "" : ",") + sql_literal(folder + '/' + input.path);
    entry.remove.push_back(input.path);
    rows += input.rows;
  }
  source += "])";
  const Journal::Output output{tenant, "compact-" + random_.uuid7(clock_.wall_us()) + ".parquet",
                               table};
  {
    const std::lock_guard lock(mutex_);
    LANDER_TRY(journal_->begin_output(output));
  }
  LANDER_ASSIGN(const Context context, context_of(name, source));
  LANDER_ASSIGN(entry.add,
                write_file(tenant, table, output.path, context, [&](ParquetWriter& writer) {
                  return put_merged(name, source, rows, writer);
                }));
  if (entry.add->rows != rows)
    return base::Error(base::Code::kCorrupt, "the files hold " + std::to_string(entry.add->rows) +
                                                 " rows, the log says " + std::to_string(rows));
  Snapshot& state = written_.at(name);
  const std::int64_t before = state.version;
  LANDER_ASSIGN(const bool stands, commit(files_, *writer_, folder, entry, state));
  if (!stands) LANDER_TRY(files_.remove(folder + '/' + output.path));  // another writer was faster
  {
    const std::lock_guard lock(mutex_);
    LANDER_TRY(journal_->finish_output(output, state.version));
  }
  if (!stands) return {};
  out.files = inputs.size();
  out.rows = rows;
  checkpoint(tenant, table, before, state.version);
  return {};
}

// Series after series, some at once, so that what is sorted in memory stays small.
base::Status DeltaLake::put_merged(const TableName& name, const std::string& source,
                                   std::uint64_t rows, ParquetWriter& out) {
  const Table table = name.second;
  std::string select = "SELECT ";
  for (const Column& column : columns_of(table))
    select += (select.back() == ' ' ? "" : ", ") + ('"' + std::string(column.name) + '"');
  select += " FROM " + source;
  const std::string order = " ORDER BY " + std::string(order_of(table));
  if (!has_series(table) || rows <= kSliceRows)
    return writer_->write_query(select + order, columns_of(table), out);
  LANDER_ASSIGN(const auto series, writer_->query("SELECT site, datastream, count(*) FROM " +
                                                  source + " GROUP BY ALL ORDER BY ALL"));
  for (std::size_t at = 0, end = 0; at < series.size(); at = end) {
    const std::string site = text_of(series[at][0]);
    std::int64_t slice = 0;
    while (
        end < series.size() && text_of(series[end][0]) == site &&
        (end == at || slice + integer_of(series[end][2]) <= static_cast<std::int64_t>(kSliceRows)))
      slice += integer_of(series[end++][2]);
    const std::string where = " WHERE site = " + sql_literal(site) + " AND datastream BETWEEN " +
                              sql_literal(text_of(series[at][1])) + " AND " +
                              sql_literal(text_of(series[end - 1][1]));
    LANDER_TRY(writer_->write_query(select + where + order, columns_of(table), out));
    LANDER_TRY(out.settle(true));
  }
  return {};
}

base::Result<Context> DeltaLake::context_of(const TableName& name, const std::string& source) {
  Context out;
  if (!has_series(name.second)) return out;
  LANDER_ASSIGN(const auto series,
                writer_->query("SELECT DISTINCT site, datastream, revision FROM " + source));
  const std::lock_guard lock(mutex_);
  for (const auto& row : series) {
    const SeriesName one(text_of(row[0]), text_of(row[1]),
                         static_cast<std::uint32_t>(integer_of(row[2])));
    LANDER_ASSIGN(auto known, journal_->context(name.first, std::get<0>(one), std::get<1>(one),
                                                std::get<2>(one)));
    if (known) out.emplace(one, *std::move(known));
  }
  return out;
}

base::Status DeltaLake::delete_expired(const TableName& name, Snapshot& state, Compacted& out) {
  const std::int64_t since = now_ms() - kKeepRemoved / base::kMillisecond;
  for (auto at = state.removed.begin(); at != state.removed.end();) {
    const auto& [path, removed_ms] = *at;
    if (removed_ms > since || !is_ours(path)) {
      ++at;
      continue;
    }
    if (out.deleted == kMostDeletions) return {};
    LANDER_TRY(files_.remove(folder_of(name.first, name.second) + '/' + path));
    ++out.deleted;
    at = state.removed.erase(at);
  }
  return {};
}

}  // namespace lander::lake
