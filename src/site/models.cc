#include "site/models.h"

#include <algorithm>

#include "base/cbor.h"
#include "link/link.h"
#include "os/log.h"
#include "sensing/unit.h"
#include "site/worth.h"

namespace lander::site {

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
  LANDER_ASSIGN(const auto loops, context_.store.records(kLoopRecord));
  for (const auto& record : loops) {
    auto state = decode_loop_state(record.body);
    if (!state.ok()) return state.error().context("loop of models of " + record.key);
    LoopEvent restarted;
    restarted.kind = LoopEventKind::kRestarted;
    loops_[record.key] = step(*state, restarted, {}).state;
  }
  LANDER_ASSIGN(const auto histories, context_.store.records(kHistoryRecord));
  for (const auto& record : histories) {
    auto history = model::decode_history(record.body);
    if (!history.ok()) return history.error().context("history of models of " + record.key);
    histories_[record.key] = std::move(*history);
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

bool Models::may_leave(const model::Model& model) const {
  return std::none_of(model.inputs.begin(), model.inputs.end(), [&](const auto& input) {
    const auto keys = context_.store.keys(input.datastream);
    const auto datastream = keys.empty() ? std::nullopt : context_.store.datastream(keys.back());
    return !datastream || datastream->policy.uplink == sensing::Uplink::kNever;
  });
}

void Models::put(store::Batch& batch, const Pointers& pointers, const model::Model* added) const {
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
}

base::Status Models::add(const model::Model& model, const std::string& actor,
                         const std::string& why) {
  LoopEvent event;
  event.kind = LoopEventKind::kTrained;
  event.digest = model::digest(model::encode(model));
  event.actor = actor;
  event.reason = why;
  Pointers pointers = find(model.lineage.asset).value_or(Pointers{model.lineage.asset, "", "", ""});
  pointers.shadow = event.digest;
  return advance(model.lineage.asset, event, &pointers, &model);
}

base::Result<Pointers> Models::promote(const std::string& asset, const std::string& digest,
                                       const std::string& actor) {
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
  LoopEvent event;
  event.kind = LoopEventKind::kPromoted;
  event.digest = chosen;
  event.actor = actor;
  event.reason = "a person decided";
  LANDER_TRY(advance(asset, event, &*pointers));
  return *pointers;
}

base::Result<Pointers> Models::rollback(const std::string& asset, const std::string& actor) {
  auto pointers = find(asset);
  if (!pointers || pointers->previous.empty()) {
    return base::Error(base::Code::kConflict,
                       "asset \"" + asset + "\" has no previous model to go back to");
  }
  std::swap(pointers->active, pointers->previous);
  LoopEvent event;
  event.kind = LoopEventKind::kRolledBack;
  event.actor = actor;
  event.reason = "a person decided";
  LANDER_TRY(advance(asset, event, &*pointers));
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
