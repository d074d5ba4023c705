#include "hub/state.h"

#include <utility>

namespace lander::hub {
namespace {

constexpr std::int64_t kSchema = 1;

constexpr std::string_view kTables = R"(
  CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS record(kind TEXT NOT NULL, tenant TEXT NOT NULL, site TEXT NOT NULL, key TEXT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY(kind, tenant, site, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS lane(tenant TEXT NOT NULL, site TEXT NOT NULL, lane INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY(tenant, site, lane)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS item(tenant TEXT NOT NULL, site TEXT NOT NULL, lane INTEGER NOT NULL, number INTEGER NOT NULL,
    type TEXT NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(tenant, site, lane, number)) WITHOUT ROWID;
)";

}  // namespace

base::Result<std::unique_ptr<State>> State::open(const std::string& path, const std::string& vfs,
                                                 std::uint64_t new_epoch) {
  os::Database::Options options;
  options.vfs = vfs;
  options.cache_kib = 8192;
  LANDER_ASSIGN(auto database, os::Database::open(path, options));
  std::unique_ptr<State> state(new State(std::move(database)));
  if (auto ready = state->prepare_schema(new_epoch); !ready.ok())
    return ready.error().context(path);
  return state;
}

base::Status State::prepare_schema(std::uint64_t new_epoch) {
  LANDER_TRY(database_.execute(kTables));
  LANDER_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO meta VALUES(?,?)"));
  LANDER_TRY(insert.bind(1, std::string_view("schema")).bind(2, kSchema).run());
  LANDER_TRY(insert.bind(1, std::string_view("epoch"))
                 .bind(2, static_cast<std::int64_t>(new_epoch >> 1))
                 .run());
  LANDER_ASSIGN(auto read, database_.prepare("SELECT value FROM meta WHERE key=?"));
  auto value = [&](std::string_view key) -> base::Result<std::int64_t> {
    read.reset();
    LANDER_ASSIGN(const bool row, read.bind(1, key).step());
    if (!row) return base::Error(base::Code::kCorrupt, "meta lacks " + std::string(key));
    return read.integer(0);
  };
  LANDER_ASSIGN(const std::int64_t schema, value("schema"));
  if (schema > kSchema) {
    return base::Error(base::Code::kUnsupported,
                       "this hub's state was written by a newer Lander (schema " +
                           std::to_string(schema) + "): install that version");
  }
  LANDER_ASSIGN(const std::int64_t epoch, value("epoch"));
  epoch_ = static_cast<std::uint64_t>(epoch);
  return {};
}

base::Status State::put(const std::vector<Record>& records) {
  LANDER_ASSIGN(auto put,
                database_.prepare(
                    "INSERT OR REPLACE INTO record(kind,tenant,site,key,body) VALUES(?,?,?,?,?)"));
  LANDER_ASSIGN(
      auto remove,
      database_.prepare("DELETE FROM record WHERE kind=? AND tenant=? AND site=? AND key=?"));
  for (const Record& record : records) {
    os::Statement& statement = record.body.empty() ? remove : put;
    statement.bind(1, std::string_view(record.kind)).bind(2, std::string_view(record.tenant));
    statement.bind(3, std::string_view(record.site)).bind(4, std::string_view(record.key));
    if (!record.body.empty()) statement.bind(5, base::ByteView(record.body));
    LANDER_TRY(statement.run());
  }
  return {};
}

base::Status State::commit(const Batch& batch, base::TimeUs now) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_TRY(put(batch.records));
  if (!batch.items.empty()) {
    LANDER_ASSIGN(auto advance, database_.prepare("INSERT INTO lane VALUES(?,?,?,1) ON CONFLICT DO "
                                                  "UPDATE SET last=last+1 RETURNING last"));
    LANDER_ASSIGN(auto add, database_.prepare("INSERT INTO item VALUES(?,?,?,?,?,?,?)"));
    for (const NewItem& item : batch.items) {
      const auto lane = static_cast<std::int64_t>(item.lane);
      advance.bind(1, std::string_view(item.to.tenant))
          .bind(2, std::string_view(item.to.site))
          .bind(3, lane);
      LANDER_ASSIGN(const bool row, advance.step());
      LANDER_CHECK(row);
      const std::int64_t number = advance.integer(0);
      LANDER_TRY(advance.run());
      add.bind(1, std::string_view(item.to.tenant))
          .bind(2, std::string_view(item.to.site))
          .bind(3, lane)
          .bind(4, number);
      add.bind(5, std::string_view(item.type))
          .bind(6, static_cast<std::int64_t>(now))
          .bind(7, base::ByteView(item.body));
      LANDER_TRY(add.run());
    }
  }
  return transaction.commit();
}

base::Status State::load(std::string_view kind,
                         const std::function<base::Status(const Record&)>& visit,
                         const SiteKey* of) {
  LANDER_ASSIGN(auto read,
                database_.prepare(std::string("SELECT tenant,site,key,body FROM record WHERE "
                                              "kind=?") +
                                  (of != nullptr ? " AND tenant=? AND site=?" : "") +
                                  " ORDER BY tenant,site,key"));
  read.bind(1, kind);
  if (of != nullptr) read.bind(2, std::string_view(of->tenant)).bind(3, std::string_view(of->site));
  while (true) {
    LANDER_ASSIGN(const bool row, read.step());
    if (!row) return {};
    const auto body = read.bytes(3);
    const Record record{std::string(read.text(0)), std::string(kind), std::string(read.text(1)),
                        std::string(read.text(2)), base::Bytes(body.begin(), body.end())};
    if (auto visited = visit(record); !visited.ok()) {
      return visited.error().context("record " + record.kind + " " + record.tenant + "/" +
                                     record.site + "/" + record.key);
    }
  }
}

base::Result<std::vector<link::Item>> State::items(const SiteKey& site, std::uint8_t lane,
                                                   std::uint64_t after, std::size_t max_items,
                                                   std::size_t max_bytes) {
  LANDER_ASSIGN(auto read,
                database_.prepare("SELECT number,type,created,body FROM item WHERE tenant=? AND "
                                  "site=? AND lane=? AND number>? ORDER BY number LIMIT ?"));
  read.bind(1, std::string_view(site.tenant))
      .bind(2, std::string_view(site.site))
      .bind(3, static_cast<std::int64_t>(lane));
  read.bind(4, static_cast<std::int64_t>(after)).bind(5, static_cast<std::int64_t>(max_items));
  std::vector<link::Item> out;
  std::size_t bytes = 0;
  while (true) {
    LANDER_ASSIGN(const bool row, read.step());
    if (!row) return out;
    const auto body = read.bytes(3);
    bytes += body.size();
    if (bytes > max_bytes && !out.empty()) return out;
    out.push_back({lane, static_cast<std::uint64_t>(read.integer(0)), std::string(read.text(1)),
                   read.integer(2), base::Bytes(body.begin(), body.end())});
  }
}

base::Result<std::vector<link::Head>> State::heads(const SiteKey& site, std::uint8_t lane,
                                                   std::uint64_t after, std::size_t max) {
  LANDER_ASSIGN(auto read,
                database_.prepare("SELECT number,length(body),created FROM item WHERE tenant=? AND "
                                  "site=? AND lane=? AND number>? ORDER BY number LIMIT ?"));
  read.bind(1, std::string_view(site.tenant))
      .bind(2, std::string_view(site.site))
      .bind(3, static_cast<std::int64_t>(lane));
  read.bind(4, static_cast<std::int64_t>(after)).bind(5, static_cast<std::int64_t>(max));
  std::vector<link::Head> out;
  while (true) {
    LANDER_ASSIGN(const bool row, read.step());
    if (!row) return out;
    out.push_back({lane, static_cast<std::uint64_t>(read.integer(0)),
                   static_cast<std::size_t>(read.integer(1)), 1, read.integer(2)});
  }
}

base::Status State::renew_epoch(std::uint64_t new_epoch, const std::vector<Record>& records) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  // By way of negative numbers, so that no two rows meet on the way.
  LANDER_TRY(database_.execute(
      "UPDATE item SET number=-r.place FROM (SELECT tenant AS t, site AS s, lane AS l, number AS n,"
      " row_number() OVER (PARTITION BY tenant,site,lane ORDER BY number) AS place FROM item) r"
      " WHERE r.t=item.tenant AND r.s=item.site AND r.l=item.lane AND r.n=item.number;"
      "UPDATE item SET number=-number;"
      "UPDATE lane SET last=(SELECT count(*) FROM item i WHERE i.tenant=lane.tenant AND"
      " i.site=lane.site AND i.lane=lane.lane)"));
  LANDER_ASSIGN(auto set, database_.prepare("UPDATE meta SET value=? WHERE key='epoch'"));
  LANDER_TRY(set.bind(1, static_cast<std::int64_t>(new_epoch >> 1)).run());
  LANDER_TRY(put(records));
  LANDER_TRY(transaction.commit());
  epoch_ = new_epoch >> 1;
  return {};
}

base::Status State::forget_items(const SiteKey& site, std::uint8_t lane, std::uint64_t through) {
  LANDER_ASSIGN(
      auto forget,
      database_.prepare("DELETE FROM item WHERE tenant=? AND site=? AND lane=? AND number<=?"));
  forget.bind(1, std::string_view(site.tenant))
      .bind(2, std::string_view(site.site))
      .bind(3, static_cast<std::int64_t>(lane));
  forget.bind(4, static_cast<std::int64_t>(through));
  return forget.run();
}

base::Result<std::vector<State::Lane>> State::lanes() {
  LANDER_ASSIGN(auto read, database_.prepare("SELECT tenant,site,lane,last FROM lane"));
  std::vector<Lane> out;
  while (true) {
    LANDER_ASSIGN(const bool row, read.step());
    if (!row) return out;
    out.push_back({{std::string(read.text(0)), std::string(read.text(1))},
                   static_cast<std::uint8_t>(read.integer(2)),
                   static_cast<std::uint64_t>(read.integer(3))});
  }
}

}  // namespace lander::hub
