// The store's background work, a bounded step at a time.
#include <algorithm>

#include "os/log.h"
#include "store/compact.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

// Not noted yet: damage, which is met again, and beyond that what was refused, which is not.
constexpr std::size_t kMaxFound = 256;
constexpr std::size_t kMaxRefused = 256;

}  // namespace

Result<std::uint64_t> SqliteStore::room(Connection& connection) const {
  LANDER_ASSIGN(const std::uint64_t free, options_.free_bytes());
  // What compaction and thinning freed within the file is used before the file grows.
  LANDER_ASSIGN(const std::int64_t pages, pragma(connection, "PRAGMA freelist_count"));
  const std::uint64_t within = static_cast<std::uint64_t>(pages) * kPageBytes;
  // What stands in the log only will make the file grow: without room for that, no checkpoint could
  // ever end, and the log would fill what is kept for alerts.
  LANDER_ASSIGN(const std::int64_t all, pragma(connection, "PRAGMA page_count"));
  const auto file = files().size(options_.path);
  const std::uint64_t wanted = static_cast<std::uint64_t>(all) * kPageBytes;
  const std::uint64_t growth = file.ok() && wanted > *file ? wanted - *file : 0;
  return free + within > growth ? free + within - growth : 0;
}

void SqliteStore::note_refused(const Batch& batch, const base::Error& error) {
  if (batch.observations.empty()) return;
  const bool full = error.code() == Code::kExhausted;
  if (!full && error.code() != Code::kIo) return;
  const base::TimeUs now = utc_now().time;
  if (!refused_) {
    refused_ = Incident{full ? Incident::Kind::kDiskFull : Incident::Kind::kDiskFailed,
                        0,
                        now,
                        {},
                        now,
                        now,
                        0,
                        error.message()};
  }
  refused_->to = now;
  refused_->observations += batch.observations.size();
}

void SqliteStore::note_accepted(const Batch& batch) {
  if (!refused_ || batch.observations.empty()) return;
  refused_->to = std::max(refused_->to, utc_now().time);
  const std::lock_guard lock(state_);
  if (found_.size() >= kMaxFound + kMaxRefused) return;  // kept: told with the next ones, as one
  found_.push_back(std::move(*refused_));
  refused_.reset();
}

void SqliteStore::found_damage(const Lost& lost, const sensing::ClockBook& book,
                               const base::Error& error) const {
  const std::lock_guard lock(state_);
  if (found_.size() >= kMaxFound || !places_.emplace(lost.place, lost.observations).second) return;
  stats_.damaged += lost.observations;
  const Series* known = find(lost.series);
  found_.push_back({Incident::Kind::kDamaged, 0, 0, known ? known->datastream.id : std::string(),
                    to_utc(book, lost.segment, lost.first).time,
                    to_utc(book, lost.segment, lost.last).time, lost.observations,
                    lost.place + ": " + error.message()});
  if (snapshot_) return;  // who reads it is told, and nobody can note it
  os::log_error("store", "observations are lost: their bytes do not verify",
                {{"place", found_.back().detail},
                 {"datastream", found_.back().datastream},
                 {"observations", lost.observations}});
}

Result<bool> SqliteStore::note_incidents() {
  std::vector<Incident> found;
  {
    const std::lock_guard lock(state_);
    if (found_.empty()) return false;
    found = found_;
  }
  const base::TimeUs now = utc_now().time;
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const Incident& incident : found) {
    if (incident.kind == Incident::Kind::kDamaged) {
      const std::string place = incident.detail.substr(0, incident.detail.find(':'));
      LANDER_ASSIGN(
          Query query,
          writer_->query("INSERT OR IGNORE INTO damaged(place,observations) VALUES(?,?)"));
      query->bind(1, std::string_view(place));
      query->bind(2, static_cast<std::int64_t>(incident.observations));
      LANDER_TRY(query->run());
    }
    LANDER_TRY(write_incident(incident, now));
  }
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  found_.erase(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(found.size()));
  return true;
}

Status SqliteStore::write_incident(const Incident& incident, base::TimeUs now) {
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO incident(kind,time,datastream,t_first,t_last,"
                               "observations,detail) VALUES(?,?,?,?,?,?,?)"));
  query->bind(1, static_cast<std::int64_t>(incident.kind)).bind(2, now);
  query->bind(3, std::string_view(incident.datastream)).bind(4, incident.from);
  query->bind(5, incident.to).bind(6, static_cast<std::int64_t>(incident.observations));
  query->bind(7, std::string_view(incident.detail));
  return query->run();
}

Result<std::vector<Incident>> SqliteStore::incidents(std::uint64_t after, std::size_t max) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query rows,
                connection->query("SELECT id,kind,time,datastream,t_first,t_last,observations,"
                                  "detail FROM incident WHERE id>? ORDER BY id"));
  rows->bind(1, static_cast<std::int64_t>(std::min<std::uint64_t>(after, INT64_MAX)));
  std::vector<Incident> out;
  while (out.size() < max) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    out.push_back({static_cast<Incident::Kind>(rows->integer(1)),
                   static_cast<std::uint64_t>(rows->integer(0)), rows->integer(2),
                   std::string(rows->text(3)), rows->integer(4), rows->integer(5),
                   static_cast<std::uint64_t>(rows->integer(6)), std::string(rows->text(7))});
  }
  return out;
}

// Moves the log into the database, here rather than in the midst of a commit.
Status SqliteStore::checkpoint() {
  if (!background_) return {};  // the only connection does it by itself
  if (writer_->database().log_pages() < options_.checkpoint_pages) return {};
  const std::lock_guard lock(background_->mutex());
  return background_->database().checkpoint();
}

Result<bool> SqliteStore::upkeep() {
  const std::lock_guard lock(upkeep_);
  LANDER_ASSIGN(bool more, note_incidents());
  LANDER_TRY(checkpoint());
  if (more) return true;
  for (const auto step : {&SqliteStore::forget_frames, &SqliteStore::drop_damaged,
                          &SqliteStore::drop_expired, &SqliteStore::drop_receipted,
                          &SqliteStore::thin, &SqliteStore::compact, &SqliteStore::drop_raw}) {
    LANDER_ASSIGN(more, (this->*step)());
    if (more) return true;
  }
  return forget_objects();
}

}  // namespace lander::store
