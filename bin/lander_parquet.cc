// lander-parquet: `lander`, with DuckDB to write Parquet files. `lander store export -o
// FILE.parquet` goes on as this program, so that the command itself starts without that large
// library.
#include "cli/cli.h"
#include "lake/parquet_file.h"

namespace {

class Parquet final : public lander::cli::ObservationFile {
 public:
  explicit Parquet(std::unique_ptr<lander::lake::ParquetFile> file) : file_(std::move(file)) {}
  lander::base::Status add(const lander::sensing::Datastream& context,
                           lander::base::DurationUs error, lander::sensing::Block rows) override {
    return file_->add(context, error, std::move(rows));
  }
  lander::base::Status finish() override { return file_->finish(); }

 private:
  std::unique_ptr<lander::lake::ParquetFile> file_;
};

lander::base::Result<std::unique_ptr<lander::cli::ObservationFile>> open(const std::string& path) {
  LANDER_ASSIGN(auto file, lander::lake::ParquetFile::create(path));
  return std::unique_ptr<lander::cli::ObservationFile>(std::make_unique<Parquet>(std::move(file)));
}

}  // namespace

int main(int argc, char** argv) { return lander::cli::main(argc, argv, open); }
