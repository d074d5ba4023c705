#include "sim/lake.h"

#include "sim/ledger.h"

namespace lander::sim {

base::Result<std::unique_ptr<SimLake>> SimLake::open(const std::string& path,
                                                     const std::string& vfs, Faults faults) {
  LANDER_ASSIGN(auto database, os::Database::open(path, {.vfs = vfs}));
  LANDER_TRY(database.execute(
      "CREATE TABLE IF NOT EXISTS item(site TEXT, epoch INTEGER, lane INTEGER, number INTEGER,"
      " type TEXT, digest INTEGER, body BLOB);"
      "CREATE INDEX IF NOT EXISTS place ON item(site,epoch,lane,number)"));
  return std::unique_ptr<SimLake>(new SimLake(std::move(database), faults));
}

base::Status SimLake::ingest(const lake::Origin& origin, const std::vector<link::Item>& items) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto known, database_.prepare("SELECT 1 FROM item WHERE site=? AND epoch=? AND"
                                              " lane=? AND number=?"));
  LANDER_ASSIGN(auto add, database_.prepare("INSERT INTO item VALUES(?,?,?,?,?,?,?)"));
  Stats next = stats_;
  for (const link::Item& item : items) {
    for (os::Statement* s : {&known, &add}) {
      s->bind(1, std::string_view(origin.site)).bind(2, static_cast<std::int64_t>(origin.epoch));
      s->bind(3, std::int64_t{item.lane}).bind(4, static_cast<std::int64_t>(item.number));
    }
    LANDER_ASSIGN(const bool repeated, known.step());
    known.reset();
    if (repeated && !faults_.keep_repeats) {
      ++next.duplicates;
      add.reset();
      continue;
    }
    ++next.ingested;
    if (faults_.lose_one_in > 0 && next.ingested % faults_.lose_one_in == 0) {
      add.reset();
      continue;
    }
    add.bind(5, std::string_view(item.type));
    add.bind(6, static_cast<std::int64_t>(digest_of(item.type, item.body)));
    add.bind(7, base::ByteView(item.body));
    LANDER_TRY(add.run());
  }
  LANDER_TRY(transaction.commit());
  stats_ = next;
  return {};
}

base::Status SimLake::visit(const std::function<void(const Row&)>& visit) {
  LANDER_ASSIGN(auto rows, database_.prepare("SELECT site,epoch,lane,number,type,digest,body"
                                             " FROM item ORDER BY site,epoch,lane,number,rowid"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    visit({std::string(rows.text(0)), static_cast<std::uint64_t>(rows.integer(1)),
           static_cast<std::uint8_t>(rows.integer(2)), static_cast<std::uint64_t>(rows.integer(3)),
           std::string(rows.text(4)), static_cast<std::uint64_t>(rows.integer(5)), rows.bytes(6)});
  }
}

}  // namespace lander::sim
