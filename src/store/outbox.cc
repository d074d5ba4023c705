// Items that wait to leave: numbered by lane without gaps, never twice.
#include <algorithm>

#include "os/log.h"
#include "store/schema.h"
#include "store/sqlite_store.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using sensing::SeriesBlock;

constexpr std::size_t kRawItemBytes = 512 << 10;
constexpr std::size_t kBlockOverhead = 96;  // id, revision, offsets: an upper bound

// The samples of a block with one and the same difference to UTC; blocks of one difference, which
// are nearly all, keep their bytes.
std::vector<SeriesBlock> placed(const StoredBlock& stored, base::ByteView bytes,
                                const sensing::Datastream& datastream,
                                const sensing::ClockBook& book) {
  struct Part {
    base::DurationUs offset, error;
    std::vector<std::size_t> at;
  };
  std::vector<Part> parts;
  for (std::size_t i = 0; i < stored.block.size(); ++i) {
    const base::TimeUs claimed = stored.block.times[i];
    const auto utc = to_utc(book, place(book, stored.stamp, claimed), claimed);
    const base::DurationUs offset = minus(utc.time, claimed);
    auto part =
        std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.offset == offset; });
    if (part == parts.end()) part = parts.insert(part, {offset, 0, {}});
    part->error = std::max(part->error, utc.error);
    part->at.push_back(i);
  }
  std::vector<SeriesBlock> out;
  for (const Part& part : parts) {
    SeriesBlock block{datastream.id, datastream.revision, part.offset, part.error, {}};
    block.block = parts.size() == 1 ? base::Bytes(bytes.begin(), bytes.end())
                                    : sensing::encode(selected(stored.block, part.at));
    out.push_back(std::move(block));
  }
  return out;
}

}  // namespace

sensing::Block selected(const sensing::Block& block, const std::vector<std::size_t>& at) {
  sensing::Block out;
  out.kind = block.kind;
  for (const std::size_t i : at) {
    out.times.push_back(block.times[i]);
    out.qualities.push_back(block.qualities[i]);
    switch (block.kind) {
      case sensing::Kind::kNumber:
        out.numbers.push_back(block.numbers[i]);
        break;
      case sensing::Kind::kInteger:
        out.integers.push_back(block.integers[i]);
        break;
      case sensing::Kind::kBoolean:
        out.booleans.push_back(block.booleans[i]);
        break;
      case sensing::Kind::kText:
        out.texts.push_back(block.texts[i]);
        break;
    }
  }
  return out;
}

Result<std::uint64_t> SqliteStore::number_item(Lane lane) {
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO lane VALUES(?,1) ON CONFLICT DO UPDATE SET last=last+1"
                               " RETURNING last"));
  query->bind(1, std::int64_t{lane});
  LANDER_ASSIGN(const bool row, query->step());
  LANDER_CHECK(row);
  const auto number = static_cast<std::uint64_t>(query->integer(0));
  LANDER_TRY(query->run());
  return number;
}

Status SqliteStore::write_item(Lane lane, std::uint64_t number, std::string_view type,
                               base::TimeUs created, const base::Bytes* body,
                               std::int64_t first_block, std::int64_t last_block) {
  LANDER_ASSIGN(Query query, writer_->query("INSERT INTO item VALUES(?,?,?,?,?,?,?)"));
  query->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(number)).bind(3, type);
  query->bind(4, created);
  if (body != nullptr) {
    query->bind(5, base::ByteView(*body)).bind_null(6).bind_null(7);
  } else {
    query->bind_null(5).bind(6, first_block).bind(7, last_block);
  }
  return query->run();
}

Status SqliteStore::write_items(const Batch& batch, base::TimeUs created, std::int64_t first_block,
                                Prepared& prepared) {
  for (const NewItem& item : batch.items) {
    LANDER_ASSIGN(const std::uint64_t number, number_item(item.lane));
    LANDER_TRY(write_item(item.lane, number, item.type, created, &item.body, 0, 0));
    prepared.result.item_numbers.push_back(number);
  }
  if (!batch.raw_lane) return {};
  for (std::size_t from = 0; from < prepared.raw.size();) {
    std::size_t bytes = 0, end = from;
    for (; end < prepared.raw.size(); ++end) {
      bytes += prepared.raw[end].data.size() + kBlockOverhead;
      if (bytes > kRawItemBytes && end > from) break;
    }
    LANDER_ASSIGN(const std::uint64_t number, number_item(*batch.raw_lane));
    LANDER_TRY(write_item(*batch.raw_lane, number, "blocks", created, nullptr,
                          first_block + static_cast<std::int64_t>(from),
                          first_block + static_cast<std::int64_t>(end) - 1));
    from = end;
  }
  return {};
}

Result<base::Bytes> SqliteStore::blocks_body(Connection& connection, std::int64_t first,
                                             std::int64_t last) const {
  const Book book = this->book();
  std::vector<SeriesBlock> out;
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT b.id,b.data,c.monotonic,o.name,b.series FROM block b"
                                 " JOIN commits c ON c.id=b.commit_id JOIN boot o ON o.id=c.boot"
                                 " WHERE b.id BETWEEN ? AND ? ORDER BY b.id"));
  rows->bind(1, first).bind(2, last);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return sensing::encode_blocks(out);
    const auto datastream = this->datastream(static_cast<SeriesKey>(rows->integer(4)));
    // The policy as it is now: what was forbidden since then stays here.
    if (!datastream || !may_leave(datastream->id)) continue;
    auto stored = stored_block(*rows);
    if (!stored.ok()) {
      os::log_error("store", "a block cannot leave", {{"error", stored.error().message()}});
      continue;
    }
    for (SeriesBlock& block : placed(*stored, rows->bytes(1), *datastream, *book)) {
      out.push_back(std::move(block));
    }
  }
}

bool SqliteStore::may_leave(std::string_view datastream) const {
  const std::lock_guard lock(state_);
  const auto keys = by_id_.find(datastream);
  return keys != by_id_.end() &&
         find(keys->second.back())->datastream.policy.uplink == sensing::Uplink::kRaw;
}

Result<std::vector<Item>> SqliteStore::items(Lane lane, std::uint64_t after, std::size_t max_items,
                                             std::size_t max_bytes) const {
  const std::lock_guard reading(reader().mutex());
  LANDER_ASSIGN(Query rows,
                reader().query("SELECT number,type,created,body,block_first,block_last FROM item"
                               " WHERE lane=? AND number>? ORDER BY number"));
  rows->bind(1, std::int64_t{lane});
  rows->bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(after, INT64_MAX)));
  std::vector<Item> out;
  while (out.size() < max_items) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    Item item{lane,
              static_cast<std::uint64_t>(rows->integer(0)),
              std::string(rows->text(1)),
              rows->integer(2),
              {}};
    if (rows->is_null(3)) {
      LANDER_ASSIGN(item.body, blocks_body(reader(), rows->integer(4), rows->integer(5)));
    } else {
      const base::ByteView body = rows->bytes(3);
      if (body.size() > max_bytes) break;
      item.body.assign(body.begin(), body.end());
    }
    if (item.body.size() > max_bytes) break;
    max_bytes -= item.body.size();
    out.push_back(std::move(item));
  }
  return out;
}

Status SqliteStore::forget_items(Lane lane, std::uint64_t through) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(Query query, writer_->query("DELETE FROM item WHERE lane=? AND number<=?"));
  query->bind(1, std::int64_t{lane});
  query->bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(through, INT64_MAX)));
  return query->run();
}

Result<std::vector<Store::LaneState>> SqliteStore::lanes() const {
  const std::lock_guard reading(reader().mutex());
  LANDER_ASSIGN(
      Query rows,
      reader().query("SELECT lane,last,(SELECT min(number) FROM item i WHERE"
                     " i.lane=lane.lane),(SELECT created FROM item i WHERE"
                     " i.lane=lane.lane ORDER BY number LIMIT 1) FROM lane ORDER BY lane"));
  std::vector<LaneState> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return out;
    LaneState state{static_cast<Lane>(rows->integer(0)),
                    static_cast<std::uint64_t>(rows->integer(1)), 0, rows->integer(3)};
    // Without gaps: those from the first that is there to the last that was given.
    if (!rows->is_null(2)) {
      state.waiting = state.last - static_cast<std::uint64_t>(rows->integer(2)) + 1;
    }
    out.push_back(state);
  }
}

std::uint64_t SqliteStore::epoch() const {
  const std::lock_guard lock(state_);
  return epoch_;
}

Status SqliteStore::renew_epoch() {
  const std::lock_guard writing(writer_->mutex());
  os::Random& random = options_.random != nullptr ? *options_.random : os::system_random();
  const std::uint64_t epoch = fresh_epoch(random);
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  // By way of negative numbers, so that no two rows meet on the way.
  LANDER_TRY(writer_->database().execute(
      "UPDATE item SET number=-r.place FROM (SELECT rowid AS id, row_number() OVER"
      " (PARTITION BY lane ORDER BY number) AS place FROM item) r WHERE r.id=item.rowid;"
      "UPDATE item SET number=-number;"
      "UPDATE lane SET last=(SELECT count(*) FROM item i WHERE i.lane=lane.lane)"));
  LANDER_TRY(set_meta(*writer_, "epoch", static_cast<std::int64_t>(epoch)));
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  epoch_ = epoch;
  return {};
}

}  // namespace lander::store
