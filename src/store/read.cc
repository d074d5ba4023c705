#include <algorithm>

#include "sensing/chunk.h"
#include "sensing/value.h"
#include "store/feed.h"

namespace lander::store {
namespace {

using base::DurationUs;
using base::Result;
using base::Status;
using base::TimeUs;

constexpr int kLatestChunks = 8;  // that latest() looks into, where those after them do not verify

// All that may have samples in the order's range.
Result<std::vector<std::unique_ptr<Feed>>> feeds_of(const Order& order,
                                                    const std::vector<Extent>& extents,
                                                    const std::vector<TailFrame>& frames) {
  std::vector<std::unique_ptr<Feed>> out;
  for (const Extent& extent : extents) {
    for (const DurationUs offset : offsets_in(*order.book, extent.segment)) {
      const TimeUs first = std::max(minus(order.from, offset), extent.first);
      const TimeUs end = std::min(minus(order.to, offset), plus(extent.last, 1));
      if (first >= end) continue;
      LANDER_ASSIGN(out.emplace_back(), chunk_feed(order, extent.segment, offset, first, end));
    }
  }
  out.push_back(tail_feed(order, frames));
  return out;
}

Status give(std::vector<std::unique_ptr<Feed>>& feeds, std::size_t limit, const Visit& visit) {
  while (limit > 0) {
    Feed *first = nullptr, *second = nullptr;
    for (const auto& feed : feeds) {
      LANDER_TRY(feed->fill());
      if (feed->empty()) continue;
      if (first == nullptr || feed->head() < first->head()) {
        second = first;
        first = feed.get();
      } else if (second == nullptr || feed->head() < second->head()) {
        second = feed.get();
      }
    }
    if (first == nullptr) return {};
    if (!first->give(second == nullptr ? INT64_MAX : second->head(), limit, visit)) return {};
  }
  return {};
}

// Chunks that were set aside.
Status add_aside(Connection& connection, const sensing::ClockBook& book, SeriesKey key, TimeUs from,
                 TimeUs to, std::vector<Gap>& gaps) {
  LANDER_ASSIGN(Query rows, connection.query("SELECT segment,t_first,t_last,observations FROM"
                                             " damaged WHERE series=? AND data IS NOT NULL"));
  rows->bind(1, std::int64_t{key});
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const auto segment = static_cast<Segment>(rows->integer(0));
    const Gap gap{Gap::Why::kDamaged, to_utc(book, segment, rows->integer(1)).time,
                  to_utc(book, segment, rows->integer(2)).time,
                  static_cast<std::uint64_t>(rows->integer(3))};
    if (gap.to >= from && gap.from < to) gaps.push_back(gap);
  }
}

Status add_thinned(Connection& connection, const sensing::ClockBook& book, SeriesKey key,
                   TimeUs from, TimeUs to, std::vector<Gap>& gaps) {
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT segment,t_first,t_last,count,wiped FROM thinned"
                                 " WHERE series=? ORDER BY segment,t_first"));
  rows->bind(1, std::int64_t{key});
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const auto segment = static_cast<Segment>(rows->integer(0));
    const auto wiped = static_cast<std::uint64_t>(rows->integer(4));
    Gap gap{Gap::Why::kThinned, to_utc(book, segment, rows->integer(1)).time,
            to_utc(book, segment, rows->integer(2)).time,
            static_cast<std::uint64_t>(rows->integer(3)) - wiped};
    if (gap.to < from || gap.from >= to) continue;
    if (gap.observations > 0 || wiped == 0) gaps.push_back(gap);
    gap.why = Gap::Why::kWiped;
    gap.observations = wiped;
    if (wiped > 0) gaps.push_back(gap);
  }
}

}  // namespace

sensing::Value value_at(const sensing::Block& block, std::size_t at) {
  switch (block.kind) {
    case sensing::Kind::kNumber:
      return block.numbers[at];
    case sensing::Kind::kInteger:
      return block.integers[at];
    case sensing::Kind::kBoolean:
      return bool{block.booleans[at]};
    case sensing::Kind::kText:
      return block.strings[at];
    default:
      break;
  }
  auto value = sensing::from_bytes(block.kind, base::as_bytes(block.strings[at]));
  // What was admitted can be read; what another program wrote under a right checksum is shown as it
  // is.
  return value.ok() ? std::move(*value) : sensing::Value(block.strings[at]);
}

void append(sensing::Block& to, const sensing::Block& from, std::size_t at) {
  to.times.push_back(from.times[at]);
  to.qualities.push_back(from.qualities[at]);
  switch (from.kind) {
    case sensing::Kind::kNumber:
      to.numbers.push_back(from.numbers[at]);
      break;
    case sensing::Kind::kInteger:
      to.integers.push_back(from.integers[at]);
      break;
    case sensing::Kind::kBoolean:
      to.booleans.push_back(from.booleans[at]);
      break;
    default:
      to.strings.push_back(from.strings[at]);
  }
}

Result<std::vector<Gap>> SqliteStore::read(SeriesKey key, TimeUs from, TimeUs to, std::size_t limit,
                                           const Visit& visit) const {
  LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, key, from, to));
  std::vector<Gap> gaps;
  TimeUs reached = from;
  const Order order{
      &reading->connection(),
      &reading->book(),
      key,
      reading->kind(),
      from,
      to,
      [&](const Lost& lost, const base::Error& error) {
        gaps.push_back({Gap::Why::kDamaged, to_utc(reading->book(), lost.segment, lost.first).time,
                        to_utc(reading->book(), lost.segment, lost.last).time, lost.observations});
        found_damage(lost, reading->book(), error);
      }};
  LANDER_ASSIGN(auto feeds, feeds_of(order, reading->extents(), reading->frames()));
  std::size_t visited = 0;
  bool stopped = limit == 0;
  LANDER_TRY(give(feeds, limit, [&](const Sample& sample) {
    reached = sample.observation.time;
    stopped = !visit(sample) || ++visited == limit;
    return !stopped;
  }));
  LANDER_TRY(add_aside(reading->connection(), reading->book(), key, from, to, gaps));
  LANDER_TRY(add_thinned(reading->connection(), reading->book(), key, from, to, gaps));
  std::sort(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) { return a.from < b.from; });
  // A chunk that two offsets share was met twice.
  const auto same = [](const Gap& a, const Gap& b) {
    return a.why == Gap::Why::kDamaged && a.why == b.why && a.from == b.from && a.to == b.to;
  };
  gaps.erase(std::unique(gaps.begin(), gaps.end(), same), gaps.end());
  // What stands after the last one that was wanted is another read's concern.
  if (stopped) std::erase_if(gaps, [&](const Gap& gap) { return gap.from > reached; });
  return gaps;
}

// The end of the last chunk that ends before a time.
Result<std::optional<TimeUs>> SqliteStore::chunk_before(SeriesKey key, Segment segment,
                                                        TimeUs claimed) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query row, connection->query("SELECT t_last FROM chunk WHERE series=? AND segment=?"
                                             " AND t_last<? ORDER BY t_last DESC LIMIT 1"));
  row->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment}).bind(3, claimed);
  LANDER_ASSIGN(const bool found, row->step());
  return found ? std::optional<TimeUs>(row->integer(0)) : std::nullopt;
}

Result<std::optional<Sample>> SqliteStore::latest(SeriesKey key) const {
  const auto sample = [](const Latest& latest, const sensing::ClockBook& book) {
    Sample out{latest.observation, 0};
    const auto utc = to_utc(book, latest.segment, latest.observation.time);
    out.observation.time = utc.time;
    out.time_error = utc.error;
    return std::optional<Sample>(std::move(out));
  };
  Extent best;
  {
    const std::lock_guard lock(state_);
    const Series* series = find(key);
    if (series == nullptr) {
      return base::Error(base::Code::kNotFound,
                         "no series " + std::to_string(key) + " in the store");
    }
    if (series->latest) return sample(*series->latest, *book_);
    const Extent* newest = newest_extent(*book_, series->extents);
    if (newest == nullptr) return std::optional<Sample>();
    best = *newest;
  }
  const TimeUs utc = to_utc(*book(), best.segment, best.last).time;
  std::optional<Sample> found;
  const auto last_from = [&](TimeUs from) -> Status {
    LANDER_ASSIGN([[maybe_unused]] const auto gaps,
                  read(key, from, plus(utc, 1), SIZE_MAX, [&](const Sample& one) {
                    found = one;
                    return true;
                  }));
    return {};
  };
  LANDER_TRY(last_from(utc));
  if (!found) {
    // It does not verify. The one before it is not remembered: one that comes late may be newer.
    TimeUs end = best.last;
    for (int chunk = 0; chunk < kLatestChunks && !found; ++chunk) {
      LANDER_ASSIGN(const std::optional<TimeUs> before, chunk_before(key, best.segment, end));
      if (!before) break;
      end = *before;
      LANDER_TRY(last_from(to_utc(*book(), best.segment, end).time));
    }
    return found;
  }
  const std::lock_guard lock(state_);
  Series* series = find(key);
  const Extent* now = newest_extent(*book_, series->extents);
  // Still the newest: remembered.
  if (now->segment == best.segment && now->last == best.last && !series->latest) {
    series->latest = Latest{best.segment, found->observation};
    series->latest->observation.time = best.last;
  }
  return found;
}

}  // namespace lander::store
