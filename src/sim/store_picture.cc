#include "sim/store_picture.h"

namespace lander::sim {
namespace {

using base::Result;
using base::Status;

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
  for (const store::Gap& gap : gaps) {
    put_text(out["gap " + name], std::to_string(gap.observations) + " observations ");
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
  const auto kind = store.datastream(key)->kind;
  if (!sensing::is_numeric(kind)) return {};
  for (const Range& range : ranges_of(samples)) {
    LANDER_ASSIGN(const auto buckets, store.downsample(key, range.from, range.to, range.buckets));
    std::string& plot = out["plot " + std::string(range.name) + " " + name];
    for (const store::Bucket& bucket : buckets) put_summary(plot, bucket.from, bucket.summary);
  }
  return {};
}

Status lanes(const store::Store& store, Picture& out) {
  LANDER_ASSIGN(const auto states, store.lanes());
  for (const auto& state : states) {
    if (state.lane == kRawLane && state.last > state.waiting) {
      put_number(out["raw forgotten"], state.last - state.waiting);
    }
    if (state.lane == kRawLane || state.last == 0) continue;
    std::string& section = out["lane " + std::to_string(state.lane)];
    put_number(section, state.last);
    put_number(section, state.waiting);
    LANDER_ASSIGN(const auto items, store.items(state.lane, 0, SIZE_MAX, SIZE_MAX));
    for (const store::Item& item : items) {
      put_number(section, item.number);
      put_text(section, item.type);
      put_bytes(section, item.body);
    }
  }
  return {};
}

}  // namespace

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
