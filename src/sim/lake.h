// The hub's lake as a list of what came in: no Parquet, but durable and exact, on the hub's
// simulated disk. It counts every arrival, so that a check can see what came twice or not at all.
#pragma once

#include <functional>
#include <memory>

#include "lake/lake.h"
#include "os/sqlite.h"

namespace lander::sim {

class SimLake final : public lake::Lake {
 public:
  struct Faults {  // to check the checks
    std::uint64_t lose_one_in = 0;
    bool keep_repeats = false;
  };
  static base::Result<std::unique_ptr<SimLake>> open(const std::string& path,
                                                     const std::string& vfs, Faults faults);

  base::Status ingest(const lake::Origin& origin, const std::vector<link::Item>& items) override;
  base::Result<Flushed> flush() override { return Flushed{}; }
  base::Result<Compacted> compact() override { return Compacted{}; }
  base::Result<std::uint64_t> waiting_rows() const override { return std::uint64_t{0}; }
  base::Result<std::vector<std::pair<base::TimeUs, sensing::Summary>>> series(
      std::string_view, std::string_view, std::string_view, base::TimeUs, base::TimeUs,
      std::size_t) override {
    return std::vector<std::pair<base::TimeUs, sensing::Summary>>();
  }
  Stats stats() const override { return stats_; }

  struct Row {
    std::string site;
    std::uint64_t epoch = 0;
    std::uint8_t lane = 0;
    std::uint64_t number = 0;
    std::string type;
    std::uint64_t digest = 0;
    base::ByteView body;  // of an alert event, of blocks and of summaries
  };
  // In the order of site, epoch, lane, number.
  base::Status visit(const std::function<void(const Row&)>& visit);
  os::Database& database() { return database_; }

 private:
  SimLake(os::Database database, Faults faults) : database_(std::move(database)), faults_(faults) {}
  os::Database database_;
  const Faults faults_;
  Stats stats_;
};

}  // namespace lander::sim
