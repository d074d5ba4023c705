#include "lake/journal.h"

#include <algorithm>

#include "os/log.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken(
  tenant TEXT, site TEXT, epoch INTEGER, lane INTEGER, first INTEGER, last INTEGER NOT NULL,
  PRIMARY KEY(tenant, site, epoch, lane, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epoch(
  tenant TEXT, site TEXT, epoch INTEGER, PRIMARY KEY(tenant, site, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting(
  id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, site TEXT NOT NULL,
  type TEXT NOT NULL, epoch INTEGER NOT NULL, rows INTEGER NOT NULL, time_from INTEGER NOT NULL,
  time_to INTEGER NOT NULL, created INTEGER NOT NULL, received INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, batch INTEGER, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS waiting_batch ON waiting(tenant, batch);
CREATE INDEX IF NOT EXISTS waiting_site ON waiting(tenant, site, type);
CREATE TABLE IF NOT EXISTS batch(number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS parked(
  id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, site TEXT NOT NULL,
  epoch INTEGER NOT NULL, type TEXT NOT NULL, received INTEGER NOT NULL, reason TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS parked_site ON parked(tenant, site);
CREATE TABLE IF NOT EXISTS delta(
  tenant TEXT, name TEXT, version INTEGER NOT NULL, PRIMARY KEY(tenant, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS output(
  tenant TEXT, name TEXT, path TEXT, PRIMARY KEY(tenant, name, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS datastream(
  tenant TEXT, site TEXT, id TEXT, revision INTEGER, body BLOB NOT NULL,
  PRIMARY KEY(tenant, site, id, revision)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter(
  id INTEGER PRIMARY KEY CHECK(id = 1), ingested INTEGER, duplicates INTEGER, parked INTEGER,
  files INTEGER, bytes INTEGER, rows INTEGER);
)";
constexpr char kFormat[] = "lander-lake-journal-1";

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }
std::uint64_t unsigned_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }

std::string new_application(os::Random& random) {
  return "lander-ingest-" + base::to_hex(random.bytes(8));
}

constexpr char kWaitingColumns[] = "id, site, type, epoch, rows, created, received, tries, body";

Waiting read_waiting(const os::Statement& row) {
  Waiting out;
  out.id = row.integer(0);
  out.site = row.text(1);
  out.type = row.text(2);
  out.epoch = unsigned_of(row.integer(3));
  out.rows = unsigned_of(row.integer(4));
  out.created = row.integer(5);
  out.received = row.integer(6);
  out.tries = static_cast<int>(row.integer(7));
  const base::ByteView body = row.bytes(8);
  out.body.assign(body.begin(), body.end());
  return out;
}

}  // namespace

base::Result<std::unique_ptr<Journal>> Journal::open(const std::string& path,
                                                     const std::string& vfs, os::Random& random) {
  os::Database::Options options;
  options.vfs = vfs;
  LANDER_ASSIGN(os::Database database, os::Database::open(path, options));
  std::unique_ptr<Journal> journal(new Journal(std::move(database)));
  if (auto loaded = journal->load(random); !loaded.ok())
    return loaded.error().context("opening the lake's journal " + path);
  return journal;
}

base::Status Journal::load(os::Random& random) {
  LANDER_TRY(database_.execute(kSchema));
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto put, database_.prepare("INSERT OR IGNORE INTO meta VALUES(?1, ?2)"));
  LANDER_TRY(put.bind(1, std::string_view("format")).bind(2, std::string_view(kFormat)).run());
  const std::string fresh = new_application(random);
  LANDER_TRY(put.bind(1, std::string_view("application")).bind(2, std::string_view(fresh)).run());
  LANDER_TRY(database_.execute("INSERT OR IGNORE INTO counter VALUES(1, 0, 0, 0, 0, 0, 0)"));
  LANDER_ASSIGN(auto get, database_.prepare("SELECT name, value FROM meta"));
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) break;
    if (get.text(0) == "application") application_ = get.text(1);
    if (get.text(0) == "format" && get.text(1) != kFormat)
      return Error(Code::kUnsupported, "it is of format " + std::string(get.text(1)) +
                                           ", this version reads " + kFormat);
  }
  LANDER_ASSIGN(auto counter, database_.prepare("SELECT ingested, duplicates, parked, files, "
                                                "bytes, rows FROM counter WHERE id = 1"));
  LANDER_ASSIGN(const bool found, counter.step());
  if (!found) return Error(Code::kCorrupt, "its counters are missing");
  stats_ = {unsigned_of(counter.integer(0)), unsigned_of(counter.integer(1)),
            unsigned_of(counter.integer(2)), unsigned_of(counter.integer(3)),
            unsigned_of(counter.integer(4)), unsigned_of(counter.integer(5))};
  return transaction.commit();
}

base::Status Journal::save(const Lake::Stats& stats) {
  LANDER_ASSIGN(auto put,
                database_.prepare("UPDATE counter SET ingested = ?1, duplicates = ?2, "
                                  "parked = ?3, files = ?4, bytes = ?5, rows = ?6 WHERE id = 1"));
  put.bind(1, signed_of(stats.ingested)).bind(2, signed_of(stats.duplicates));
  put.bind(3, signed_of(stats.parked)).bind(4, signed_of(stats.files));
  put.bind(5, signed_of(stats.bytes)).bind(6, signed_of(stats.rows));
  return put.run();
}

base::Result<Journal::Taken> Journal::take(const Origin& origin, const std::vector<Judged>& items) {
  Lake::Stats stats = stats_;
  Taken out;
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_TRY(mark_epoch(origin));
  for (const Judged& judged : items) {
    LANDER_ASSIGN(const bool fresh, mark_taken(origin, judged.item->lane, judged.item->number));
    if (!fresh) {
      ++out.duplicates;
      continue;
    }
    ++out.taken;
    if (judged.refusal) {
      out.parked.push_back(&judged);
      LANDER_TRY(put_parked(origin, judged));
    } else {
      LANDER_TRY(put_waiting(origin, judged));
    }
  }
  if (!out.parked.empty()) LANDER_TRY(trim_parked(origin.tenant, origin.site));
  stats.ingested += out.taken;
  stats.duplicates += out.duplicates;
  stats.parked += out.parked.size();
  LANDER_TRY(save(stats));
  LANDER_TRY(transaction.commit());
  stats_ = stats;
  return out;
}

base::Result<bool> Journal::mark_taken(const Origin& origin, std::uint8_t lane,
                                       std::uint64_t number) {
  // The range that begins at or before the number, and the one that begins right after it.
  LANDER_ASSIGN(auto before,
                database_.prepare("SELECT first, last FROM taken WHERE tenant = ?1 AND site = ?2 "
                                  "AND epoch = ?3 AND lane = ?4 AND first <= ?5 + 1 "
                                  "ORDER BY first DESC LIMIT 2"));
  const auto bind = [&](os::Statement& statement) {
    statement.bind(1, std::string_view(origin.tenant)).bind(2, std::string_view(origin.site));
    statement.bind(3, signed_of(origin.epoch)).bind(4, std::int64_t{lane});
  };
  bind(before);
  before.bind(5, signed_of(number));
  std::int64_t first = signed_of(number), last = first;
  std::optional<std::int64_t> absorbed;  // the range after, which joins
  for (;;) {
    LANDER_ASSIGN(const bool row, before.step());
    if (!row) break;
    const std::int64_t begin = before.integer(0), end = before.integer(1);
    if (begin <= signed_of(number) && end >= signed_of(number)) return false;
    if (begin == signed_of(number) + 1) {
      absorbed = begin;
      last = end;
    } else if (end == signed_of(number) - 1) {
      first = begin;
    }
  }
  if (absorbed) {
    LANDER_ASSIGN(auto drop, database_.prepare("DELETE FROM taken WHERE tenant = ?1 AND site = ?2 "
                                               "AND epoch = ?3 AND lane = ?4 AND first = ?5"));
    bind(drop);
    LANDER_TRY(drop.bind(5, *absorbed).run());
  }
  LANDER_ASSIGN(auto put,
                database_.prepare("INSERT OR REPLACE INTO taken VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
  bind(put);
  LANDER_TRY(put.bind(5, first).bind(6, last).run());
  return true;
}

base::Status Journal::mark_epoch(const Origin& origin) {
  LANDER_ASSIGN(auto put, database_.prepare("INSERT OR IGNORE INTO epoch VALUES(?1, ?2, ?3)"));
  put.bind(1, std::string_view(origin.tenant)).bind(2, std::string_view(origin.site));
  LANDER_TRY(put.bind(3, signed_of(origin.epoch)).run());
  if (database_.changes() == 0) return {};
  link::Item item;
  item.type = "site";
  item.created = origin.received;
  return put_waiting(origin, Judged{.item = &item, .rows = 1});
}

base::Status Journal::put_waiting(const Origin& origin, const Judged& judged) {
  if (judged.datastream) {
    LANDER_ASSIGN(auto known, database_.prepare(
                                  "INSERT OR REPLACE INTO datastream VALUES(?1, ?2, ?3, ?4, ?5)"));
    known.bind(1, std::string_view(origin.tenant)).bind(2, std::string_view(origin.site));
    known.bind(3, std::string_view(judged.datastream->id));
    known.bind(4, std::int64_t{judged.datastream->revision});
    LANDER_TRY(known.bind(5, base::ByteView(judged.item->body)).run());
  }
  LANDER_ASSIGN(auto put,
                database_.prepare("INSERT INTO waiting(tenant, site, type, epoch, rows, time_from, "
                                  "time_to, created, received, body) "
                                  "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"));
  put.bind(1, std::string_view(origin.tenant)).bind(2, std::string_view(origin.site));
  put.bind(3, std::string_view(judged.item->type)).bind(4, signed_of(origin.epoch));
  put.bind(5, signed_of(judged.rows)).bind(6, judged.from).bind(7, judged.to);
  put.bind(8, judged.item->created).bind(9, origin.received);
  return put.bind(10, base::ByteView(judged.item->body)).run();
}

base::Status Journal::put_parked(const Origin& origin, const Judged& judged) {
  LANDER_ASSIGN(auto put,
                database_.prepare("INSERT INTO parked(tenant, site, epoch, type, received, reason, "
                                  "body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  put.bind(1, std::string_view(origin.tenant)).bind(2, std::string_view(origin.site));
  put.bind(3, signed_of(origin.epoch)).bind(4, std::string_view(judged.item->type));
  put.bind(5, origin.received).bind(6, std::string_view(*judged.refusal));
  return put.bind(7, base::ByteView(judged.item->body)).run();
}

base::Status Journal::trim_parked(std::string_view tenant, std::string_view site) {
  LANDER_ASSIGN(auto trim, database_.prepare(
                               "DELETE FROM parked WHERE tenant = ?1 AND site = ?2 AND id NOT IN "
                               "(SELECT id FROM parked WHERE tenant = ?1 AND site = ?2 "
                               "ORDER BY id DESC LIMIT ?3)"));
  trim.bind(1, tenant).bind(2, site).bind(3, std::int64_t{kMaxParkedBodies});
  return trim.run();
}

base::Result<std::vector<std::string>> Journal::tenants_waiting() {
  LANDER_ASSIGN(
      auto get,
      database_.prepare("SELECT DISTINCT tenant FROM waiting WHERE batch IS NULL ORDER BY 1"));
  std::vector<std::string> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    out.emplace_back(get.text(0));
  }
}

base::Result<std::vector<Waiting>> Journal::candidates(std::string_view tenant, std::int64_t after,
                                                       std::int64_t through, std::uint64_t max_rows,
                                                       std::uint64_t max_bytes) {
  LANDER_ASSIGN(auto get, database_.prepare(std::string("SELECT ") + kWaitingColumns +
                                            " FROM waiting WHERE tenant = ?1 AND batch IS NULL "
                                            "AND id > ?2 AND id <= ?3 ORDER BY id"));
  get.bind(1, tenant).bind(2, after).bind(3, through);
  std::vector<Waiting> out;
  std::uint64_t rows = 0, bytes = 0;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    rows += unsigned_of(get.integer(4));
    bytes += get.bytes(8).size();
    if (!out.empty() && (rows > max_rows || bytes > max_bytes)) return out;
    out.push_back(read_waiting(get));
  }
}

base::Status Journal::wait_longer(const std::vector<std::int64_t>& ids) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto put, database_.prepare("UPDATE waiting SET tries = tries + 1 WHERE id = ?1"));
  for (const std::int64_t id : ids) LANDER_TRY(put.bind(1, id).run());
  return transaction.commit();
}

base::Status Journal::park(std::string_view tenant, std::int64_t id, std::string_view reason) {
  Lake::Stats stats = stats_;
  ++stats.parked;
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto put,
                database_.prepare("INSERT INTO parked(tenant, site, epoch, type, received, reason, "
                                  "body) SELECT tenant, site, epoch, type, received, ?3, body "
                                  "FROM waiting WHERE tenant = ?1 AND id = ?2"));
  LANDER_TRY(put.bind(1, tenant).bind(2, id).bind(3, reason).run());
  LANDER_ASSIGN(auto drop, database_.prepare("DELETE FROM waiting WHERE id = ?1"));
  LANDER_TRY(drop.bind(1, id).run());
  LANDER_TRY(save(stats));
  LANDER_TRY(transaction.commit());
  stats_ = stats;
  return {};
}

base::Result<Journal::Batch> Journal::begin_batch(std::string_view tenant,
                                                  const std::vector<std::int64_t>& ids) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto put, database_.prepare("INSERT INTO batch(tenant) VALUES(?1)"));
  LANDER_TRY(put.bind(1, tenant).run());
  const Batch batch{database_.last_insert_rowid(), std::string(tenant)};
  LANDER_ASSIGN(auto mark, database_.prepare("UPDATE waiting SET batch = ?1 WHERE id = ?2"));
  for (const std::int64_t id : ids) LANDER_TRY(mark.bind(1, batch.number).bind(2, id).run());
  LANDER_TRY(transaction.commit());
  return batch;
}

base::Result<std::vector<Journal::Batch>> Journal::unfinished() {
  LANDER_ASSIGN(auto get, database_.prepare("SELECT number, tenant FROM batch ORDER BY number"));
  std::vector<Batch> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    out.push_back({get.integer(0), std::string(get.text(1))});
  }
}

base::Result<std::vector<Waiting>> Journal::bodies(const Batch& batch) {
  LANDER_ASSIGN(auto get,
                database_.prepare(std::string("SELECT ") + kWaitingColumns +
                                  " FROM waiting WHERE tenant = ?1 AND batch = ?2 ORDER BY id"));
  get.bind(1, std::string_view(batch.tenant)).bind(2, batch.number);
  std::vector<Waiting> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    out.push_back(read_waiting(get));
  }
}

base::Status Journal::finish(const Batch& batch, const std::vector<Written>& written) {
  Lake::Stats stats = stats_;
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto drop,
                database_.prepare("DELETE FROM waiting WHERE tenant = ?1 AND batch = ?2"));
  LANDER_TRY(drop.bind(1, std::string_view(batch.tenant)).bind(2, batch.number).run());
  LANDER_ASSIGN(auto done, database_.prepare("DELETE FROM batch WHERE number = ?1"));
  LANDER_TRY(done.bind(1, batch.number).run());
  for (const Written& table : written) {
    stats.rows += table.rows;
    stats.files += table.files;
    stats.bytes += table.bytes;
    LANDER_TRY(put_version(batch.tenant, table.table, table.version));
  }
  LANDER_TRY(save(stats));
  LANDER_TRY(transaction.commit());
  stats_ = stats;
  return {};
}

}  // namespace lander::lake
