// The Lake on disk: journal + Delta tables. Parts: lake.cc (opening, ingest), flush.cc, compact.cc,
// series.cc.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lake/delta.h"
#include "lake/duck.h"
#include "lake/journal.h"
#include "lake/lake.h"
#include "lake/rows.h"

namespace lander::lake {

class DeltaLake final : public Lake {
 public:
  explicit DeltaLake(const Options& options);
  base::Status start();

  base::Status ingest(const Origin& origin, const std::vector<link::Item>& items) override;
  base::Result<Flushed> flush() override;
  base::Result<std::uint64_t> waiting_rows() const override;
  base::Result<Compacted> compact() override;
  base::Result<std::vector<std::pair<base::TimeUs, sensing::Summary>>> series(
      std::string_view tenant, std::string_view site, std::string_view datastream,
      base::TimeUs from, base::TimeUs to, std::size_t buckets) override;
  Stats stats() const override;

 private:
  using TableName = std::pair<std::string, Table>;  // tenant, table
  struct Ready;                                     // what goes into one batch

  std::string folder_of(std::string_view tenant, Table table) const;
  std::string scratch_folder() const { return options_.folder + "/.tmp"; }
  std::int64_t now_ms() const { return clock_.wall_us() / base::kMillisecond; }
  base::Result<std::unique_ptr<Session>> connect();

  // flush.cc; all on the flushing thread
  base::Status finish_old_batches(Flushed& flushed);
  base::Status flush_tenant(const std::string& tenant, std::int64_t through, Flushed& flushed);
  base::Status gather(const std::string& tenant, std::vector<Waiting> candidates, Ready& ready);
  base::Status learn_context(const std::string& tenant, const Contents& contents, Ready& ready);
  base::Status load_tables(const std::string& tenant);
  base::Status load_table(const std::string& tenant, Table table, Snapshot& state);
  base::Status write_batch(const Journal::Batch& batch, Ready& ready, Flushed& flushed);
  base::Result<Journal::Written> write_table(const Journal::Batch& batch, Table table,
                                             Ready& ready);
  // Durable when it returns; of no rows no file.
  base::Result<DataFile> write_file(const std::string& tenant, Table table, const std::string& name,
                                    const Context& context,
                                    const std::function<base::Status(ParquetWriter&)>& put);
  void checkpoint(const std::string& tenant, Table table, std::int64_t before, std::int64_t now);

  // compact.cc; on the flushing thread
  base::Status finish_old_outputs();
  base::Status merge(const TableName& name, const std::vector<DataFile>& inputs, Compacted& out);
  base::Status put_merged(const TableName& name, const std::string& source, std::uint64_t rows,
                          ParquetWriter& out);
  base::Result<Context> context_of(const TableName& name, const std::string& source);
  base::Status delete_expired(const TableName& name, Snapshot& state, Compacted& out);

  // series.cc; under reader_mutex_
  base::Result<std::vector<std::string>> files_of(std::string_view tenant, Table table,
                                                  std::int64_t version, std::string_view site,
                                                  std::string_view datastream, base::TimeUs from,
                                                  base::TimeUs to);

  const Options options_;
  os::Clock& clock_;
  os::Files& files_;
  os::Random& random_;

  mutable std::mutex mutex_;  // of journal_: never held while files are written
  std::unique_ptr<Journal> journal_;

  std::mutex duck_mutex_;  // of the opening of duck_
  std::unique_ptr<Duck> duck_;

  std::unique_ptr<Session> writer_;        // the flushing thread's
  std::map<TableName, Snapshot> written_;  // the flushing thread's

  std::mutex reader_mutex_;  // of the two below; one chart at a time
  std::unique_ptr<Session> reader_;
  std::map<TableName, Snapshot> read_;
};

}  // namespace lander::lake
