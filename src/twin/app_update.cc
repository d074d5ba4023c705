#include "twin/codec.h"
#include "twin/twin.h"

namespace lander::twin {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::uint32_t kMaxGateRestarts = 5;
constexpr std::size_t kMaxTextBytes = 4096;
constexpr std::size_t kMaxDigestBytes = 128;

// One step: a working copy of the state, and what follows from the event.
class Step {
 public:
  Step(const AppState& state, const AppEvent& event, base::TimeUs now)
      : event_(event), now_(now), out_{state, AppDo::kNothing, ""}, s_(out_.state) {}

  AppStep take() {
    handle();
    s_.reason = std::string(cut(s_.reason, kMaxTextBytes));
    return std::move(out_);
  }

 private:
  void handle() {
    switch (event_.kind) {
      case AppEventKind::kWant:
        return want();
      case AppEventKind::kArrived:
        if (is_wanted(UpdateState::kFetching)) go_on(UpdateState::kVerifying, AppDo::kVerify);
        return;
      case AppEventKind::kVerified:
        if (is_wanted(UpdateState::kVerifying)) begin_gate();
        return;
      case AppEventKind::kRefused:
        if (is_wanted(UpdateState::kFetching) || is_wanted(UpdateState::kVerifying)) refuse();
        return;
      case AppEventKind::kStarted:
        return started();
      case AppEventKind::kStartFailed:
        return start_failed();
      case AppEventKind::kGatePassed:
        if (in_gate()) pass_gate();
        return;
      case AppEventKind::kGateFailed:
        if (in_gate()) fail_gate(event_.reason);
        return;
      case AppEventKind::kRestarted:
        return restarted();
      case AppEventKind::kUnwant:
        return unwant();
    }
  }

  bool is_wanted(UpdateState state) const {
    return s_.state == state && event_.digest == s_.wanted;
  }
  bool in_gate() const { return s_.state == UpdateState::kGate && event_.digest == s_.running; }
  bool updating() const {
    return s_.state == UpdateState::kFetching || s_.state == UpdateState::kVerifying;
  }

  bool hopeless() const { return s_.wanted == s_.failed && !s_.refused; }

  void enter(UpdateState state) {
    if (s_.state != state) s_.since = now_;
    s_.state = state;
  }
  void act(AppDo action, const std::string& digest) {
    out_.action = action;
    out_.digest = digest;
  }
  void go_on(UpdateState state, AppDo action) {
    enter(state);
    act(action, s_.wanted);
  }
  // Where an update ends that changed nothing: what ran before runs on.
  void settle() { enter(s_.running.empty() ? UpdateState::kFailed : UpdateState::kRunning); }
  void fail_entirely() {
    s_.running.clear();
    s_.previous.clear();
    s_.gate_ends = 0;
    enter(UpdateState::kFailed);
    act(AppDo::kStop, "");
  }
  void go_back() {
    s_.gate_ends = 0;
    enter(UpdateState::kRollingBack);
    act(AppDo::kStartPrevious, s_.previous);
  }

  void want() {
    if (event_.digest.empty()) return;
    const bool same = s_.wanted == event_.digest;
    s_.wanted = event_.digest;
    if (same && (updating() || s_.state == UpdateState::kRollingBack)) return;
    if (s_.wanted == s_.running) {
      if (updating()) enter(UpdateState::kRunning);
      if (s_.state == UpdateState::kRunning) s_.reason.clear();
      return;
    }
    if (s_.state == UpdateState::kRollingBack) return;  // first back, then on: see started()
    // A newer version overtakes one that has not proved itself: it will be measured against the
    // last that has.
    const bool overtakes = s_.state == UpdateState::kGate;
    if (overtakes && !s_.previous.empty()) return go_back();
    if (hopeless()) {
      if (s_.reason.empty()) s_.reason = "it failed before; assign another version";
      return overtakes ? fail_entirely() : settle();
    }
    if (overtakes) s_.running.clear();
    s_.gate_ends = 0;
    s_.reason.clear();
    go_on(UpdateState::kFetching, AppDo::kFetch);
  }

  void begin_gate() {
    s_.previous = s_.running;
    s_.running = s_.wanted;
    s_.restarts = 0;
    s_.gate_ends = 0;
    go_on(UpdateState::kGate, AppDo::kStart);
  }

  void refuse() {
    s_.failed = s_.wanted;
    s_.refused = true;
    s_.reason = event_.reason;
    if (s_.running.empty()) return fail_entirely();
    settle();
  }

  void started() {
    if (in_gate()) {
      s_.gate_ends = event_.gate_ends;
    } else if (s_.state == UpdateState::kRollingBack && event_.digest == s_.previous) {
      s_.running = s_.previous;
      s_.previous.clear();
      after_rollback();
    } else if (updating() && event_.digest == s_.running) {
      resume_update();
    }
  }

  void after_rollback() {
    if (s_.wanted == s_.running || hopeless()) return settle();
    s_.reason.clear();
    go_on(UpdateState::kFetching, AppDo::kFetch);
  }

  void resume_update() {
    act(s_.state == UpdateState::kFetching ? AppDo::kFetch : AppDo::kVerify, s_.wanted);
  }

  void start_failed() {
    if (in_gate()) return fail_gate("it did not start: " + event_.reason);
    if (s_.state == UpdateState::kRollingBack && event_.digest == s_.previous) {
      s_.reason += "; the previous version did not start either: " + event_.reason;
      s_.running.clear();
      s_.previous.clear();
      if (hopeless()) return fail_entirely();
      return go_on(UpdateState::kFetching, AppDo::kFetch);
    }
    if (event_.digest != s_.running || s_.running.empty()) return;
    if (updating()) {  // after a restart; the update may well mend it
      s_.running.clear();
      return resume_update();
    }
    if (s_.state != UpdateState::kRunning) return;
    s_.reason = "it does not start any more: " + event_.reason;
    s_.failed = s_.running;
    s_.refused = true;  // it was good once: when something changes, try again
    fail_entirely();
  }

  void pass_gate() {
    enter(UpdateState::kRunning);
    s_.gate_ends = 0;
    s_.restarts = 0;
    s_.failed.clear();  // another assignment of what failed before this one is a new decision
    s_.refused = false;
    s_.reason.clear();
  }

  void fail_gate(const std::string& reason) {
    s_.failed = s_.running;
    s_.refused = false;
    s_.reason = reason;
    if (s_.previous.empty()) return fail_entirely();
    go_back();
  }

  void restarted() {
    switch (s_.state) {
      case UpdateState::kIdle:
      case UpdateState::kFailed:
        return;
      case UpdateState::kFetching:
      case UpdateState::kVerifying:
        if (s_.running.empty()) return resume_update();
        return act(AppDo::kStart, s_.running);
      case UpdateState::kGate:
        if (++s_.restarts > kMaxGateRestarts) {
          return fail_gate("the site's process ended " + std::to_string(s_.restarts) +
                           " times within the gate");
        }
        s_.gate_ends = 0;
        return act(AppDo::kStart, s_.running);
      case UpdateState::kRunning:
        return act(AppDo::kStart, s_.running);
      case UpdateState::kRollingBack:
        return act(AppDo::kStartPrevious, s_.previous);
    }
  }

  void unwant() {
    const bool idle = s_.state == UpdateState::kIdle;
    const std::string name = s_.name;
    s_ = AppState{};
    s_.name = name;
    s_.since = now_;
    if (!idle) act(AppDo::kStop, "");
  }

  const AppEvent& event_;
  const base::TimeUs now_;
  AppStep out_;
  AppState& s_;
};

base::Result<AppState> read_state(base::CborReader& in) {
  AppState out;
  LANDER_TRY(in.record(12, kFormat, "state of an app"));
  LANDER_ASSIGN(out.name, in.text_of(0, kMaxDigestBytes));
  LANDER_ASSIGN(const std::uint8_t state, in.enumerator(7, "a state"));
  out.state = static_cast<UpdateState>(state);
  LANDER_ASSIGN(out.running, in.text_of(0, kMaxDigestBytes));
  LANDER_ASSIGN(out.previous, in.text_of(0, kMaxDigestBytes));
  LANDER_ASSIGN(out.wanted, in.text_of(0, kMaxDigestBytes));
  LANDER_ASSIGN(out.failed, in.text_of(0, kMaxDigestBytes));
  LANDER_ASSIGN(out.refused, in.boolean());
  LANDER_ASSIGN(const std::uint64_t restarts, in.unsigned_integer());
  if (restarts > kMaxGateRestarts + 1) return in.corrupt("at most 6 restarts");
  out.restarts = static_cast<std::uint32_t>(restarts);
  LANDER_ASSIGN(out.gate_ends, in.integer());
  LANDER_ASSIGN(out.since, in.integer());
  LANDER_ASSIGN(out.reason, in.text_of(0, kMaxTextBytes));
  LANDER_TRY(in.end());
  return out;
}

}  // namespace

AppStep step(const AppState& state, const AppEvent& event, base::TimeUs now) {
  return Step(state, event, now).take();
}

Status status(const AppState& state) {
  switch (state.state) {
    case UpdateState::kRunning:
      if (state.wanted == state.running) return Status::kApplied;
      if (state.wanted != state.failed) return Status::kPending;
      return state.refused ? Status::kRefused : Status::kRolledBack;
    case UpdateState::kFailed:
      return state.refused ? Status::kRefused : Status::kFailed;
    default:
      return Status::kPending;
  }
}

base::Bytes encode(const AppState& state) {
  base::CborWriter out;
  out.array(12).unsigned_integer(kFormat).text(state.name);
  out.unsigned_integer(static_cast<std::uint64_t>(state.state)).text(state.running);
  out.text(state.previous).text(state.wanted).text(state.failed).boolean(state.refused);
  out.unsigned_integer(state.restarts).integer(state.gate_ends).integer(state.since);
  out.text(state.reason);
  return out.take();
}

base::Result<AppState> decode_app_state(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto out = read_state(in);
  if (!out.ok()) return out.error().context("state of an app");
  return out;
}

}  // namespace lander::twin
