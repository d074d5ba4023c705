// What the hub keeps: records of tenants and sites, and items that wait for their sites. Two tables
// in one SQLite database (WAL, synchronous=FULL), so that what belongs together commits together.
// The observations themselves are the lake's. Format: docs/formats/hub-state.md. Why not more
// tables: docs/adr/0002-hub-state.md.
//
// One thread at a time (the hub's core).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "link/outbox.h"
#include "os/sqlite.h"

namespace lander::hub {

struct SiteKey {
  std::string tenant, site;
  friend auto operator<=>(const SiteKey&, const SiteKey&) = default;
};

// Addressed by (tenant, kind, site, key); `site` is empty for what belongs to the tenant. An empty
// body deletes.
struct Record {
  std::string tenant, kind, site, key;
  base::Bytes body;
};

struct NewItem {
  SiteKey to;
  std::uint8_t lane = 0;
  std::string type;
  base::Bytes body;
};

struct Batch {
  std::vector<Record> records;
  std::vector<NewItem> items;
};

class State {
 public:
  static base::Result<std::unique_ptr<State>> open(const std::string& path, const std::string& vfs,
                                                   std::uint64_t new_epoch);

  // All or nothing, durable when it returned ok.
  base::Status commit(const Batch& batch, base::TimeUs now);
  // All records of a kind, by tenant, site and key; `of`: of one site only.
  base::Status load(std::string_view kind, const std::function<base::Status(const Record&)>& visit,
                    const SiteKey* of = nullptr);
  base::Result<std::vector<link::Item>> items(const SiteKey& site, std::uint8_t lane,
                                              std::uint64_t after, std::size_t max_items,
                                              std::size_t max_bytes);
  base::Result<std::vector<link::Head>> heads(const SiteKey& site, std::uint8_t lane,
                                              std::uint64_t after, std::size_t max);
  base::Status forget_items(const SiteKey& site, std::uint8_t lane, std::uint64_t through);
  // Last number given and first that is still kept, of every lane that ever had an item.
  struct Lane {
    SiteKey site;
    std::uint8_t lane = 0;
    std::uint64_t last = 0;
  };
  base::Result<std::vector<Lane>> lanes();
  std::uint64_t epoch() const { return epoch_; }
  // This database was restored from an older copy: a new epoch, in which the items that wait are
  // numbered from 1 in their order; and with it these records.
  base::Status renew_epoch(std::uint64_t new_epoch, const std::vector<Record>& records);

 private:
  explicit State(os::Database database) : database_(std::move(database)) {}
  base::Status prepare_schema(std::uint64_t new_epoch);
  base::Status put(const std::vector<Record>& records);  // within a transaction
  os::Database database_;
  std::uint64_t epoch_ = 0;
};

}  // namespace lander::hub
