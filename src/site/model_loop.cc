#include "site/model_loop.h"

#include <algorithm>
#include <array>

#include "base/cbor.h"

namespace lander::site {
namespace {

using enum LoopPhase;
using model::Happening;

constexpr std::uint64_t kFormat = 1;

std::vector<model::Metric> numbers(const Comparison& c) {
  return {{"rows", static_cast<double>(c.rows)},
          {"hours", static_cast<double>(c.looked_at) / base::kHour},
          {"alarms", static_cast<double>(c.alarms)},
          {"alarms_of_active", static_cast<double>(c.alarms_before)},
          {"true_faults", static_cast<double>(c.faults)},
          {"found", static_cast<double>(c.found)},
          {"found_by_active", static_cast<double>(c.found_before)}};
}

// What is worse about the candidate; empty: nothing.
std::string worse(const Comparison& c) {
  if (c.found < c.found_before) {
    return "it finds " + std::to_string(c.found) + " of " + std::to_string(c.faults) +
           " true alarms, the active one " + std::to_string(c.found_before);
  }
  if (c.alarms > c.alarms_before) {
    return std::to_string(c.alarms) + " alarms on healthy held-back data, " +
           std::to_string(c.alarms_before) + " of the active one";
  }
  return "";
}

std::string no_worse(const Comparison& c) {
  std::string text = "no worse on held-back data: " + std::to_string(c.alarms) +
                     " alarms against " + std::to_string(c.alarms_before);
  if (c.faults > 0) {
    text += ", finds " + std::to_string(c.found) + " of " + std::to_string(c.faults) +
            " true alarms against " + std::to_string(c.found_before);
  }
  return text;
}

class Stepper {
 public:
  Stepper(const LoopState& state, const LoopEvent& event, const LoopFacts& facts)
      : event_(event), facts_(facts) {
    out_.state = state;
  }

  LoopStep run() {
    switch (event_.kind) {
      case LoopEventKind::kTick:
        tick();
        break;
      case LoopEventKind::kRestarted:
        // The job died with the process; what it was for still holds.
        if (phase() == kTraining) go(kWatching);
        if (phase() == kComparing) go(kShadowing, out_.state.since - kShadowTime);
        break;
      case LoopEventKind::kTrained:
        trained();
        break;
      case LoopEventKind::kTrainFailed:
        out_.state.trained = facts_.now;
        out_.state.not_before = facts_.now + kRest;
        note(Happening::kRefused, "", event_.reason);
        if (phase() == kTraining) go(kWatching);
        break;
      case LoopEventKind::kCompared:
        compared();
        break;
      case LoopEventKind::kCompareFailed:
        if (phase() == kComparing) go(kShadowing);  // for another while
        break;
      case LoopEventKind::kPromoted:
        note(Happening::kPromoted, event_.digest, event_.reason);
        begin_probation(event_.digest);
        break;
      case LoopEventKind::kRolledBack:
        note(Happening::kRolledBack, facts_.previous, event_.reason);
        out_.state.not_before = facts_.now + kRest;
        watch();
        break;
    }
    return std::move(out_);
  }

 private:
  LoopPhase phase() const { return out_.state.phase; }
  void go(LoopPhase phase) { go(phase, facts_.now); }
  void go(LoopPhase phase, base::TimeUs since) {
    out_.state.phase = phase;
    out_.state.since = since;
  }
  void watch() {
    // A shadow that stands is still compared.
    if (!facts_.shadow.empty() && facts_.shadow != out_.state.candidate) {
      out_.state.candidate = facts_.shadow;
      return go(kShadowing);
    }
    out_.state.candidate.clear();
    go(kWatching);
  }
  void begin_probation(const std::string& digest) {
    out_.state.candidate = digest;
    go(kProbation);
  }
  void note(Happening what, std::string digest, std::string reason,
            std::vector<model::Metric> values = {}) {
    out_.events.push_back(
        {what, facts_.now, event_.actor, std::move(digest), std::move(reason), std::move(values)});
  }
  base::DurationUs stayed() const { return facts_.now - out_.state.since; }

  void tick() {
    // A clock that was set back: what was to wait waits anew from now, not for years.
    if (out_.state.since > facts_.now) out_.state.since = facts_.now;
    if (out_.state.not_before > facts_.now + kRest) out_.state.not_before = facts_.now + kRest;
    switch (phase()) {
      case kWatching:
        return consider_training();
      case kTraining:
      case kComparing:
        return;  // its job tells
      case kShadowing:
        if (facts_.shadow.empty()) return watch();
        if (facts_.autonomy == twin::Autonomy::kNone || facts_.active.empty()) return;
        if (stayed() < kShadowTime) return;
        go(kComparing);
        out_.action = LoopDo::kCompare;
        return;
      case kProposed:
        if (facts_.shadow.empty()) return watch();
        if (facts_.autonomy == twin::Autonomy::kPromote) promote("a guardrail allows it now");
        return;
      case kProbation:
        return consider_rollback();
    }
  }

  void consider_training() {
    if (facts_.autonomy == twin::Autonomy::kNone || facts_.active.empty()) return;
    if (facts_.now < out_.state.not_before) return;
    if (why_train().empty()) return;
    go(kTraining);
    out_.action = LoopDo::kTrain;
  }

  std::string why_train() const {
    if (facts_.drift >= 1) return "drift: " + facts_.drift_reason;
    const std::uint64_t known = std::min(out_.state.labels, facts_.labels);
    if (facts_.labels - known >= kEnoughLabels) {
      return std::to_string(facts_.labels - known) + " new verdicts";
    }
    const base::TimeUs last = std::max(out_.state.trained, facts_.active_trained);
    if (last != 0 && facts_.now - last >= kOld) return "the active model is old";
    return "";
  }

  void trained() {
    const bool own = event_.actor == "site";
    std::string why = own ? why_train() : event_.reason;
    if (why.empty()) why = event_.reason;
    out_.state.trained = facts_.now;
    out_.state.labels = facts_.labels;
    out_.state.not_before = facts_.now + kRest;
    out_.state.candidate = event_.digest;
    note(Happening::kTrained, event_.digest, why);
    go(kShadowing);
  }

  void compared() {
    if (phase() != kComparing) return;
    const Comparison& c = event_.comparison;
    if (facts_.shadow.empty()) return watch();
    if (c.rows < kLeastCompared) return go(kShadowing);  // too little was seen: another while
    if (const std::string why = worse(c); !why.empty()) {
      note(Happening::kRefused, facts_.shadow, why, numbers(c));
      out_.action = LoopDo::kDropShadow;
      out_.state.candidate.clear();
      return go(kWatching);
    }
    if (facts_.autonomy == twin::Autonomy::kPromote) return promote(no_worse(c), numbers(c));
    note(Happening::kProposed, facts_.shadow, no_worse(c), numbers(c));
    go(kProposed);
  }

  void promote(std::string why, std::vector<model::Metric> values = {}) {
    note(Happening::kPromoted, facts_.shadow, std::move(why), std::move(values));
    out_.action = LoopDo::kPromote;
    begin_probation(facts_.shadow);
  }

  void consider_rollback() {
    if (facts_.active != out_.state.candidate) return watch();
    const double days = std::max(1.0, static_cast<double>(stayed()) / base::kDay);
    const double allowed = kGross * facts_.false_alarms_per_day * days;
    std::string why;
    if (facts_.judged_false >= kMostJudgedFalse) {
      why = std::to_string(facts_.judged_false) + " of its alarms were judged false";
    } else if (facts_.alarms >= kGrossAlarms && static_cast<double>(facts_.alarms) > allowed) {
      why = std::to_string(facts_.alarms) + " alarms within its probation, far beyond its budget";
    }
    const std::vector<model::Metric> values = {
        {"alarms", static_cast<double>(facts_.alarms)},
        {"judged_false", static_cast<double>(facts_.judged_false)},
        {"days", static_cast<double>(stayed()) / base::kDay}};
    if (!why.empty() && !facts_.previous.empty() && facts_.autonomy != twin::Autonomy::kNone) {
      note(Happening::kRolledBack, facts_.previous, why, values);
      out_.action = LoopDo::kRollBack;
      out_.state.not_before = facts_.now + kRest;
      return watch();
    }
    // Nothing to go back to: it learns from them instead.
    if (!why.empty() && facts_.previous.empty()) return watch();
    if (stayed() < kProbationTime) return;
    if (why.empty()) note(Happening::kProven, facts_.active, "it held its probation", values);
    watch();
  }

  const LoopEvent& event_;
  const LoopFacts& facts_;
  LoopStep out_;
};

}  // namespace

std::string_view to_string(LoopPhase phase) {
  constexpr std::array<std::string_view, 6> kNames = {"watching",  "training", "shadowing",
                                                      "comparing", "proposed", "probation"};
  return kNames[static_cast<std::size_t>(phase)];
}

LoopStep step(const LoopState& state, const LoopEvent& event, const LoopFacts& facts) {
  return Stepper(state, event, facts).run();
}

base::Bytes encode(const LoopState& state) {
  base::CborWriter out;
  out.array(8).unsigned_integer(kFormat).text(state.asset);
  out.unsigned_integer(static_cast<std::uint64_t>(state.phase)).integer(state.since);
  out.text(state.candidate).integer(state.trained).unsigned_integer(state.labels);
  out.integer(state.not_before);
  return out.take();
}

base::Result<LoopState> decode_loop_state(base::ByteView bytes) {
  base::CborReader in(bytes);
  LoopState out;
  LANDER_TRY(in.record(8, kFormat, "state of a model loop"));
  LANDER_ASSIGN(out.asset, in.text());
  LANDER_ASSIGN(const std::uint8_t phase, in.enumerator(6, "a phase"));
  out.phase = static_cast<LoopPhase>(phase);
  LANDER_ASSIGN(out.since, in.integer());
  LANDER_ASSIGN(out.candidate, in.text());
  LANDER_ASSIGN(out.trained, in.integer());
  LANDER_ASSIGN(out.labels, in.unsigned_integer());
  LANDER_ASSIGN(out.not_before, in.integer());
  LANDER_TRY(in.end());
  return out;
}

}  // namespace lander::site
