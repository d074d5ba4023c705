#include "site/models.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cbor.h"
#include "link/link.h"
#include "os/log.h"
#include "sensing/unit.h"
#include "site/newest.h"
#include "site/worth.h"

namespace lander::site {
namespace {

constexpr std::size_t kMaxRows = 200'000;  // two days at 1 Hz; 32 inputs of it are 51 MB
constexpr std::size_t kMaxInputs = 32;
// What led up to an alarm and what followed it is not healthy either.
constexpr base::DurationUs kFaultMargin = base::kMinute;

bool belongs(const std::string& asset, const std::string& of) {
  return asset == of ||
         (asset.size() > of.size() && asset.starts_with(of) && asset[of.size()] == '/');
}

}  // namespace

base::Bytes encode(const Pointers& p) {
  base::CborWriter out;
  out.array(4).text(p.asset).text(p.active).text(p.shadow).text(p.previous);
  return out.take();
}

base::Result<Pointers> decode_pointers(base::ByteView bytes) {
  base::CborReader in(bytes);
  LANDER_TRY(in.array_of(4, "model pointers"));
  Pointers out;
  LANDER_ASSIGN(out.asset, in.text());
  LANDER_ASSIGN(out.active, in.text());
  LANDER_ASSIGN(out.shadow, in.text());
  LANDER_ASSIGN(out.previous, in.text());
  LANDER_TRY(in.end());
  return out;
}

base::Status Models::load() {
  LANDER_ASSIGN(const auto records, context_.store.records(kPointerRecord));
  for (const auto& record : records) {
    auto pointers = decode_pointers(record.body);
    if (!pointers.ok()) return pointers.error().context("model pointers of " + record.key);
    pointers_[pointers->asset] = *pointers;
  }
  return {};
}

std::optional<model::Model> Models::model(const std::string& digest) const {
  if (digest.empty()) return std::nullopt;
  auto body = context_.store.record(kModelRecord, digest);
  if (!body.ok() || !*body) {
    os::log_error("model", "model is missing from the store", {{"digest", digest}});
    return std::nullopt;
  }
  auto model = model::decode_model(**body);
  if (!model.ok()) {
    os::log_error("model", "stored model does not verify",
                  {{"digest", digest}, {"error", model.error().message()}});
    return std::nullopt;
  }
  return *model;
}

base::Result<learn::Frames> Models::frames(
    const store::Store& store, const std::string& asset, base::TimeUs from, base::TimeUs to,
    base::DurationUs interval, const std::vector<std::pair<base::TimeUs, base::TimeUs>>& faulty) {
  learn::Frames out;
  out.interval = interval;
  std::vector<sensing::SeriesKey> keys;
  for (const auto& [id, entry] : newest_datastreams(store)) {
    const auto& [key, d] = entry;
    if (!belongs(d.asset, asset)) continue;
    if (d.kind != sensing::Kind::kNumber && d.kind != sensing::Kind::kInteger) continue;
    if (keys.size() == kMaxInputs) break;
    keys.push_back(key);
    out.inputs.push_back({d.id, d.revision, d.property, d.unit, 0, 0});
  }
  if (keys.empty()) {
    return base::Error(
        base::Code::kNotFound,
        "asset \"" + asset + "\" has no number datastreams: `lander twin` shows what is declared");
  }
  from = from / out.interval * out.interval;
  const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(0, (to - from) / out.interval));
  const std::size_t skip = rows > kMaxRows ? rows - kMaxRows : 0;  // the newest count
  from += static_cast<base::DurationUs>(skip) * out.interval;
  const std::size_t count = rows - skip;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values(count * keys.size(), nan);
  std::vector<bool> any(count, false);
  for (std::size_t column = 0; column < keys.size(); ++column) {
    const auto take = [&](const store::Sample& sample) {
      const auto row = static_cast<std::size_t>((sample.observation.time - from) / out.interval);
      if (row < count) {
        any[row] = true;
        if (!sensing::is_bad(sample.observation.quality)) {
          values[row * keys.size() + column] = sensing::as_number(sample.observation.value);
        }
      }
      return true;
    };
    // What is missing is missing in the frames too: readiness tells of it.
    LANDER_ASSIGN([[maybe_unused]] const auto gaps,
                  store.read(keys[column], from, to, SIZE_MAX, take));
  }
  for (std::size_t row = 0; row < count; ++row) {
    const base::TimeUs time = from + static_cast<base::DurationUs>(row) * out.interval;
    const bool bad = std::any_of(faulty.begin(), faulty.end(), [&](const auto& span) {
      return span.first <= time && time < span.second;
    });
    if (!any[row] || bad) continue;
    out.times.push_back(time);
    out.values.insert(out.values.end(),
                      values.begin() + static_cast<std::ptrdiff_t>(row * keys.size()),
                      values.begin() + static_cast<std::ptrdiff_t>((row + 1) * keys.size()));
  }
  return out;
}

std::vector<std::pair<base::TimeUs, base::TimeUs>> Models::faulty(const std::string& asset,
                                                                  base::TimeUs now) const {
  std::vector<std::pair<base::TimeUs, base::TimeUs>> out;
  for (const auto& alert : alarms_.book().alerts(false, now, SIZE_MAX)) {
    if (!belongs(alert.info.asset, asset) && !belongs(asset, alert.info.asset)) continue;
    out.emplace_back(alert.raised - kFaultMargin,
                     (alert.active ? now : alert.cleared) + kFaultMargin);
  }
  return out;
}

bool Models::may_leave(const model::Model& model) const {
  return std::none_of(model.inputs.begin(), model.inputs.end(), [&](const auto& input) {
    const auto keys = context_.store.keys(input.datastream);
    const auto datastream = keys.empty() ? std::nullopt : context_.store.datastream(keys.back());
    return !datastream || datastream->policy.uplink == sensing::Uplink::kNever;
  });
}

base::Status Models::write(const Pointers& pointers, const model::Model* added) {
  store::Batch batch;
  if (added) {
    const base::Bytes encoded = model::encode(*added);
    batch.records.push_back({std::string(kModelRecord), model::digest(encoded), encoded});
  }
  batch.records.push_back({std::string(kPointerRecord), pointers.asset, encode(pointers)});
  // The hub shows the lineage: [asset, active, shadow, previous], each a model file or empty.
  base::CborWriter item;
  item.array(4).text(pointers.asset);
  for (const std::string& digest : {pointers.active, pointers.shadow, pointers.previous}) {
    std::optional<model::Model> known;
    if (added && !digest.empty() && digest == model::digest(model::encode(*added))) {
      known = *added;
    } else {
      known = model(digest);
    }
    item.bytes(known && may_leave(*known) ? model::encode(*known) : base::Bytes());
  }
  store::NewItem told{link::kLaneState, "model", item.take(), kWorthOfState};
  told.subject = pointers.asset;
  batch.items.push_back(std::move(told));
  LANDER_TRY(context_.store.commit(batch));
  pointers_[pointers.asset] = pointers;
  install(pointers);
  return {};
}

base::Status Models::add(const model::Model& model) {
  Pointers pointers = find(model.lineage.asset).value_or(Pointers{model.lineage.asset, "", "", ""});
  pointers.shadow = model::digest(model::encode(model));
  return write(pointers, &model);
}

base::Result<Pointers> Models::promote(const std::string& asset, const std::string& digest) {
  auto pointers = find(asset);
  if (!pointers)
    return base::Error(base::Code::kNotFound,
                       "asset \"" + asset + "\" has no model: `lander learn` makes one");
  const std::string chosen = digest.empty() ? pointers->shadow : digest;
  if (chosen.empty())
    return base::Error(base::Code::kConflict,
                       "asset \"" + asset + "\" has no shadow model to promote");
  if (chosen == pointers->active)
    return base::Error(base::Code::kConflict, "this model is active already");
  const auto model = this->model(chosen);
  if (!model || model->lineage.asset != asset) {
    return base::Error(base::Code::kNotFound,
                       "no model " + chosen.substr(0, 12) + " for asset \"" + asset + "\"");
  }
  if (!pointers->active.empty()) pointers->previous = pointers->active;
  pointers->active = chosen;
  if (pointers->shadow == chosen) pointers->shadow.clear();
  LANDER_TRY(write(*pointers, nullptr));
  return *pointers;
}

base::Result<Pointers> Models::rollback(const std::string& asset) {
  auto pointers = find(asset);
  if (!pointers || pointers->previous.empty()) {
    return base::Error(base::Code::kConflict,
                       "asset \"" + asset + "\" has no previous model to go back to");
  }
  std::swap(pointers->active, pointers->previous);
  LANDER_TRY(write(*pointers, nullptr));
  return *pointers;
}

void Models::install_watches() {
  installed_.clear();
  for (const auto& [asset, pointers] : pointers_) install(pointers);
}

void Models::install(const Pointers& pointers) {
  install_one("watch/" + pointers.asset, pointers.asset, pointers.active);
  install_one("shadow/" + pointers.asset, pointers.asset, pointers.shadow);
}

void Models::install_one(const std::string& id, const std::string& asset,
                         const std::string& digest) {
  failed_.erase(id);
  if (digest.empty()) {
    if (installed_.erase(id) > 0) alarms_.end_all(id, "the model is no longer in use");
    context_.shell.remove_pipeline(id);
    return;
  }
  if (const auto at = installed_.find(id); at != installed_.end() && at->second == digest) return;
  const auto model = this->model(digest);
  if (!model) {
    failed_[id] = "the model " + digest.substr(0, 12) + " is missing or does not verify";
    return;
  }
  std::map<std::string, stream::BoundPort> ports;
  std::vector<sensing::SeriesKey> series;
  for (const auto& input : model->inputs) {
    const auto keys = context_.store.keys(input.datastream);
    const auto datastream = keys.empty() ? std::nullopt : context_.store.datastream(keys.back());
    // A sensor that was replaced or recalibrated is still this input as long as it means the same.
    if (!datastream || datastream->property != input.property ||
        !sensing::conversion(datastream->unit, input.unit).ok())
      continue;
    stream::BoundPort port;
    port.series = keys.back();
    port.datastream = input.datastream;
    port.from_unit = datastream->unit;
    port.asset = datastream->asset;
    ports[input.datastream] = port;
    series.push_back(keys.back());
  }
  stream::WatchOptions options;
  options.asset = asset;
  options.model_digest = digest;
  auto pipeline = stream::make_watch(*model, ports, options);
  if (!pipeline.ok()) {
    failed_[id] = pipeline.error().message();
    os::log_error("model", "watch could not start",
                  {{"asset", asset}, {"error", pipeline.error().message()}});
    return;
  }
  context_.shell.install_pipeline(id, std::move(*pipeline), std::move(series));
  installed_[id] = digest;
  alarms_.started(id);
}

std::vector<Pointers> Models::all() const {
  std::vector<Pointers> out;
  for (const auto& [asset, pointers] : pointers_) out.push_back(pointers);
  return out;
}

std::optional<Pointers> Models::find(const std::string& asset) const {
  const auto at = pointers_.find(asset);
  return at == pointers_.end() ? std::nullopt : std::optional(at->second);
}

std::vector<twin::Component> Models::components() const {
  std::vector<twin::Component> out;
  for (const auto& [asset, pointers] : pointers_) {
    if (pointers.active.empty()) continue;
    twin::Component component;
    component.id = "model/" + asset;
    component.desired = component.running = pointers.active.substr(0, 12);
    component.status = twin::Status::kApplied;
    if (const auto failed = failed_.find("watch/" + asset); failed != failed_.end()) {
      component.status = twin::Status::kFailed;
      component.running.clear();
      component.reason = failed->second;
    }
    out.push_back(std::move(component));
  }
  return out;
}

}  // namespace lander::site
