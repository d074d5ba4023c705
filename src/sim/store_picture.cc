#include "sim/store_picture.h"

namespace lander::sim {
namespace {

using base::Result;
using base::Status;

constexpr base::TimeUs kLongAway = 4'000'000'000'000'000;

Status series(const store::Store& store, store::SeriesKey key, const std::string& name,
              Picture& out) {
  std::vector<store::Sample> samples;
  std::string& read = out["read " + name];
  LANDER_ASSIGN(const auto gaps,
                store.read(key, INT64_MIN, INT64_MAX, SIZE_MAX, [&](const store::Sample& s) {
                  put_sample(read, s.observation.time, s.observation);
                  samples.push_back(s);
                  return true;
                }));
  std::uint64_t wiped = 0;
  for (const store::Gap& gap : gaps) {
    if (gap.why == store::Gap::Why::kWiped) {
      wiped += gap.observations;
    } else {
      put_text(out["gap " + name], std::to_string(gap.observations) + " observations ");
    }
  }
  const auto kind = store.datastream(key)->kind;
  if (wiped > 0) {
    put_number(out["wiped " + name], wiped);
    if (!sensing::is_numeric(kind)) return {};
    LANDER_ASSIGN(const auto all, store.downsample(key, -kLongAway, kLongAway, 1));
    put_number(out["wiped " + name],
               all.empty() ? 0 : all[0].summary.count + all[0].summary.others);
    return {};
  }
  LANDER_ASSIGN(const auto newest, store.latest(key));
  std::string& latest = out["latest " + name];
  if (newest) put_sample(latest, newest->observation.time, newest->observation);
  for (const store::Sample& sample : samples) {
    const auto* object =
        std::get_if<std::shared_ptr<const sensing::Object>>(&sample.observation.value);
    if (object == nullptr) break;
    LANDER_ASSIGN(const base::Bytes content, store.object((*object)->sha256));
    put_bytes(out["objects"], content);
  }
  if (!sensing::is_numeric(kind)) return {};
  for (const Range& range : ranges_of(samples)) {
    LANDER_ASSIGN(const auto buckets, store.downsample(key, range.from, range.to, range.buckets));
    std::string& plot = out["plot " + std::string(range.name) + " " + name];
    for (const store::Bucket& bucket : buckets) put_summary(plot, bucket.from, bucket.summary);
  }
  return {};
}

// Every number from the floor on is an item's or explained.
Status lane(const store::Store& store, const store::Store::LaneState& state, std::string& out) {
  LANDER_ASSIGN(const auto heads, store.heads(state.lane, 0, SIZE_MAX));
  LANDER_ASSIGN(const auto items, store.items(state.lane, 0, SIZE_MAX, SIZE_MAX));
  LANDER_ASSIGN(const auto gone, store.gone(state.lane, SIZE_MAX));
  put_number(out, state.floor);
  auto head = heads.begin();
  auto item = items.begin();
  auto range = gone.begin();
  for (std::uint64_t number = state.floor + 1; number <= state.last; ++number) {
    while (range != gone.end() && range->last < number) ++range;
    const bool waits = head != heads.end() && head->number == number;
    const bool told = range != gone.end() && range->first <= number;
    if (waits == told || (waits && (item == items.end() || item->number != number))) {
      return base::Error(base::Code::kCorrupt, "lane " + std::to_string(state.lane) + ", number " +
                                                   std::to_string(number) + " is not explained");
    }
    if (told) {
      put_number(out, range->why == store::Gone::kSuperseded ? Mark::kSuperseded : Mark::kFleeting);
      continue;
    }
    if (head->expires != 0) {
      put_number(out, Mark::kFleeting);
    } else {
      put_item(out, item->type, head->worth, item->body);
    }
    ++head;
    ++item;
  }
  return {};
}

Status lanes(const store::Store& store, Picture& out) {
  LANDER_ASSIGN(const auto states, store.lanes());
  for (const auto& state : states) {
    const std::string name = std::to_string(state.lane);
    if (state.lane == kPickupLane) out["pickup"] = "started";
    if (is_exit(state.lane)) {
      if (state.floor > 0) put_number(out["raw forgotten " + name], state.floor);
    } else if (state.last > 0) {
      LANDER_TRY(lane(store, state, out["lane " + name]));
    }
  }
  return {};
}

}  // namespace

Result<StoreTruth::RawItems> raw_items(const store::Store& store) {
  StoreTruth::RawItems out;
  for (const store::Lane lane : kExits) {
    LANDER_ASSIGN(out[lane], store.items(lane, 0, SIZE_MAX, SIZE_MAX));
  }
  return out;
}

Result<Picture> picture_of(const store::Store& store) {
  Picture out;
  for (const auto& [key, datastream] : store.datastreams()) {
    put_bytes(out["datastreams"], sensing::encode(datastream));
    LANDER_TRY(series(store, key, datastream.id + "/" + std::to_string(key), out));
  }
  for (const char* kind : kRecordKinds) {
    LANDER_ASSIGN(const auto records, store.records(kind));
    for (const store::Record& record : records) {
      std::string& section = out["records " + record.kind];
      put_text(section, record.key);
      put_bytes(section, record.body);
    }
  }
  LANDER_TRY(lanes(store, out));
  put_number(out["count"], store.stats().observations);
  return out;
}

}  // namespace lander::sim
