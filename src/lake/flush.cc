// From the journal into the tables, exactly once.
//
// 1 begin_batch (journal)  2 per table: Parquet file, Delta commit with txn = the batch's number
// 3 finish (journal). A crash before 3 leaves the batch unfinished; the next flush writes it again,
// under the same file names, and skips the tables whose log has its txn.
#include <algorithm>

#include "lake/delta_lake.h"
#include "lake/file_metadata.h"
#include "os/log.h"

namespace lander::lake {
namespace {

constexpr std::uint64_t kMaxBatchRows = 1'000'000;
constexpr std::uint64_t kMaxBatchBytes = 32u << 20;  // of bodies
constexpr std::uint64_t kMaxParquetBytes = 1u << 30;
// A body whose datastream is not declared yet waits so many flushes for its context, then goes
// without: the state lane is ahead of the bulk lane, so it is late only when carriers overtake.
constexpr int kMaxTries = 5;

void append(auto& to, auto& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append(Contents& to, Contents& from) {
  append(to.raw, from.raw);
  append(to.summed, from.summed);
  append(to.told, from.told);
  append(to.declared, from.declared);
  append(to.seen, from.seen);
}

}  // namespace

struct DeltaLake::Ready {
  Contents contents;
  Context context;
  std::vector<std::int64_t> ids;  // of the bodies in contents
  bool complete = true;           // learn_context(): all contexts were known
};

base::Result<Lake::Flushed> DeltaLake::flush() {
  if (!writer_) {
    LANDER_ASSIGN(writer_, connect());
  }
  Flushed flushed;
  LANDER_TRY(finish_old_batches(flushed));
  std::unique_lock lock(mutex_);
  LANDER_ASSIGN(const std::int64_t through, journal_->newest_waiting());
  LANDER_ASSIGN(const auto tenants, journal_->tenants_waiting());
  lock.unlock();
  for (const std::string& tenant : tenants)
    if (auto status = flush_tenant(tenant, through, flushed); !status.ok())
      return status.error().context("flushing tenant " + tenant);
  return flushed;
}

base::Status DeltaLake::finish_old_batches(Flushed& flushed) {
  std::unique_lock lock(mutex_);
  LANDER_ASSIGN(const auto batches, journal_->unfinished());
  lock.unlock();
  for (const Journal::Batch& batch : batches) {
    Ready ready;
    lock.lock();
    LANDER_ASSIGN(auto bodies, journal_->bodies(batch));
    lock.unlock();
    for (Waiting& body : bodies) body.tries = kMaxTries;  // it was ready when the batch began
    // A commit may stand though its write failed: only the log can tell, and a committed file must
    // not be written again.
    for (const Table table : kAllTables) written_.erase(TableName(batch.tenant, table));
    LANDER_TRY(gather(batch.tenant, std::move(bodies), ready));
    LANDER_TRY(load_tables(batch.tenant));
    LANDER_TRY(write_batch(batch, ready, flushed));
  }
  return {};
}

base::Status DeltaLake::flush_tenant(const std::string& tenant, std::int64_t through,
                                     Flushed& flushed) {
  LANDER_TRY(load_tables(tenant));
  for (std::int64_t after = 0;;) {
    std::unique_lock lock(mutex_);
    LANDER_ASSIGN(auto candidates,
                  journal_->candidates(tenant, after, through, kMaxBatchRows, kMaxBatchBytes));
    lock.unlock();
    if (candidates.empty()) return {};
    after = candidates.back().id;
    Ready ready;
    LANDER_TRY(gather(tenant, std::move(candidates), ready));
    if (ready.ids.empty()) continue;
    lock.lock();
    LANDER_ASSIGN(const auto batch, journal_->begin_batch(tenant, ready.ids));
    lock.unlock();
    LANDER_TRY(write_batch(batch, ready, flushed));
  }
}

base::Status DeltaLake::gather(const std::string& tenant, std::vector<Waiting> candidates,
                               Ready& ready) {
  std::vector<std::int64_t> early;
  for (Waiting& waiting : candidates) {
    Contents contents;
    if (auto decoded = decode(waiting, contents); !decoded.ok()) {
      // It decoded when it was taken: the journal's file was damaged, or the format changed.
      const std::lock_guard lock(mutex_);
      LANDER_TRY(journal_->park(tenant, waiting.id, decoded.error().message()));
      os::log_error("lake", "waiting item parked",
                    {{"tenant", tenant},
                     {"site", waiting.site},
                     {"type", waiting.type},
                     {"reason", decoded.error().message()}});
      continue;
    }
    LANDER_TRY(learn_context(tenant, contents, ready));
    if (!ready.complete && waiting.tries < kMaxTries) {
      early.push_back(waiting.id);
      continue;
    }
    append(ready.contents, contents);
    ready.ids.push_back(waiting.id);
    waiting.body = {};
  }
  if (early.empty()) return {};
  const std::lock_guard lock(mutex_);
  return journal_->wait_longer(early);
}

base::Status DeltaLake::learn_context(const std::string& tenant, const Contents& contents,
                                      Ready& ready) {
  ready.complete = true;
  const std::lock_guard lock(mutex_);
  const auto learn = [&](const std::string& site, const std::string& datastream,
                         std::uint32_t revision) -> base::Status {
    const SeriesName name(site, datastream, revision);
    if (ready.context.contains(name)) return {};
    LANDER_ASSIGN(auto known, journal_->context(tenant, site, datastream, revision));
    if (known)
      ready.context.emplace(name, *std::move(known));
    else
      ready.complete = false;
    return {};
  };
  for (const auto& [site, block] : contents.raw)
    LANDER_TRY(learn(site, block.datastream, block.revision));
  for (const auto& [site, summary] : contents.summed)
    LANDER_TRY(learn(site, summary.datastream, summary.revision));
  return {};
}

base::Status DeltaLake::load_tables(const std::string& tenant) {
  bool from_the_future = false;
  for (const Table table : kAllTables) {
    const auto [at, fresh] = written_.try_emplace(TableName(tenant, table));
    if (!fresh) continue;
    if (auto loaded = load_table(tenant, table, at->second); !loaded.ok()) {
      written_.erase(at);
      return loaded;
    }
    const std::lock_guard lock(mutex_);
    LANDER_ASSIGN(const std::int64_t last, journal_->last_batch());
    const auto txn = at->second.txns.find(journal_->application());
    from_the_future |= txn != at->second.txns.end() && txn->second > last;
  }
  if (!from_the_future) return {};
  const std::lock_guard lock(mutex_);
  LANDER_TRY(journal_->rename_application(random_));
  os::log_warn("lake", "the journal is older than the tables; going on under a new name",
               {{"tenant", tenant}, {"application", journal_->application()}});
  return {};
}

base::Status DeltaLake::load_table(const std::string& tenant, Table table, Snapshot& state) {
  const std::string folder = folder_of(tenant, table);
  LANDER_TRY(advance(files_, *writer_, folder, kNewest, state));
  if (state.version >= 0) return {};
  const std::string id = random_.uuid7(clock_.wall_us());
  base::Status created = create_table(files_, folder, table, id, now_ms());
  if (!created.ok() && created.error().code() != base::Code::kExists) return created;
  return advance(files_, *writer_, folder, kNewest, state);
}

base::Status DeltaLake::write_batch(const Journal::Batch& batch, Ready& ready, Flushed& flushed) {
  std::vector<Journal::Written> written;
  std::vector<std::int64_t> before;
  for (const Table table : kAllTables) {
    before.push_back(written_.at(TableName(batch.tenant, table)).version);
    LANDER_ASSIGN(const Journal::Written one, write_table(batch, table, ready));
    written.push_back(one);
    flushed.rows += one.rows;
    flushed.files += one.files;
    flushed.bytes += one.bytes;
  }
  {
    const std::lock_guard lock(mutex_);
    LANDER_TRY(journal_->finish(batch, written));
  }
  for (std::size_t i = 0; i < kTables; ++i)
    checkpoint(batch.tenant, written[i].table, before[i], written[i].version);
  return {};
}

base::Result<Journal::Written> DeltaLake::write_table(const Journal::Batch& batch, Table table,
                                                      Ready& ready) {
  Snapshot& state = written_.at(TableName(batch.tenant, table));
  Journal::Written out{.table = table, .version = state.version};
  if (!has_rows(table, ready.contents)) return out;
  const std::string application = [&] {
    const std::lock_guard lock(mutex_);
    return journal_->application();
  }();
  const auto txn = state.txns.find(application);
  if (txn != state.txns.end() && txn->second >= batch.number) return out;
  std::string name = std::to_string(batch.number);
  name = "part-" + std::string(name.size() < 12 ? 12 - name.size() : 0, '0') + name + '-' +
         application + ".parquet";
  LANDER_ASSIGN(const DataFile file,
                write_file(batch.tenant, table, name, ready.context, [&](ParquetWriter& writer) {
                  return put_rows(table, ready.contents, ready.context, writer);
                }));
  Commit entry{.application = application, .txn = batch.number, .now_ms = now_ms()};
  if (file.rows > 0) entry.add = file;
  LANDER_ASSIGN(const bool fresh,
                commit(files_, *writer_, folder_of(batch.tenant, table), entry, state));
  out.version = state.version;
  if (!fresh || !entry.add) return out;
  out.rows = file.rows;
  out.files = 1;
  out.bytes = file.bytes;
  return out;
}

base::Result<DataFile> DeltaLake::write_file(
    const std::string& tenant, Table table, const std::string& name, const Context& context,
    const std::function<base::Status(ParquetWriter&)>& put) {
  base::Bytes bytes;
  ParquetWriter writer(columns_of(table), [&](base::ByteView more) -> base::Status {
    if (bytes.size() + more.size() > kMaxParquetBytes)
      return base::Error(base::Code::kExhausted, name + " would become too large");
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  });
  LANDER_TRY(put(writer));
  LANDER_TRY(writer.end_rows());
  const Extent& extent = writer.extent();
  if (extent.rows == 0) return DataFile();
  LANDER_TRY(writer.finish(metadata_of(tenant, table, extent, context)));
  LANDER_TRY(files_.write_durably(folder_of(tenant, table) + '/' + name, bytes));
  return DataFile{.path = name,
                  .bytes = bytes.size(),
                  .rows = extent.rows,
                  .modified_ms = now_ms(),
                  .stats = encode_stats(extent)};
}

// A failure costs readers time, not data: the commits stand.
void DeltaLake::checkpoint(const std::string& tenant, Table table, std::int64_t before,
                           std::int64_t now) {
  if (now / kCheckpointEvery == before / kCheckpointEvery || now < kCheckpointEvery) return;
  const std::string folder = folder_of(tenant, table);
  const auto status = write_checkpoint(files_, *writer_, folder, scratch_folder() + "/checkpoint",
                                       written_.at(TableName(tenant, table)));
  if (!status.ok())
    os::log_warn("lake", "checkpoint failed",
                 {{"table", folder}, {"error", status.error().message()}});
}

}  // namespace lander::lake
