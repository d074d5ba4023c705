#include "site/store_watch.h"

#include <algorithm>

#include "base/cbor.h"
#include "os/log.h"

namespace lander::site {
namespace {

using base::Result;
using base::Status;

constexpr std::string_view kMark = "store";
constexpr const char* kPipeline = "store";
constexpr base::DurationUs kMeasureEvery = base::kHour;
constexpr std::size_t kSizes = 26;  // a day and what comes before it
constexpr std::size_t kIncidentsAtOnce = 100;
constexpr std::size_t kMaxTold = 10'000;
constexpr base::DurationUs kThinnedAgain = base::kDay;

// What is stored, without what is only on its way into chunks.
std::uint64_t taken(const store::Stats& stats) {
  const std::uint64_t used = stats.file_bytes - std::min(stats.file_bytes, stats.unused_bytes);
  return used - std::min(used, stats.tail_bytes) + stats.object_bytes;
}

std::string observations_text(std::uint64_t count) {
  return count == 1 ? "1 observation" : std::to_string(count) + " observations";
}

}  // namespace

Status StoreWatch::load() {
  LANDER_ASSIGN(const auto mark, context_.store.record(kMarkRecord, kMark));
  if (mark) {
    base::CborReader in(*mark);
    LANDER_TRY(in.array_of(3, "what is known of the store"));
    LANDER_ASSIGN(incident_, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t sizes, in.array_up_to(kSizes, "sizes of the store"));
    for (std::uint64_t i = 0; i < sizes; ++i) {
      LANDER_TRY(in.array_of(2, "a size of the store"));
      LANDER_ASSIGN(const base::TimeUs time, in.integer());
      LANDER_ASSIGN(const std::uint64_t bytes, in.unsigned_integer());
      sizes_.push_back({time, bytes});
    }
    LANDER_ASSIGN(const std::uint64_t told, in.array_up_to(kMaxTold, "datastreams thinned"));
    for (std::uint64_t i = 0; i < told; ++i) {
      LANDER_TRY(in.array_of(2, "a datastream thinned"));
      LANDER_ASSIGN(const std::string_view id, in.text());
      LANDER_ASSIGN(thinned_told_[std::string(id)], in.integer());
    }
    LANDER_TRY(in.end());
  }
  // A disk that was full before the restart is well when the first observations are stored.
  for (const auto& alert : alarms_.book().alerts(true, context_.now(), SIZE_MAX)) {
    if (alert.active && alert.info.rule == "store/disk") refusing_ = true;
  }
  return {};
}

void StoreWatch::save() {
  base::CborWriter out;
  out.array(3).unsigned_integer(incident_).array(sizes_.size());
  for (const Size& size : sizes_) out.array(2).integer(size.time).unsigned_integer(size.bytes);
  out.array(thinned_told_.size());
  for (const auto& [id, time] : thinned_told_) out.array(2).text(id).integer(time);
  store::Batch batch;
  batch.records.push_back({std::string(kMarkRecord), std::string(kMark), out.take()});
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    os::log_warn("store", "what is known of the store waits for the disk",
                 {{"error", committed.error().message()}});
    return;
  }
  changed_ = false;
}

std::string StoreWatch::asset_of(const std::string& datastream) const {
  const auto keys = context_.store.keys(datastream);
  const auto found = keys.empty() ? std::nullopt : context_.store.datastream(keys.back());
  return found ? found->asset : context_.tenant + "/" + context_.site;
}

void StoreWatch::raise(const std::string& rule, alert::Info info, base::TimeUs time, bool stays) {
  stream::Signal signal;
  signal.rule = rule;
  signal.time = time;
  signal.info = std::move(info);
  alarms_.signal(kPipeline, signal, {});
  if (stays) return;
  signal.raise = false;
  alarms_.signal(kPipeline, signal, {});
}

void StoreWatch::refused(const base::Error& error) {
  const bool full = error.code() == base::Code::kExhausted;
  if (refusing_ || (!full && error.code() != base::Code::kIo)) return;
  refusing_ = true;
  alert::Info info;
  info.asset = asset_of("");
  info.title = full ? "The disk is full" : "The disk fails";
  info.detail = "Observations are not stored, and their sources are told so: " + error.message();
  info.severity = alert::Severity::kCritical;
  raise("disk", std::move(info), context_.now(), true);
}

void StoreWatch::accepted() {
  if (!refusing_) return;
  refusing_ = false;
  stream::Signal signal;
  signal.raise = false;
  signal.rule = "disk";
  signal.time = context_.now();
  signal.info.asset = asset_of("");
  alarms_.signal(kPipeline, signal, {});
}

void StoreWatch::tell(const store::Incident& incident) {
  const std::string when = base::to_rfc3339(incident.from) + " to " + base::to_rfc3339(incident.to);
  alert::Info info;
  info.asset = asset_of(incident.datastream);
  std::string rule;
  if (incident.kind == store::Incident::Kind::kDamaged) {
    rule = "damaged";
    info.title = "Stored data is damaged";
    info.severity = alert::Severity::kHigh;
    info.detail = observations_text(incident.observations) + " from " + when +
                  " cannot be read any more: " + incident.detail;
  } else if (incident.kind == store::Incident::Kind::kThinned) {
    // The first of a day: more follows while the disk stays full, and `lander store stats` counts
    // it.
    base::TimeUs& told = thinned_told_[incident.datastream];
    if (told != 0 && incident.time - told < kThinnedAgain) return;
    told = incident.time;
    rule = "thinned";
    info.title = "Old data was thinned for room";
    info.severity = alert::Severity::kLow;
    info.detail = incident.datastream.empty()
                      ? "What waited to leave, " + when + ": " + incident.detail
                      : "Of " + incident.datastream + ", " + when +
                            ", as its policy says: " + incident.detail +
                            ". More may follow while the disk is full.";
  } else {
    return;  // refused() and accepted() told it while it lasted; a person wiped
  }
  if (!incident.datastream.empty()) rule += "/" + incident.datastream;
  raise(rule, std::move(info), incident.time, false);
}

void StoreWatch::take_incidents(base::TimeUs now) {
  const auto incidents = context_.store.incidents(last_incident(), kIncidentsAtOnce);
  if (!incidents.ok()) {
    os::log_warn("store", "incidents could not be read", {{"error", incidents.error().message()}});
    return;
  }
  if (incidents->empty()) return;
  std::erase_if(thinned_told_, [&](const auto& told) { return now - told.second > kThinnedAgain; });
  for (const auto& incident : *incidents) tell(incident);
  const std::lock_guard lock(mutex_);
  incident_ = incidents->back().id;
  changed_ = true;
}

void StoreWatch::measure(base::TimeUs now) {
  {
    const std::lock_guard lock(mutex_);
    // After a clock that was set, and a long time off, it begins anew: that would be no rate of a
    // day.
    if (!sizes_.empty() && (now < sizes_.back().time || now - sizes_.back().time > base::kDay)) {
      sizes_.clear();
    }
    if (!sizes_.empty() && now - sizes_.back().time < kMeasureEvery) return;
  }
  const std::uint64_t bytes = taken(context_.store.stats());
  const std::lock_guard lock(mutex_);
  sizes_.push_back({now, bytes});
  // The first stays the newest of those that are a day old.
  while (sizes_.size() > kSizes || (sizes_.size() > 1 && now - sizes_[1].time >= base::kDay)) {
    sizes_.pop_front();
  }
  changed_ = true;
}

void StoreWatch::tick(base::TimeUs now) {
  take_incidents(now);
  measure(now);
  if (changed_) save();
}

std::optional<double> StoreWatch::bytes_a_day() const {
  const std::lock_guard lock(mutex_);
  if (sizes_.empty()) return std::nullopt;
  const base::DurationUs time = sizes_.back().time - sizes_.front().time;
  if (time < base::kDay) return std::nullopt;
  return (static_cast<double>(sizes_.back().bytes) - static_cast<double>(sizes_.front().bytes)) *
         static_cast<double>(base::kDay) / static_cast<double>(time);
}

std::optional<double> StoreWatch::days_left(const store::Stats& stats) const {
  const auto rate = bytes_a_day();
  if (!rate || *rate <= 0 || stats.free_bytes == 0) return std::nullopt;
  return static_cast<double>(stats.free_bytes + stats.unused_bytes) / *rate;
}

std::uint64_t StoreWatch::last_incident() const {
  const std::lock_guard lock(mutex_);
  return incident_;
}

}  // namespace lander::site
