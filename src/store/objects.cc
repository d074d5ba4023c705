// Objects: files beside the database, named by the SHA-256 of their content. The table counts the
// observations that refer to each.
#include "crypto/crypto.h"
#include "sensing/value.h"
#include "store/reading.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::uint64_t kMaxObjectBytes = 256 << 20;
constexpr base::DurationUs kKeptUnused = base::kDay;
constexpr base::DurationUs kLookEvery = base::kHour;
constexpr std::size_t kForgetObjects = 16;

using Sha256 = std::array<std::uint8_t, 32>;

}  // namespace

os::Files& SqliteStore::files() const {
  return options_.files != nullptr ? *options_.files : os::system_files();
}

std::string SqliteStore::object_path(const Sha256& sha256) const {
  const std::string name = base::to_hex(sha256);
  return objects_folder_ + "/" + name.substr(0, 2) + "/" + name;
}

Result<sensing::Object> SqliteStore::put_object(base::ByteView content,
                                                std::string_view media_type) {
  if (content.size() > kMaxObjectBytes) {
    return Error(Code::kInvalid, "object of " + std::to_string(content.size()) +
                                     " bytes: expected at most " + std::to_string(kMaxObjectBytes));
  }
  sensing::Object out{crypto::sha256(content), content.size(), std::string(media_type)};
  LANDER_TRY(sensing::valid(sensing::Value(std::make_shared<const sensing::Object>(out))));
  const std::string path = object_path(out.sha256);
  const std::lock_guard putting(objects_);
  put_[out.sha256] = options_.clock->monotonic_us();
  bool known = false;
  {
    const std::lock_guard writing(writer_->mutex());
    LANDER_ASSIGN(known, refresh_object(out.sha256));
    if (known) {
      // A row whose file went, or was cut short, is made whole again.
      const auto size = files().size(path);
      if (size.ok() && *size == out.bytes) return out;
    }
    if (options_.free_bytes) {
      LANDER_ASSIGN(const std::uint64_t free, options_.free_bytes());
      if (free < options_.reserve_bytes + content.size()) {
        return Error(Code::kExhausted, "disk full: " + std::to_string(free) + " bytes are free");
      }
    }
  }
  // The file first: a row promises that it is there. A file without a row is written over or left.
  LANDER_TRY(files().make_folders(path.substr(0, path.rfind('/'))));
  LANDER_TRY(files().write_durably(path, content));
  if (known) return out;
  const std::lock_guard writing(writer_->mutex());
  {
    LANDER_ASSIGN(
        Query query,
        writer_->query("INSERT INTO object(sha256,bytes,media_type,uses,put) VALUES(?,?,?,0,?)"));
    query->bind(1, base::ByteView(out.sha256)).bind(2, static_cast<std::int64_t>(out.bytes));
    query->bind(3, std::string_view(out.media_type)).bind(4, utc_now().time);
    LANDER_TRY(query->run());
  }
  const std::lock_guard lock(state_);
  ++stats_.objects;
  stats_.object_bytes += out.bytes;
  return out;
}

// Its day begins anew; false: there is none.
Result<bool> SqliteStore::refresh_object(const Sha256& sha256) {
  LANDER_ASSIGN(Query query, writer_->query("UPDATE object SET put=? WHERE sha256=?"));
  query->bind(1, utc_now().time).bind(2, base::ByteView(sha256));
  LANDER_TRY(query->run());
  return writer_->database().changes() > 0;
}

Result<base::Bytes> SqliteStore::object(const Sha256& sha256) const {
  std::uint64_t bytes = 0;
  {
    const auto [connection, lock] = lend_reader();
    LANDER_ASSIGN(Query query, connection->query("SELECT bytes FROM object WHERE sha256=?"));
    query->bind(1, base::ByteView(sha256));
    LANDER_ASSIGN(const bool row, query->step());
    if (!row) return Error(Code::kNotFound, "no object " + base::to_hex(sha256));
    bytes = static_cast<std::uint64_t>(query->integer(0));
  }
  LANDER_ASSIGN(base::Bytes content, files().read(object_path(sha256), bytes));
  if (content.size() != bytes || crypto::sha256(content) != sha256) {
    const Error error(Code::kCorrupt, "its bytes are not those of its SHA-256");
    found_damage({.place = "object " + base::to_hex(sha256), .observations = 1}, *book(), error);
    return error.context("object " + base::to_hex(sha256));
  }
  return content;
}

// In the transaction of the commit whose observations refer to them.
Status SqliteStore::write_objects(const std::vector<Delta>& deltas) {
  for (const Delta& delta : deltas) {
    if (delta.series->datastream.kind != sensing::Kind::kObject) continue;
    for (const sensing::Observation* observation : delta.series->pending) {
      const auto& object = *std::get<std::shared_ptr<const sensing::Object>>(observation->value);
      LANDER_ASSIGN(Query query, writer_->query("UPDATE object SET uses=uses+1 WHERE sha256=?"));
      query->bind(1, base::ByteView(object.sha256));
      LANDER_TRY(query->run());
      if (writer_->database().changes() == 0) {
        return Error(Code::kInvalid, "observation of " + delta.series->datastream.id +
                                         " refers to object " + base::to_hex(object.sha256) +
                                         ", which was not put into the store");
      }
    }
  }
  return {};
}

Result<bool> SqliteStore::forget_objects() {
  const base::DurationUs monotonic = options_.clock->monotonic_us();
  if (monotonic < next_objects_) return false;
  const std::lock_guard putting(objects_);
  // Its observation may still come. The time of its row cannot tell: the clock may have been set
  // since.
  std::erase_if(put_, [&](const auto& put) { return monotonic - put.second > kKeptUnused; });
  const std::lock_guard writing(writer_->mutex());
  std::vector<std::pair<Sha256, std::uint64_t>> unused;
  {
    LANDER_ASSIGN(Query rows, writer_->query("SELECT sha256,bytes FROM object WHERE uses<=0 AND"
                                             " put<?"));
    rows->bind(1, utc_now().time - kKeptUnused);
    while (unused.size() < kForgetObjects) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      Sha256 sha256{};
      const base::ByteView bytes = rows->bytes(0);
      if (bytes.size() != sha256.size()) return Error(Code::kCorrupt, "an object's digest");
      std::copy(bytes.begin(), bytes.end(), sha256.begin());
      if (put_.count(sha256) != 0) continue;
      unused.emplace_back(sha256, static_cast<std::uint64_t>(rows->integer(1)));
    }
  }
  for (const auto& [sha256, bytes] : unused) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM object WHERE sha256=?"));
    query->bind(1, base::ByteView(sha256));
    LANDER_TRY(query->run());
    LANDER_TRY(files().remove(object_path(sha256)));
    const std::lock_guard lock(state_);
    --stats_.objects;
    stats_.object_bytes -= bytes;
  }
  if (unused.empty()) next_objects_ = monotonic + kLookEvery;
  return !unused.empty();
}

}  // namespace lander::store
