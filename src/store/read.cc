#include <algorithm>
#include <queue>

#include "store/reading.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

// Samples of one series whose UTC differs from their claim by just `offset`, ascending.
class Pass {
 public:
  Pass(BlockScan scan, const sensing::ClockBook& book, SeriesKey key, base::TimeUs from,
       base::TimeUs to, base::DurationUs offset)
      : scan_(std::move(scan)), book_(book), key_(key), from_(from), to_(to), offset_(offset) {}

  // Decodes blocks until no later one can hold an earlier sample.
  Status fill() {
    while (scan_.ready() &&
           (waiting_.empty() || scan_.first() <= minus(top().observation.time, offset_))) {
      LANDER_ASSIGN(const StoredBlock stored, scan_.take());
      add(stored);
    }
    return {};
  }
  bool empty() const { return waiting_.empty(); }
  const Sample& top() const { return waiting_.top().sample; }
  void pop() { waiting_.pop(); }

 private:
  struct Waiting {
    Sample sample;
    std::uint64_t order;
    bool operator<(const Waiting& other) const {  // of a max-heap: the earliest on top
      if (sample.observation.time != other.sample.observation.time) {
        return sample.observation.time > other.sample.observation.time;
      }
      return order > other.order;
    }
  };

  void add(const StoredBlock& stored) {
    const sensing::Block& block = stored.block;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const base::TimeUs claimed = block.times[i];
      if (claimed < from_ || claimed >= to_) continue;
      const auto utc = to_utc(book_, place(book_, stored.stamp, claimed), claimed);
      if (minus(utc.time, claimed) != offset_) continue;
      waiting_.push(
          {{{key_, block.qualities[i], utc.time, 0, value_at(block, i)}, utc.error}, added_++});
    }
  }

  BlockScan scan_;
  const sensing::ClockBook& book_;
  SeriesKey key_;
  base::TimeUs from_, to_;
  base::DurationUs offset_;
  std::priority_queue<Waiting> waiting_;
  std::uint64_t added_ = 0;
};

std::optional<Latest> newest_of(const StoredBlock& stored, SeriesKey key, const Extent& extent,
                                const sensing::ClockBook& book) {
  const sensing::Block& block = stored.block;
  for (std::size_t i = block.size(); i-- > 0 && block.times[i] >= extent.last;) {
    if (block.times[i] != extent.last) continue;
    if (place(book, stored.stamp, extent.last) != extent.segment) continue;
    return Latest{extent.segment, {key, block.qualities[i], block.times[i], 0, value_at(block, i)}};
  }
  return std::nullopt;
}

}  // namespace

Result<StoredBlock> stored_block(const os::Statement& row) {
  StoredBlock out;
  out.id = row.integer(0);
  auto block = sensing::decode_block(row.bytes(1));
  if (!block.ok()) return block.error().context("stored block " + std::to_string(out.id));
  out.block = std::move(*block);
  out.stamp.monotonic = row.integer(2);
  out.stamp.boot = row.text(3);
  return out;
}

sensing::Value value_at(const sensing::Block& block, std::size_t at) {
  switch (block.kind) {
    case sensing::Kind::kNumber:
      return block.numbers[at];
    case sensing::Kind::kInteger:
      return block.integers[at];
    case sensing::Kind::kBoolean:
      return bool{block.booleans[at]};
    case sensing::Kind::kText:
      return block.texts[at];
  }
  return 0.0;
}

void count_block(const StoredBlock& stored, const sensing::ClockBook& book,
                 std::vector<OpenMinute>& minutes, std::vector<Extent>& extents) {
  const sensing::Block& block = stored.block;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const base::TimeUs time = block.times[i];
    const Segment segment = place(book, stored.stamp, time);
    minute_of(minutes, segment, time)
        .add(sensing::as_number(value_at(block, i)), block.qualities[i]);
    Extent& extent = extent_of(extents, segment, time);
    extent.first = std::min(extent.first, time);
    extent.last = std::max(extent.last, time);
    ++extent.count;
    extent.changed = true;
  }
}

Result<std::unique_ptr<SqliteStore::Reading>> SqliteStore::Reading::begin(const SqliteStore& store,
                                                                          SeriesKey key) {
  std::unique_ptr<Reading> out(new Reading(store));
  const std::lock_guard visible(store.visible_);
  LANDER_TRY(out->connection_->database().execute("BEGIN"));
  out->began_ = true;
  {
    LANDER_ASSIGN(Query pin, out->connection_->query("SELECT 1 FROM meta LIMIT 1"));
    LANDER_ASSIGN([[maybe_unused]] const bool row, pin->step());
  }
  const std::lock_guard lock(store.state_);
  const Series* series = store.find(key);
  if (series == nullptr) {
    return Error(Code::kNotFound, "no series " + std::to_string(key) + " in the store");
  }
  out->book_ = store.book_;
  out->extents_ = series->extents;
  out->open_ = series->open;
  return out;
}

SqliteStore::Reading::~Reading() {
  // Ends a transaction that only read: whatever it answers, nothing was to be kept.
  if (began_) [[maybe_unused]]
    const Status status = connection_->database().execute("ROLLBACK");
}

Result<BlockScan> BlockScan::begin(Connection& connection, SeriesKey key, base::TimeUs from,
                                   base::TimeUs to) {
  LANDER_ASSIGN(os::Statement statement,
                connection.database().prepare(
                    "SELECT b.id,b.data,c.monotonic,o.name,b.t_first FROM block b"
                    " JOIN commits c ON c.id=b.commit_id JOIN boot o ON o.id=c.boot"
                    " WHERE b.series=? AND b.t_first>=? AND b.t_first<? AND b.t_last>=?"
                    " ORDER BY b.t_first,b.t_last,b.id"));
  statement.bind(1, std::int64_t{key})
      .bind(2, minus(from, kMaxBlockSpan))
      .bind(3, to)
      .bind(4, from);
  BlockScan out(std::move(statement));
  LANDER_TRY(out.next());
  return out;
}

Status BlockScan::next() {
  LANDER_ASSIGN(ready_, statement_.step());
  return {};
}

Result<StoredBlock> BlockScan::take() {
  LANDER_ASSIGN(StoredBlock out, stored_block(statement_));
  LANDER_TRY(next());
  return out;
}

Status SqliteStore::read(SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
                         const std::function<bool(const Sample&)>& visit) const {
  LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, key));
  std::vector<Pass> passes;
  for (const base::DurationUs offset : offsets_of(reading->book(), reading->extents(), from, to)) {
    // A box that rebooted a thousand times has as many offsets, each of a short stretch.
    const auto span = span_of(reading->book(), reading->extents(), offset);
    const base::TimeUs first = std::max(minus(from, offset), span.first);
    const base::TimeUs end = std::min(minus(to, offset), span.second);
    LANDER_ASSIGN(BlockScan scan, BlockScan::begin(reading->connection(), key, first, end));
    passes.emplace_back(std::move(scan), reading->book(), key, first, end, offset);
  }
  for (std::size_t visited = 0; visited < limit; ++visited) {
    Pass* next = nullptr;
    for (Pass& pass : passes) {
      LANDER_TRY(pass.fill());
      if (pass.empty()) continue;
      if (next == nullptr || pass.top().observation.time < next->top().observation.time) {
        next = &pass;
      }
    }
    if (next == nullptr || !visit(next->top())) return {};
    next->pop();
  }
  return {};
}

Result<std::optional<Sample>> SqliteStore::latest(SeriesKey key) const {
  const auto sample = [](const Latest& latest, const sensing::ClockBook& book) {
    Sample out{latest.observation, 0};
    const auto utc = to_utc(book, latest.segment, latest.observation.time);
    out.observation.time = utc.time;
    out.time_error = utc.error;
    return std::optional<Sample>(std::move(out));
  };
  {
    const std::lock_guard lock(state_);
    const Series* series = find(key);
    if (series != nullptr && series->latest) return sample(*series->latest, *book_);
  }
  LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, key));
  const Extent* best = newest_extent(reading->book(), reading->extents());
  if (best == nullptr) return std::optional<Sample>();
  LANDER_ASSIGN(BlockScan scan,
                BlockScan::begin(reading->connection(), key, best->last, plus(best->last, 1)));
  std::optional<Latest> found;
  while (scan.ready()) {
    LANDER_ASSIGN(const StoredBlock stored, scan.take());
    if (auto latest = newest_of(stored, key, *best, reading->book())) found = std::move(latest);
  }
  if (!found) return std::optional<Sample>();
  const std::lock_guard lock(state_);
  Series* series = find(key);
  const Extent* now = newest_extent(*book_, series->extents);
  if (now->segment == best->segment && now->last == best->last) series->latest = found;
  return sample(*found, reading->book());
}

}  // namespace lander::store
