// What check() says of frames, chunks and what counts them, of objects and of items.
#include "base/cbor.h"
#include "crypto/crypto.h"
#include "sensing/chunk.h"
#include "sensing/value.h"
#include "store/checker.h"
#include "store/dedup.h"
#include "store/reading.h"

namespace lander::store {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using base::TimeUs;

namespace {

constexpr std::uint64_t kMaxObjectBytes = 1u << 30;

Error corrupt(std::string what) { return {Code::kCorrupt, std::move(what)}; }

}  // namespace

// --- Frames ------------------------------------------------------------------------------------

Status Checker::frames() {
  LANDER_ASSIGN(Query rows, connection_->query("SELECT f.id,f.t_first,f.t_last,f.count,f.data,o.id"
                                               " FROM frame f LEFT JOIN boot o ON o.id=f.boot"
                                               " ORDER BY f.id"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    ++report_.frames;
    const std::string place = place_of_frame(rows->integer(0));
    const TimeSpan told{rows->integer(1), rows->integer(2)};
    const auto count = static_cast<std::uint64_t>(rows->integer(3));
    TimeSpan span{INT64_MAX, INT64_MIN};
    auto found = frame(rows->bytes(4), span);
    if (found.ok() && (*found != count || span.first != told.first || span.last != told.last)) {
      found = corrupt("its row tells of " + std::to_string(count) + " observations, it holds " +
                      std::to_string(*found) + ", or of other times");
    }
    if (found.ok() && rows->is_null(5)) found = corrupt("it is of no boot that is known");
    if (found.ok()) {
      report_.observations += *found;
    } else {
      find({place, {}, told.first, told.last, count, found.error().message()});
    }
    progress(rows->bytes(4).size());
  }
}

Result<std::uint64_t> Checker::frame(base::ByteView data, TimeSpan& span) {
  std::uint64_t count = 0;
  LANDER_ASSIGN(FrameReader reader, FrameReader::open(data));
  for (;;) {
    LANDER_ASSIGN(const bool more, reader.next());
    if (!more) return count;
    const auto known = series_.find(reader.series());
    if (known == series_.end()) {
      return corrupt("samples of series " + std::to_string(reader.series()) + ", which is unknown");
    }
    Samples samples;
    samples.block.kind = known->second.kind;
    LANDER_TRY(reader.append_to(known->second.kind, samples));
    LANDER_TRY(refer(samples.block));
    count += samples.size();
    if (samples.size() == 0) continue;
    span.first = std::min(span.first, samples.block.times.front());
    span.last = std::max(span.last, samples.block.times.back());
  }
}

// --- Chunks ------------------------------------------------------------------------------------

Status Checker::chunk(base::ByteView data, base::ByteView sequences, bool counted, SeriesKey key,
                      TimeSpan row, std::uint64_t count, sensing::Block& block) {
  LANDER_TRY(sensing::decode_chunk(data, block));
  if (block.size() != count || block.size() == 0) {
    return corrupt("its row tells of " + std::to_string(count) + " samples, it holds " +
                   std::to_string(block.size()));
  }
  if (const auto known = series_.find(key); known == series_.end()) {
    return corrupt("its series is unknown");
  } else if (known->second.kind != block.kind) {
    return corrupt("its samples are of kind " + std::string(sensing::to_string(block.kind)) +
                   ", its datastream's are " + std::string(sensing::to_string(known->second.kind)));
  }
  if (!std::is_sorted(block.times.begin(), block.times.end())) {
    return corrupt("its times do not ascend");
  }
  if (block.times.front() != row.first || block.times.back() != row.last) {
    return corrupt("its row tells of other times");
  }
  if (counted) {
    if (const auto decoded = decode_sequences(sequences, block.size()); !decoded.ok()) {
      return decoded.error();
    }
  }
  return refer(block);
}

Status Checker::chunks(SeriesKey key, Segment segment) {
  Hours hours;
  LANDER_ASSIGN(ChunkScan scan, ChunkScan::begin(*connection_, key, segment, INT64_MIN, INT64_MAX));
  sensing::Block block;
  TimeUs before = INT64_MIN;
  while (scan.ready()) {
    ++report_.chunks;
    const TimeSpan row{scan.first(), scan.last()};
    const auto sequences = scan.has_sequences() ? scan.sequences() : base::ByteView();
    const Status good =
        chunk(scan.data(), sequences, scan.has_sequences(), key, row, scan.count(), block);
    if (good.ok()) {
      for (const TimeUs time : block.times) ++hours.counts[floor_to(time, base::kHour)];
      report_.observations += block.size();
    } else if (good.error().code() == Code::kIo) {
      return good;
    } else {
      find(key, segment, row, scan.place(), scan.count(), good.error().message());
      hours.unsure.push_back(row);
    }
    if (row.first < before) {
      find(key, segment, row, scan.place(), 0, "it overlaps the one before it");
    }
    before = row.last;
    hours.told += scan.count();
    hours.span = {std::min(hours.span.first, row.first), std::max(hours.span.last, row.last)};
    progress(scan.data().size() + sequences.size());
    LANDER_TRY(scan.next());
  }
  LANDER_TRY(thinned(key, segment, hours));
  LANDER_TRY(rollups(key, segment, hours));
  return extent(key, segment, hours);
}

bool Checker::Hours::exact(TimeUs hour) const {
  return std::none_of(unsure.begin(), unsure.end(), [&](const TimeSpan& span) {
    return span.last >= hour && span.first < plus(hour, base::kHour);
  });
}

Status Checker::thinned(SeriesKey key, Segment segment, Hours& hours) {
  LANDER_ASSIGN(Query rows,
                connection_->query("SELECT t_first,t_last,count,wiped FROM thinned WHERE"
                                   " series=?"
                                   " AND segment=? ORDER BY t_first"));
  rows->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
  TimeUs before = INT64_MIN;
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const TimeSpan span{rows->integer(0), rows->integer(1)};
    if (span.first > span.last || span.first <= before) {
      find(key, segment, span, "thinned", 0,
           "what it tells was thinned overlaps the one before it");
    }
    if (rows->integer(3) < 0 || rows->integer(3) > rows->integer(2)) {
      find(key, segment, span, "thinned", 0, "it tells of more that was wiped than went");
    }
    before = span.last;
    hours.unsure.push_back(span);
  }
}

// An hour's row counts what chunks hold, or held before they were thinned; minutes count the same
// where they are complete.
Status Checker::rollups(SeriesKey key, Segment segment, const Hours& hours) {
  std::optional<TimeUs> complete;
  {
    LANDER_ASSIGN(Query row, connection_->query("SELECT minutes_from FROM extent WHERE series=? AND"
                                                " segment=?"));
    row->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
    LANDER_ASSIGN(const bool known, row->step());
    if (known && !row->is_null(0)) complete = row->integer(0);
  }
  std::map<TimeUs, std::uint64_t> told[2];  // by the start of the hour, of minutes and of hours
  LANDER_ASSIGN(Query rows, connection_->query("SELECT level,t,count+others FROM rollup WHERE"
                                               " series=? AND segment=?"));
  rows->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    ++report_.rollups;
    const std::int64_t level = rows->integer(0);
    if (level != 0 && level != 1) return corrupt("a rollup of level " + std::to_string(level));
    told[level][floor_to(rows->integer(1), base::kHour)] +=
        static_cast<std::uint64_t>(rows->integer(2));
  }
  const auto compare = [&](TimeUs hour, std::uint64_t count, std::uint64_t held, const char* of) {
    if (hours.exact(hour) ? count == held : count >= held) return;
    find(key, segment, {hour, plus(hour, base::kHour - 1)}, std::string("rollup ") + of, 0,
         "it counts " + std::to_string(count) + " observations, chunks hold " +
             std::to_string(held));
  };
  const auto held = [&](TimeUs hour) {
    const auto found = hours.counts.find(hour);
    return found == hours.counts.end() ? 0 : found->second;
  };
  for (const auto& [hour, count] : told[1]) compare(hour, count, held(hour), "hour");
  for (const auto& [hour, count] : hours.counts) {
    if (!told[1].contains(hour)) compare(hour, 0, count, "hour");
    const bool complete_here = complete && hour >= *complete && hours.exact(hour);
    if (complete_here) compare(hour, told[0][hour], count, "minutes");
  }
  return {};
}

Status Checker::extent(SeriesKey key, Segment segment, const Hours& hours) {
  LANDER_ASSIGN(Query row, connection_->query("SELECT t_first,t_last,count FROM extent WHERE"
                                              " series=? AND segment=?"));
  row->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
  LANDER_ASSIGN(const bool known, row->step());
  const std::string place = "extent " + std::to_string(key) + "/" + std::to_string(segment);
  if (!known) {
    find(key, segment, hours.span, place, 0, "it is missing: reads do not find these chunks");
    return {};
  }
  const TimeSpan told{row->integer(0), row->integer(1)};
  const auto count = static_cast<std::uint64_t>(row->integer(2));
  if (count != hours.told) {
    find(key, segment, told, place, 0,
         "it counts " + std::to_string(count) + " observations, the rows of its chunks " +
             std::to_string(hours.told));
  }
  if (hours.told > 0 && (hours.span.first < told.first || hours.span.last > told.last)) {
    find(key, segment, told, place, 0, "chunks reach beyond it: reads do not find all of them");
  }
  return {};
}

// --- Objects and items ---------------------------------------------------------------------------

Status Checker::refer(const sensing::Block& block) {
  if (block.kind != sensing::Kind::kObject) return {};
  for (const std::string& bytes : block.strings) {
    LANDER_ASSIGN(const sensing::Value value,
                  sensing::from_bytes(block.kind, base::as_bytes(bytes)));
    const auto& object = *std::get<std::shared_ptr<const sensing::Object>>(value);
    LANDER_ASSIGN(Query row, connection_->query("SELECT 1 FROM object WHERE sha256=?"));
    row->bind(1, base::ByteView(object.sha256));
    LANDER_ASSIGN(const bool known, row->step());
    if (!known)
      return corrupt("it refers to object " + base::to_hex(object.sha256) + ", which is unknown");
  }
  return {};
}

Status Checker::objects() {
  std::string folder = options_.objects;
  if (folder.empty()) {
    const std::size_t slash = options_.path.rfind('/');
    folder = (slash == std::string::npos ? "" : options_.path.substr(0, slash + 1)) + "objects";
  }
  LANDER_ASSIGN(Query rows, connection_->query("SELECT sha256,bytes,uses FROM object"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    ++report_.objects;
    const std::string name = base::to_hex(rows->bytes(0));
    const auto bytes = static_cast<std::uint64_t>(rows->integer(1));
    const auto uses = static_cast<std::uint64_t>(std::max<std::int64_t>(rows->integer(2), 0));
    const auto content = files().read(folder + "/" + name.substr(0, 2) + "/" + name,
                                      std::min(bytes, kMaxObjectBytes));
    std::string what;
    if (!content.ok()) {
      what = content.error().message();
    } else if (content->size() != bytes ||
               base::to_hex(base::ByteView(crypto::sha256(*content))) != name) {
      what = "its bytes are not those of its SHA-256";
    }
    if (!what.empty()) find({"object " + name, {}, 0, 0, uses, std::move(what)});
    progress(bytes);
  }
}

// From its floor to its last each number is an item's, or stands in `gone`.
Status Checker::items() {
  LANDER_ASSIGN(Query rows,
                connection_->query("SELECT l.lane,l.floor,l.last,"
                                   "(SELECT count(*) FROM item i WHERE i.lane=l.lane AND"
                                   " i.number>l.floor),"
                                   "(SELECT coalesce(sum(last-first+1),0) FROM gone g WHERE"
                                   " g.lane=l.lane),"
                                   "(SELECT count(*) FROM item i WHERE i.lane=l.lane AND"
                                   " i.number>l.last)+(SELECT count(*) FROM gone g WHERE"
                                   " g.lane=l.lane AND (g.last>l.last OR g.first<=l.floor OR"
                                   " EXISTS(SELECT 1 FROM item i WHERE i.lane=l.lane AND"
                                   " i.number BETWEEN g.first AND g.last))) FROM lane l"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    const std::int64_t numbers = rows->integer(2) - rows->integer(1);
    const std::int64_t waiting = rows->integer(3), gone = rows->integer(4);
    report_.items += static_cast<std::uint64_t>(waiting);
    if (waiting + gone == numbers && rows->integer(5) == 0) continue;
    find({"items of lane " + std::to_string(rows->integer(0)),
          {},
          0,
          0,
          0,
          std::to_string(waiting) + " wait and " + std::to_string(gone) + " are told to be gone, " +
              std::to_string(numbers) + " numbers were given since the last that is receipted" +
              (rows->integer(5) == 0 ? "" : "; some are told twice")});
  }
  LANDER_ASSIGN(Query strays, connection_->query("SELECT count(*) FROM item WHERE lane NOT IN"
                                                 " (SELECT lane FROM lane)"));
  LANDER_ASSIGN(const bool row, strays->step());
  if (row && strays->integer(0) > 0) find({"items", {}, 0, 0, 0, "some are of no lane"});
  return raw_items();
}

Status Checker::raw_items() {
  LANDER_ASSIGN(Query rows, connection_->query("SELECT lane,number,body FROM item WHERE raw=1"));
  sensing::Block block;
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const auto verify = [&]() -> Status {
      LANDER_ASSIGN(const std::vector<RawPart> parts, decode_raw(rows->bytes(2)));
      for (const RawPart& part : parts) LANDER_TRY(sensing::decode_chunk(part.chunk, block));
      return {};
    };
    if (const Status good = verify(); !good.ok()) {
      find({"item " + std::to_string(rows->integer(0)) + "/" + std::to_string(rows->integer(1)),
            {},
            0,
            0,
            0,
            "it cannot leave: " + good.error().message()});
    }
    progress(rows->bytes(2).size());
  }
}

}  // namespace lander::store
