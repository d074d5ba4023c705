// The loop of the site's models: what is known, what a step decided, made durable and done.
#include <algorithm>
#include <cstdio>
#include <tuple>

#include "link/link.h"
#include "os/log.h"
#include "site/models.h"
#include "site/worth.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kLookEvery = base::kMinute;

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, share < 0.1 ? "%.1f %%" : "%.0f %%", 100 * share);
  return text;
}

std::string rounded(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::string reason_of(const model::Drift& drift, const model::Model& model) {
  if (drift.input >= 0 && static_cast<std::size_t>(drift.input) < model.inputs.size()) {
    return model.inputs[static_cast<std::size_t>(drift.input)].datastream +
           " is outside of what was learned " + percent(drift.share) + " of the time";
  }
  return "the score averages " + rounded(drift.usual) + " over a day, " + rounded(drift.was) +
         " on the first";
}

}  // namespace

LoopState Models::loop(const std::string& asset) const {
  const auto at = loops_.find(asset);
  if (at != loops_.end()) return at->second;
  LoopState fresh;
  fresh.asset = asset;
  return fresh;
}

model::History Models::history(const std::string& asset) const {
  const auto at = histories_.find(asset);
  return at == histories_.end() ? model::History{asset, {}} : at->second;
}

std::pair<double, std::string> Models::drift(const std::string& asset) const {
  const auto pointers = find(asset);
  const auto health = context_.shell.pipeline_health();
  const auto at = health.find("watch/" + asset);
  if (!pointers || at == health.end() || at->second.score.drift.level <= 0) return {0, ""};
  const auto active = model(pointers->active);
  if (!active) return {0, ""};
  return {at->second.score.drift.level, reason_of(at->second.score.drift, *active)};
}

LoopFacts Models::facts(const std::string& asset, base::TimeUs now) const {
  LoopFacts out;
  out.now = now;
  out.autonomy = autonomy_;
  if (const auto pointers = find(asset)) {
    out.active = pointers->active;
    out.shadow = pointers->shadow;
    out.previous = pointers->previous;
  }
  out.labels = labels_of(alarms_.book(), asset, now).verdicts;
  if (out.active.empty()) return out;
  if (const auto active = model(out.active)) {
    out.active_trained = active->lineage.trained_to;
    out.false_alarms_per_day = active->false_alarms_per_day;
  }
  std::tie(out.drift, out.drift_reason) = drift(asset);
  const base::TimeUs since = loop(asset).since;
  for (const auto& alert : alarms_.book().alerts(false, now, SIZE_MAX)) {
    if (alert.info.model != out.active || alert.raised < since) continue;
    if (alert.verdict == alert::Verdict::kFalse) ++out.judged_false;
    if (alert.verdict == alert::Verdict::kFalse || alert.verdict == alert::Verdict::kNone)
      ++out.alarms;
  }
  return out;
}

base::Status Models::advance(const std::string& asset, const LoopEvent& event,
                             const Pointers* wanted, const model::Model* added) {
  const LoopState before = loop(asset);
  LoopStep next = step(before, event, facts(asset, context_.now()));
  Pointers pointers = wanted ? *wanted : find(asset).value_or(Pointers{asset, "", "", ""});
  switch (next.action) {
    case LoopDo::kPromote:
      pointers.previous = std::exchange(pointers.active, pointers.shadow);
      pointers.shadow.clear();
      break;
    case LoopDo::kRollBack:
      std::swap(pointers.active, pointers.previous);
      break;
    case LoopDo::kDropShadow:
      pointers.shadow.clear();
      break;
    case LoopDo::kNothing:
    case LoopDo::kTrain:
    case LoopDo::kCompare:
      break;
  }
  const auto known = find(asset);
  const bool moved = added || !known || encode(*known) != encode(pointers);
  next.state.asset = asset;
  const base::Bytes state = encode(next.state);
  const bool changed = state != encode(before);
  if (!moved && !changed && next.events.empty()) return {};
  store::Batch batch;
  batch.records.push_back({std::string(kLoopRecord), asset, state});
  model::History history = this->history(asset);
  if (!next.events.empty()) {
    for (model::Event& happened : next.events) model::add(history, std::move(happened));
    const base::Bytes body = model::encode(history);
    batch.records.push_back({std::string(kHistoryRecord), asset, body});
    store::NewItem told{link::kLaneState, "model-history", body, kWorthOfState};
    told.subject = asset;  // the newest says it all
    batch.items.push_back(std::move(told));
  }
  if (moved) put(batch, pointers, added);
  LANDER_TRY(context_.store.commit(batch));
  loops_[asset] = std::move(next.state);
  if (!next.events.empty()) {
    const model::Event& last = history.events.back();
    os::log_info("model", model::to_string(last.what).data(),
                 {{"asset", asset}, {"reason", last.reason}, {"actor", last.actor}});
    histories_[asset] = std::move(history);
  }
  if (moved) {
    pointers_[asset] = pointers;
    install(pointers);
  }
  act(asset, next.action);
  return {};
}

LearnJob Models::job(const std::string& asset, bool compares) const {
  const base::TimeUs now = context_.now();
  LearnJob out;
  const auto pointers = find(asset);
  const auto active = pointers ? model(pointers->active) : std::nullopt;
  out.wanted.asset = asset;
  out.wanted.span = {now - kTrainingSpan, now};
  out.labels = labels_of(alarms_.book(), asset, now);
  if (!active) return out;
  out.wanted.interval = active->interval;
  if (compares) {
    out.active = active;
    out.candidate = model(pointers->shadow);
    if (out.candidate)
      out.wanted.span.from = std::max(out.wanted.span.from, out.candidate->lineage.trained_to);
    return out;
  }
  out.request.asset = asset;
  out.request.method = active->lineage.method;
  out.request.parent = pointers->active;
  out.request.labels_digest = out.labels.digest;
  out.request.trained_by = "site:" + context_.site;
  out.request.now = now;
  out.request.false_alarms_per_day = active->false_alarms_per_day;
  return out;
}

void Models::act(const std::string& asset, LoopDo action) {
  if (action != LoopDo::kTrain && action != LoopDo::kCompare) return;
  const LearnJob wanted = job(asset, action == LoopDo::kCompare);
  if (context_.shell.learn(wanted)) return;
  // Busy: the phase before holds again, in memory as after a restart, and is looked at later.
  LoopEvent restarted;
  restarted.kind = LoopEventKind::kRestarted;
  loops_[asset] = step(loops_[asset], restarted, {}).state;
}

base::Status Models::finished(const LearnJob& job, LearnResult result) {
  const std::string& asset = job.wanted.asset;
  if (result.model) {
    const std::string& by = job.request.trained_by;
    const bool own = !by.starts_with("user:");
    return add(*result.model, own ? "site" : by, own ? "" : "a person asked for it");
  }
  LoopEvent event;
  event.reason = result.error;
  if (result.comparison) {
    event.kind = LoopEventKind::kCompared;
    event.comparison = *result.comparison;
  } else {
    event.kind = job.compares() ? LoopEventKind::kCompareFailed : LoopEventKind::kTrainFailed;
    // A person is told at once and may try again; only the loop's own tries are history.
    if (job.request.trained_by.starts_with("user:")) return {};
  }
  return advance(asset, event);
}

void Models::tick(base::TimeUs now, twin::Autonomy autonomy) {
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  if (autonomy == autonomy_ && monotonic < next_look_) return;
  autonomy_ = autonomy;
  next_look_ = monotonic + kLookEvery;
  for (const Pointers& pointers : all()) {
    LoopState& state = loops_[pointers.asset];
    if (state.asset.empty()) state = {.asset = pointers.asset, .since = now};
    if (auto done = advance(pointers.asset, {}); !done.ok()) {
      os::log_warn("model", "the loop waits for the disk",
                   {{"asset", pointers.asset}, {"error", done.error().message()}});
    }
  }
}

}  // namespace lander::site
