#include "sim/store_truth.h"

#include <algorithm>
#include <set>

#include "sim/store_picture.h"

namespace lander::sim {
namespace {

using base::TimeUs;
using sensing::Observation;
using sensing::Summary;
using store::SeriesKey;

TimeUs floor_of(TimeUs time, base::DurationUs unit) { return time - (time % unit + unit) % unit; }

// store.h's rules of the grid.
void put_downsampled(std::string& out, const std::vector<store::Sample>& samples,
                     const Range& range) {
  const auto parts = static_cast<base::DurationUs>(range.buckets);
  const auto spans = [&](TimeUs start, base::DurationUs unit) {
    return (range.to - start + parts * unit - 1) / (parts * unit) * unit;
  };
  TimeUs start = range.from;
  base::DurationUs span = spans(start, 1);
  if (span >= 15 * base::kSecond) {
    const base::DurationUs unit = span < 20 * base::kMinute ? base::kMinute : base::kHour;
    start = floor_of(start, unit);
    span = spans(start, unit);
  }
  std::map<TimeUs, Summary> buckets;
  for (const store::Sample& sample : samples) {
    const Observation& o = sample.observation;
    if (o.time < range.from || o.time >= range.to) continue;
    buckets[start + (o.time - start) / span * span].add(sensing::as_number(o.value), o.quality);
  }
  for (const auto& [from, summary] : buckets) put_summary(out, from, summary);
}

bool same_bits(const sensing::Value& a, const sensing::Value& b) {
  std::string left, right;
  put_value(left, a);
  put_value(right, b);
  return left == right;
}

// What a block in an item and a committed row have in common.
std::string raw_row(std::string_view datastream, std::uint32_t revision, const Observation& o) {
  std::string out;
  put_text(out, datastream);
  put_number(out, revision);
  put_sample(out, o.time, o);
  return out;
}

base::Result<sensing::Value> value_at(const sensing::Block& block, std::size_t at) {
  switch (block.kind) {
    case sensing::Kind::kNumber:
      return sensing::Value(block.numbers[at]);
    case sensing::Kind::kInteger:
      return sensing::Value(block.integers[at]);
    case sensing::Kind::kBoolean:
      return sensing::Value(bool{block.booleans[at]});
    default: {
      const std::string& text = block.strings[at];
      return sensing::from_bytes(block.kind,
                                 {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
  }
}

base::Result<std::vector<std::string>> raw_rows(const store::Item& item) {
  std::vector<std::string> out;
  LANDER_ASSIGN(const auto blocks, sensing::decode_blocks(item.body));
  for (const sensing::SeriesBlock& entry : blocks) {
    LANDER_ASSIGN(const sensing::Block block, sensing::decode_block(entry.block));
    for (std::size_t i = 0; i < block.size(); ++i) {
      LANDER_ASSIGN(sensing::Value value, value_at(block, i));
      out.push_back(raw_row(entry.datastream, entry.revision,
                            {0, block.qualities[i], block.times[i], 0, std::move(value)}));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::optional<std::string> difference(const Picture& expected, const Picture& found) {
  for (const auto& [section, bytes] : expected) {
    const auto other = found.find(section);
    if (other == found.end()) return section + " is missing";
    if (other->second == bytes) continue;
    const auto at =
        std::mismatch(bytes.begin(), bytes.end(), other->second.begin(), other->second.end());
    return section + ": expected " + std::to_string(bytes.size()) + " bytes, found " +
           std::to_string(other->second.size()) + ", alike until " +
           std::to_string(at.first - bytes.begin());
  }
  for (const auto& [section, bytes] : found) {
    if (!expected.contains(section)) return section + " should not be there";
  }
  return std::nullopt;
}

void StoreTruth::opened(const os::Clock& clock) {
  book_ = saved_;
  book_.observe(clock.boot_id(), clock.monotonic_us(), clock.wall_us());
}

SeriesKey StoreTruth::declared(const sensing::Datastream& wanted) {
  sensing::Datastream datastream = wanted;
  datastream.revision = 1;
  for (std::size_t i = datastreams_.size(); i-- > 0;) {
    if (datastreams_[i].id != datastream.id) continue;
    datastream.revision = datastreams_[i].revision;
    if (sensing::same_revision(datastreams_[i], datastream)) {
      datastreams_[i] = datastream;
      return static_cast<SeriesKey>(i + 1);
    }
    ++datastream.revision;
    break;
  }
  datastreams_.push_back(datastream);
  return static_cast<SeriesKey>(datastreams_.size());
}

bool StoreTruth::repeated(const Observation& observation) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    const Observation& o = row.observation;
    if (o.series != observation.series || o.sequence != observation.sequence) return false;
    return o.sequence != 0 || (o.time == observation.time && same_bits(o.value, observation.value));
  });
}

store::Committed StoreTruth::committed(const store::Batch& batch, const os::Clock& clock) {
  store::Committed out;
  sensing::ClockBook next = book_;
  next.observe(clock.boot_id(), clock.monotonic_us(), clock.wall_us());
  for (const Observation& observation : batch.observations) {
    if (repeated(observation)) {
      ++out.duplicates;
      continue;
    }
    ++out.stored;
    rows_.push_back({observation, clock.boot_id(), clock.monotonic_us()});
  }
  for (const store::Record& record : batch.records) {
    if (record.body.empty()) {
      records_.erase({record.kind, record.key});
    } else {
      records_[{record.kind, record.key}] = record.body;
    }
  }
  for (const store::NewItem& item : batch.items) {
    LaneTruth& lane = lanes_[item.lane];
    for (std::size_t at = lane.floor; at < lane.items.size() && !item.subject.empty(); ++at) {
      Numbered& older = lane.items[at];
      if (older.item.subject == item.subject && older.item.type == item.type) {
        older.superseded = true;
      }
    }
    lane.items.push_back({item, item.expires != 0});
    out.item_numbers.push_back(lane.items.size());
  }
  if (out.stored > 0 || !batch.records.empty() || !batch.items.empty()) saved_ = book_ = next;
  return out;
}

void StoreTruth::referred(const os::Clock& clock, TimeUs reference, base::DurationUs error,
                          std::string_view source) {
  if (book_.reference(clock.boot_id(), clock.monotonic_us(), clock.wall_us(), reference, error,
                      source)) {
    saved_ = book_;
  }
}

void StoreTruth::forgot(store::Lane lane, std::uint64_t through) {
  if (is_exit(lane)) {
    exits_[lane].floor = std::max(exits_[lane].floor, through);
    return;
  }
  LaneTruth& truth = lanes_[lane];
  for (; truth.floor < through; ++truth.floor) {
    Numbered& item = truth.items[truth.floor];
    item.fleeting = item.fleeting || item.superseded;
    item.superseded = false;
  }
}

void StoreTruth::recalled(store::Lane lane, std::uint64_t through) {
  auto& floor = is_exit(lane) ? exits_[lane].floor : lanes_[lane].floor;
  floor = std::min(floor, through);
}

const sensing::Policy& StoreTruth::policy(SeriesKey key) const {
  const sensing::Datastream* newest = &datastreams_[key - 1];
  for (const sensing::Datastream& d : datastreams_) {
    if (d.id == newest->id && d.revision > newest->revision) newest = &d;
  }
  return newest->policy;
}

void StoreTruth::may_wipe(TimeUs before) {
  std::set<std::string> receipted;
  for (const auto& [lane, exit] : exits_) {
    for (const auto& [number, rows] : exit.taken) {
      if (number <= exit.floor) receipted.insert(rows.begin(), rows.end());
    }
  }
  for (Row& row : rows_) {
    const Observation& o = row.observation;
    const sensing::Datastream& d = datastreams_[o.series - 1];
    if (d.kind == sensing::Kind::kObject) continue;
    if (book_.utc(row.boot, row.monotonic, o.time).time >= before) continue;
    row.may_go = row.may_go || receipted.contains(raw_row(d.id, d.revision, o));
  }
}

bool StoreTruth::may_go() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.may_go; });
}

base::Status StoreTruth::settle_wiped(const store::Store& store) {
  std::map<SeriesKey, std::set<std::string>> there;
  const auto said = [](TimeUs time, const Observation& o) {
    std::string out;
    put_sample(out, time, o);
    return out;
  };
  for (Row& row : rows_) {
    const Observation& o = row.observation;
    if (!row.may_go) continue;
    row.may_go = false;
    const auto [known, is_new] = there.try_emplace(o.series);
    if (is_new) {
      LANDER_TRY(store.read(o.series, INT64_MIN, INT64_MAX, SIZE_MAX, [&](const auto& sample) {
        known->second.insert(said(sample.observation.time, sample.observation));
        return true;
      }));
    }
    const TimeUs utc = book_.utc(row.boot, row.monotonic, o.time).time;
    row.wiped = row.wiped || !known->second.contains(said(utc, o));
  }
  return {};
}

void StoreTruth::put(const std::array<std::uint8_t, 32>& sha256, base::ByteView content) {
  objects_[sha256].assign(content.begin(), content.end());
}

base::Status StoreTruth::took_raw(const RawItems& items) {
  for (const auto& [lane, all] : items) {
    const auto corrupt = [&](const std::string& what) {
      return base::Error(base::Code::kCorrupt, "raw lane " + std::to_string(lane) + ": " + what);
    };
    ExitTruth& exit = exits_[lane];
    std::uint64_t next = exit.floor + 1;
    for (const store::Item& item : all) {
      if (item.number != next++)
        return corrupt("a number is missing before " + std::to_string(item.number));
      LANDER_ASSIGN(std::vector<std::string> rows, raw_rows(item));
      const auto [at, is_new] = exit.taken.try_emplace(item.number, rows);
      if (rows != at->second) return corrupt("item " + std::to_string(item.number) + " changed");
    }
    if (!exit.taken.empty() && exit.taken.rbegin()->first >= next) {
      return corrupt("a taken item is gone");
    }
  }
  return {};
}

std::optional<std::string> StoreTruth::raw_is_whole(const RawItems& items) const {
  StoreTruth then = *this;
  if (auto status = then.took_raw(items); !status.ok()) return status.error().message();
  std::vector<std::string> sent, wanted;
  for (const auto& [lane, exit] : then.exits_) {
    for (const auto& [number, rows] : exit.taken) sent.insert(sent.end(), rows.begin(), rows.end());
  }
  for (const Row& row : rows_) {
    const sensing::Policy& has = policy(row.observation.series);
    if (has.uplink != sensing::Uplink::kRaw && !(pickup_ && has.pickup)) continue;
    const sensing::Datastream& d = datastreams_[row.observation.series - 1];
    wanted.push_back(raw_row(d.id, d.revision, row.observation));
  }
  std::sort(sent.begin(), sent.end());
  std::sort(wanted.begin(), wanted.end());
  if (sent == wanted) return std::nullopt;
  return "raw lanes: offered " + std::to_string(sent.size()) + " observations of " +
         std::to_string(wanted.size());
}

std::vector<store::Sample> StoreTruth::samples(SeriesKey key) const {
  std::vector<store::Sample> out;
  for (const Row& row : rows_) {
    if (row.observation.series != key || row.wiped) continue;
    const auto utc = book_.utc(row.boot, row.monotonic, row.observation.time);
    out.push_back({row.observation, utc.error});
    out.back().observation.time = utc.time;
  }
  std::stable_sort(out.begin(), out.end(), [](const store::Sample& a, const store::Sample& b) {
    return a.observation.time < b.observation.time;
  });
  return out;
}

void StoreTruth::put_lane(store::Lane lane, const LaneTruth& truth, Picture& out) const {
  if (truth.items.empty()) return;
  std::string& items = out["lane " + std::to_string(lane)];
  put_number(items, truth.floor);
  for (std::size_t at = truth.floor; at < truth.items.size(); ++at) {
    const Numbered& one = truth.items[at];
    if (one.fleeting) {
      put_number(items, Mark::kFleeting);
    } else if (one.superseded) {
      put_number(items, Mark::kSuperseded);
    } else {
      put_item(items, one.item.type, one.item.worth, one.item.body);
    }
  }
}

// Summaries stay of what was wiped.
void StoreTruth::put_total(SeriesKey key, std::string& out) const {
  if (!sensing::is_numeric(datastreams_[key - 1].kind)) return;
  Summary total;
  for (const Row& row : rows_) {
    const Observation& o = row.observation;
    if (o.series == key) total.add(sensing::as_number(o.value), o.quality);
  }
  put_number(out, total.count + total.others);
}

Picture StoreTruth::picture() const {
  Picture out;
  for (std::size_t i = 0; i < datastreams_.size(); ++i) {
    put_bytes(out["datastreams"], sensing::encode(datastreams_[i]));
    const std::string name = datastreams_[i].id + "/" + std::to_string(i + 1);
    const auto rows = samples(static_cast<SeriesKey>(i + 1));
    std::string& read = out["read " + name];
    for (const store::Sample& s : rows) put_sample(read, s.observation.time, s.observation);
    const auto wiped =
        static_cast<std::uint64_t>(std::count_if(rows_.begin(), rows_.end(), [&](const Row& row) {
          return row.wiped && row.observation.series == i + 1;
        }));
    if (wiped > 0) {
      put_number(out["wiped " + name], wiped);
      put_total(static_cast<SeriesKey>(i + 1), out["wiped " + name]);
      continue;
    }
    std::string& latest = out["latest " + name];
    if (!rows.empty()) {
      put_sample(latest, rows.back().observation.time, rows.back().observation);
    }
    for (const store::Sample& sample : rows) {
      const auto* object =
          std::get_if<std::shared_ptr<const sensing::Object>>(&sample.observation.value);
      if (object == nullptr) break;
      const auto content = objects_.find((*object)->sha256);
      put_bytes(out["objects"], content == objects_.end() ? base::Bytes() : content->second);
    }
    if (!sensing::is_numeric(datastreams_[i].kind)) continue;
    for (const Range& range : ranges_of(rows)) {
      put_downsampled(out["plot " + std::string(range.name) + " " + name], rows, range);
    }
  }
  for (const auto& [key, body] : records_) {
    std::string& records = out["records " + key.first];
    put_text(records, key.second);
    put_bytes(records, body);
  }
  for (const auto& [number, lane] : lanes_) put_lane(number, lane, out);
  for (const auto& [lane, exit] : exits_) {
    if (exit.floor > 0) put_number(out["raw forgotten " + std::to_string(lane)], exit.floor);
  }
  if (pickup_) out["pickup"] = "started";
  put_number(out["count"], static_cast<std::uint64_t>(std::count_if(
                               rows_.begin(), rows_.end(), [](const Row& r) { return !r.wiped; })));
  return out;
}

}  // namespace lander::sim
