// lander-parquet: `lander`, with DuckDB, for Parquet files and a lake of one's own. `lander store
// export -o FILE.parquet`, `lander import --into` and `lander sql --lake` go on as this program, so
// that the command itself starts without that large library.
#include <string_view>

#include "cli/cli.h"
#include "lake/lake.h"
#include "lake/parquet_file.h"
#include "os/process.h"

namespace {

using lander::base::Result;
using lander::base::Status;

class Parquet final : public lander::cli::ObservationFile {
 public:
  explicit Parquet(std::unique_ptr<lander::lake::ParquetFile> file) : file_(std::move(file)) {}
  Status add(const lander::sensing::Datastream& context, lander::base::DurationUs error,
             lander::sensing::Block rows) override {
    return file_->add(context, error, std::move(rows));
  }
  Status finish() override { return file_->finish(); }

 private:
  std::unique_ptr<lander::lake::ParquetFile> file_;
};

Result<std::unique_ptr<lander::cli::ObservationFile>> open(const std::string& path) {
  LANDER_ASSIGN(auto file, lander::lake::ParquetFile::create(path));
  return std::unique_ptr<lander::cli::ObservationFile>(std::make_unique<Parquet>(std::move(file)));
}

class OwnLake final : public lander::cli::OwnLake {
 public:
  explicit OwnLake(std::unique_ptr<lander::lake::Lake> lake) : lake_(std::move(lake)) {}
  Status ingest(const lander::cli::LakeOrigin& origin,
                const std::vector<lander::link::Item>& items) override {
    return lake_->ingest({origin.tenant, origin.site, origin.epoch, origin.received}, items);
  }
  Result<std::uint64_t> flush() override {
    LANDER_ASSIGN(const auto flushed, lake_->flush());
    return flushed.rows;
  }

 private:
  std::unique_ptr<lander::lake::Lake> lake_;
};

Result<std::unique_ptr<lander::cli::OwnLake>> open_lake(const std::string& folder) {
  lander::lake::Lake::Options options;
  options.folder = folder;
  LANDER_ASSIGN(auto lake, lander::lake::Lake::open(options));
  return std::unique_ptr<lander::cli::OwnLake>(std::make_unique<OwnLake>(std::move(lake)));
}

Result<std::string> ask(const std::string& tenant_folder, const std::string& sql) {
  LANDER_ASSIGN(const std::string program, lander::os::own_program());
  LANDER_ASSIGN(const std::string folder, lander::os::absolute_path(tenant_folder));
  LANDER_ASSIGN(auto result, lander::lake::run_sql(program, folder, sql, {}));
  return std::move(result.json);
}

}  // namespace

int main(int argc, char** argv) {
  // Not a command for people: lake::run_sql starts it, with limits, for one query.
  if (argc == 2 && std::string_view(argv[1]) == "sql-worker") lander::lake::sql_worker_main();
  return lander::cli::main(argc, argv, open, {open_lake, ask});
}
