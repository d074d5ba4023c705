#include "store/migrate.h"

#include <algorithm>
#include <map>

#include "base/cbor.h"
#include "os/log.h"
#include "sensing/chunk.h"
#include "store/compact.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using sensing::Observation;

struct OldCommit {
  std::int64_t id = 0, boot = 0, wall = 0;
  base::DurationUs monotonic = 0;
};

// The observations of one commit's blocks, by series.
using BySeries = std::map<SeriesKey, std::vector<Observation>>;

Status read_blocks(Connection& connection, std::int64_t commit, BySeries& out) {
  LANDER_ASSIGN(Query rows, connection.query("SELECT series,data,sequences,count FROM block WHERE"
                                             " commit_id=? ORDER BY id"));
  rows->bind(1, commit);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    auto block = sensing::decode_block(rows->bytes(1));
    if (!block.ok()) {
      os::log_error("store", "a block of an older release is lost: it does not verify",
                    {{"series", rows->integer(0)},
                     {"observations", rows->integer(3)},
                     {"error", block.error().message()}});
      continue;
    }
    std::vector<std::uint64_t> sequences(block->size());
    if (!rows->is_null(2)) {
      auto stored = decode_sequences(rows->bytes(2), block->size());
      if (stored.ok()) sequences = std::move(*stored);
    }
    const auto key = static_cast<SeriesKey>(rows->integer(0));
    auto& observations = out[key];
    for (std::size_t i = 0; i < block->size(); ++i) {
      observations.push_back(
          {key, block->qualities[i], block->times[i], sequences[i], value_at(*block, i)});
    }
  }
}

Status write_frame(Connection& connection, const OldCommit& commit, BySeries& series) {
  base::TimeUs first = INT64_MAX, last = INT64_MIN;
  std::size_t count = 0;
  for (auto& [key, observations] : series) {
    std::stable_sort(observations.begin(), observations.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    first = std::min(first, observations.front().time);
    last = std::max(last, observations.back().time);
    count += observations.size();
  }
  if (count == 0) return {};
  FrameWriter writer(first);
  for (const auto& [key, observations] : series) {
    std::vector<const Observation*> order;
    for (const Observation& observation : observations) order.push_back(&observation);
    writer.add(key, order);
  }
  const base::Bytes data = writer.finish();
  LANDER_ASSIGN(Query query,
                connection.query("INSERT INTO frame(id,boot,monotonic,wall,t_first,t_last,count,"
                                 "data) VALUES(?,?,?,?,?,?,?,?)"));
  query->bind(1, commit.id).bind(2, commit.boot).bind(3, commit.monotonic).bind(4, commit.wall);
  query->bind(5, first).bind(6, last).bind(7, static_cast<std::int64_t>(count));
  query->bind(8, base::ByteView(data));
  return query->run();
}

Result<std::vector<OldCommit>> commits(Connection& connection) {
  std::vector<OldCommit> out;
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT id,boot,wall,monotonic FROM commits ORDER BY id"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return out;
    out.push_back({rows->integer(0), rows->integer(1), rows->integer(2), rows->integer(3)});
  }
}

// The body of a raw item of the blocks that the item referred to.
Result<base::Bytes> raw_body(Connection& connection, const sensing::ClockBook& book,
                             std::int64_t first, std::int64_t last) {
  std::vector<RawPart> parts;
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT b.series,b.data,c.monotonic,o.name FROM block b"
                                 " JOIN commits c ON c.id=b.commit_id JOIN boot o ON o.id=c.boot"
                                 " WHERE b.id BETWEEN ? AND ? ORDER BY b.id"));
  rows->bind(1, first).bind(2, last);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    const auto block = sensing::decode_block(rows->bytes(1));
    if (!block.ok()) continue;  // told when the frames were made
    const Stamp stamp{std::string(rows->text(3)), rows->integer(2)};
    const Placer place(book, stamp);
    std::map<Segment, sensing::Block> by_segment;
    for (std::size_t at = 0; at < block->size(); ++at) {
      sensing::Block& into = by_segment[place(block->times[at])];
      into.kind = block->kind;
      append(into, *block, at);
    }
    for (const auto& [segment, samples] : by_segment) {
      parts.push_back(
          {static_cast<SeriesKey>(rows->integer(0)), segment, sensing::encode_chunk(samples)});
    }
  }
  return encode_raw(parts);
}

Result<sensing::ClockBook> read_book(Connection& connection) {
  std::vector<sensing::ClockSegment> segments;
  LANDER_ASSIGN(Query rows, connection.query("SELECT body FROM segment ORDER BY id"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return sensing::ClockBook(std::move(segments));
    LANDER_ASSIGN(segments.emplace_back(), sensing::decode_clock_segment(rows->bytes(0)));
  }
}

// Items that referred to blocks get bodies of their own.
Status move_items(Connection& connection, const sensing::ClockBook& book) {
  LANDER_TRY(connection.database().execute(
      "INSERT INTO item(lane,number,type,created,raw,body)"
      " SELECT lane,number,type,created,0,body FROM old_item WHERE body IS NOT NULL"));
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT i.lane,i.number,i.type,i.created,i.block_first,"
                                 "i.block_last FROM old_item i WHERE i.body IS NULL"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    LANDER_ASSIGN(const base::Bytes body,
                  raw_body(connection, book, rows->integer(4), rows->integer(5)));
    LANDER_ASSIGN(Query query, connection.query("INSERT INTO item(lane,number,type,created,raw,"
                                                "body) VALUES(?,?,?,?,1,?)"));
    query->bind(1, rows->integer(0)).bind(2, rows->integer(1)).bind(3, rows->text(2));
    query->bind(4, rows->integer(3)).bind(5, base::ByteView(body));
    LANDER_TRY(query->run());
  }
}

}  // namespace

Status migrate_from_1(Connection& connection) {
  os::log_info("store", "the database is of an older release: it is brought up to date", {});
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(connection.database()));
  LANDER_TRY(connection.database().execute(
      "ALTER TABLE item RENAME TO old_item; DROP TABLE rollup; DROP TABLE extent"));
  LANDER_TRY(create_tables(connection));
  LANDER_ASSIGN(const std::vector<OldCommit> all, commits(connection));
  for (const OldCommit& commit : all) {
    BySeries series;
    LANDER_TRY(read_blocks(connection, commit.id, series));
    LANDER_TRY(write_frame(connection, commit, series));
  }
  LANDER_ASSIGN(const sensing::ClockBook book, read_book(connection));
  LANDER_TRY(move_items(connection, book));
  // What its items held was offered, whether they still wait or are gone.
  LANDER_TRY(set_meta(connection, "offered_through", all.empty() ? 0 : all.back().id));
  LANDER_TRY(set_meta(connection, "offering", 1));
  LANDER_TRY(
      connection.database().execute("DROP TABLE old_item; DROP TABLE block; DROP TABLE commits;"
                                    "DELETE FROM meta WHERE name='rolled_through'"));
  return transaction.commit();
}

}  // namespace lander::store
