// A Spec bound to series: docs/formats/pipeline.md, "Evaluation".
#include "stream/pipeline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "base/check.h"
#include "stream/debounce.h"
#include "stream/spec.h"
#include "stream/timeline.h"

namespace lander::stream {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kUsualSeconds = 60;  // what "expected" of a rule's cause averages over

struct ModelState {
  std::unique_ptr<model::Detector> detector;  // one of the two
  std::unique_ptr<model::Predictor> predictor;
  base::TimeUs began = kNoTime;  // first frame of a prediction
  std::vector<double> frame;
  base::TimeUs next = kNoTime;
  double score = kMissing;
};
struct RuleState {
  Debounce debounce{0, 0};
  bool known = false;  // its condition was known once
};
using NodeState = std::variant<std::monostate, Window, ModelState, RuleState>;

class RunningPipeline final : public Pipeline {
 public:
  RunningPipeline(std::shared_ptr<const ParsedSpec> spec, std::vector<Input> inputs,
                  std::vector<std::string> datastreams, std::string asset)
      : spec_(std::move(spec)),
        inputs_(std::move(inputs)),
        datastreams_(std::move(datastreams)),
        asset_(std::move(asset)),
        usual_(inputs_.size(), kMissing),
        slots_(spec_->slots(), kMissing) {
    for (const Input& input : inputs_) slowest_ = std::max(slowest_, input.stale_after);
    for (const Node& node : spec_->nodes_) states_.push_back(make_state(node));
    alerts_.assign(spec_->nodes_.size(), nullptr);
    for (const Node& node : spec_->nodes_) {
      if (const auto* alert = std::get_if<AlertNode>(&node.kind)) alerts_[alert->rule] = alert;
    }
  }

  void step(const sensing::Observation& observation, base::TimeUs now, const Sink& sink) override {
    if (!plausible_time(observation.time)) return;
    std::uint64_t ports = 0;
    timeline_.clock(now);
    forgive_clock(now);
    bool ours = false;
    for (std::size_t p = 0; p < inputs_.size(); ++p) {
      if (inputs_[p].series != observation.series) continue;
      ours = true;
      if (take(p, observation, now)) ports |= std::uint64_t{1} << p;
    }
    if (ours) ++health_.observations;
    if (ports != 0) evaluate(ports, true, now, sink);
  }

  void tick(base::TimeUs now, const Sink& sink) override {
    timeline_.clock(now);
    forgive_clock(now);
    evaluate(~std::uint64_t{0}, false, now, sink);
  }

  const Health& health() const override { return health_; }

 private:
  static NodeState make_state(const Node& node) {
    if (const auto* window = std::get_if<WindowNode>(&node.kind)) {
      return Window(window->over, window->stat);
    }
    if (const auto* model = std::get_if<ModelNode>(&node.kind)) {
      ModelState state;
      // The spec's parser made one of each.
      if (model->gives == Gives::kScore) {
        auto detector = model::make_detector(model->model);
        LANDER_CHECK(detector.ok());
        state.detector = std::move(*detector);
      } else {
        auto predictor = model::make_predictor(model->model);
        LANDER_CHECK(predictor.ok());
        state.predictor = std::move(*predictor);
      }
      state.frame.resize(model->inputs.size());
      return state;
    }
    if (const auto* rule = std::get_if<RuleNode>(&node.kind)) {
      return RuleState{Debounce(rule->on_delay, rule->off_delay)};
    }
    return std::monostate();
  }

  void forgive_clock(base::TimeUs now) {
    for (Input& input : inputs_) {
      if (input.arrived != kNoTime) input.arrived = std::min(input.arrived, now);
    }
  }

  // Returns whether the port has a new live value; a late one goes to the windows only.
  bool take(std::size_t p, const sensing::Observation& observation, base::TimeUs now) {
    Input& input = inputs_[p];
    const double value = converted(input, observation);
    const Timeline::Arrival arrival = timeline_.arrive(input, observation.time, now);
    if (arrival == Timeline::Arrival::kRestart) restart();
    if (!std::isnan(value)) add_to_windows(static_cast<int>(p), observation.time, value);
    if (arrival == Timeline::Arrival::kLate) return false;
    remember_usual(p, observation.time, value);
    input.value = value;
    input.time = observation.time;
    input.arrived = now;
    timeline_.advance(observation.time, now);
    return true;
  }

  void restart() {
    timeline_.restart();
    for (Input& input : inputs_) input.time = kNoTime;
    for (NodeState& state : states_) {
      if (auto* window = std::get_if<Window>(&state)) window->clear();
      if (auto* model = std::get_if<ModelState>(&state)) {
        model->next = model->began = kNoTime;
        if (model->predictor) model->predictor->reset();
      }
      if (auto* rule = std::get_if<RuleState>(&state)) rule->debounce.restart();
    }
  }

  void add_to_windows(int slot, base::TimeUs time, double value) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto* node = std::get_if<WindowNode>(&spec_->nodes_[i].kind);
      if (!node || node->of != slot) continue;
      if (!std::get<Window>(states_[i]).add(time, value) && health_.error.empty()) {
        health_.error = "window " + spec_->nodes_[i].name +
                        " holds only its newest 16384 samples: they come too fast for its " +
                        base::to_text(node->over);
      }
    }
  }

  // The average of a port while no rule that looks at it is up or on its way: what its cause
  // "expected".
  void remember_usual(std::size_t p, base::TimeUs time, double value) {
    if (std::isnan(value)) return;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto* rule = std::get_if<RuleState>(&states_[i]);
      const bool busy = rule && (rule->debounce.active() || rule->debounce.pending());
      if (busy && (spec_->nodes_[i].ports >> p & 1)) return;
    }
    const double passed =
        inputs_[p].seen() ? static_cast<double>(time - inputs_[p].time) / base::kSecond : 0;
    if (std::isnan(usual_[p])) {
      usual_[p] = value;
    } else {
      usual_[p] += (1 - std::exp(-passed / kUsualSeconds)) * (before(p, value) - usual_[p]);
    }
  }
  // The value that held until now, so that the one that trips the rule is not part of what was
  // usual.
  double before(std::size_t p, double value) const {
    return std::isnan(inputs_[p].value) ? value : inputs_[p].value;
  }

  void evaluate(std::uint64_t changed, bool by_data, base::TimeUs now, const Sink& sink) {
    const base::TimeUs instant = timeline_.instant(now);
    for (std::size_t p = 0; p < inputs_.size(); ++p) slots_[p] = inputs_[p].at(instant, now);
    for (std::size_t i = 0; i < spec_->nodes_.size(); ++i) {
      const Node& node = spec_->nodes_[i];
      if ((node.ports & changed) == 0 && (by_data || node.ports != 0)) continue;
      if (auto* window = std::get_if<Window>(&states_[i])) {
        set(i, window->value(instant), by_data, instant);
      } else if (const auto* let = std::get_if<LetNode>(&node.kind)) {
        set(i, let->is.evaluate(slots_), by_data, instant);
      } else if (const auto* model = std::get_if<ModelNode>(&node.kind)) {
        set(i, run_model(*model, std::get<ModelState>(states_[i]), instant), by_data, instant);
      } else if (const auto* rule = std::get_if<RuleNode>(&node.kind)) {
        run_rule(i, *rule, instant, now, sink);
      }
    }
  }

  // A window over a node takes a sample when data made the node's value, not when time passed.
  void set(std::size_t i, double value, bool by_data, base::TimeUs instant) {
    const int slot = spec_->nodes_[i].slot;
    slots_[static_cast<std::size_t>(slot)] = value;
    if (by_data && !std::isnan(value)) add_to_windows(slot, instant, value);
  }

  double run_model(const ModelNode& node, ModelState& state, base::TimeUs instant) {
    if (!timeline_.has_data() || (state.next != kNoTime && instant < state.next))
      return state.score;
    const base::DurationUs interval = node.model.interval;
    state.next = instant - instant % interval + interval;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      state.frame[k] = slots_[static_cast<std::size_t>(node.inputs[k])];
    }
    if (state.predictor) {
      predict(node, state, instant);
    } else {
      const model::Score& score = state.detector->score(state.frame, instant);
      state.score = score.valid ? score.score : kMissing;
    }
    return state.score;
  }

  // A life counts in frames of the model's interval, from the first that the pipeline saw.
  static void predict(const ModelNode& node, ModelState& state, base::TimeUs instant) {
    if (std::all_of(state.frame.begin(), state.frame.end(),
                    [](double x) { return std::isnan(x); })) {
      state.score = kMissing;
      return;
    }
    if (state.began == kNoTime) state.began = instant;
    const double time =
        static_cast<double>(instant - state.began) / static_cast<double>(node.model.interval);
    const model::Prediction& told = state.predictor->predict(state.frame, time);
    switch (node.gives) {
      case Gives::kLow:
        state.score = told.low;
        break;
      case Gives::kHigh:
        state.score = told.high;
        break;
      case Gives::kClass:
        state.score = told.label == node.label ? told.probability : 0;
        break;
      case Gives::kValue:
      case Gives::kScore:
        state.score = told.value;
        break;
    }
  }

  static Truth truth(double value) {
    if (std::isnan(value)) return Truth::kUnknown;
    return value != 0 ? Truth::kTrue : Truth::kFalse;
  }
  static Truth opposite(Truth truth) {
    if (truth == Truth::kUnknown) return truth;
    return truth == Truth::kTrue ? Truth::kFalse : Truth::kTrue;
  }

  void run_rule(std::size_t i, const RuleNode& rule, base::TimeUs instant, base::TimeUs now,
                const Sink& sink) {
    auto& state = std::get<RuleState>(states_[i]);
    const Truth bad = truth(rule.when.evaluate(slots_));
    const Truth good = rule.clear ? truth(rule.clear->evaluate(slots_)) : opposite(bad);
    if (bad != Truth::kUnknown) {
      state.known = true;
      ++health_.evaluations;
    } else if (state.known || now - timeline_.started() > slowest_) {
      ++health_.invalid_evaluations;
    }
    const Edge edge = state.debounce.step(instant, bad, good);
    slots_[static_cast<std::size_t>(spec_->nodes_[i].slot)] = state.debounce.active() ? 1 : 0;
    if (edge != Edge::kNone && alerts_[i]) tell(i, edge, instant, sink);
  }

  void tell(std::size_t i, Edge edge, base::TimeUs instant, const Sink& sink) {
    Signal signal;
    signal.raise = edge == Edge::kRaise;
    signal.rule = spec_->nodes_[i].name;
    signal.time = instant;
    signal.info.asset = asset_;
    signal.info.title = alerts_[i]->title;
    signal.info.severity = alerts_[i]->severity;
    if (signal.raise) {
      signal.info.detail = alerts_[i]->detail.render(slots_);
      signal.info.score = 1;
      for (const int port : alerts_[i]->causes) {
        const auto p = static_cast<std::size_t>(port);
        alert::Cause cause;
        cause.datastream = datastreams_[p];
        cause.share = 1.0 / static_cast<double>(alerts_[i]->causes.size());
        cause.value = std::isnan(slots_[p]) ? 0 : slots_[p];
        cause.expected = std::isnan(usual_[p]) ? cause.value : usual_[p];
        cause.unit = spec_->ports_[p].unit;
        signal.info.causes.push_back(std::move(cause));
      }
    }
    ++health_.signals;
    sink(signal);
  }

  std::shared_ptr<const ParsedSpec> spec_;
  std::vector<Input> inputs_;  // by port
  std::vector<std::string> datastreams_;
  std::string asset_;
  std::vector<double> usual_;  // by port
  std::vector<double> slots_;
  std::vector<NodeState> states_;
  std::vector<const AlertNode*> alerts_;  // by the rule's node
  base::DurationUs slowest_ = 0;
  Timeline timeline_;
  Health health_;
};

// "a/b/c" and "a/b/d" have "a/b"; without anything in common it is the first.
std::string common_asset(const std::vector<std::string>& assets) {
  std::string common = assets.empty() ? "" : assets.front();
  for (const std::string& asset : assets) {
    while (!common.empty() && asset != common && !asset.starts_with(common + "/")) {
      const std::size_t slash = common.rfind('/');
      common = slash == std::string::npos ? "" : common.substr(0, slash);
    }
  }
  return common.empty() && !assets.empty() ? assets.front() : common;
}

}  // namespace

bool plausible_time(base::TimeUs time) {
  constexpr base::TimeUs kMost = 300 * 365 * base::kDay;  // of 1970: sums of two stay in range
  return time > -kMost && time < kMost;
}

base::Result<std::unique_ptr<Pipeline>> Pipeline::make(
    const std::shared_ptr<const Spec>& spec, const std::map<std::string, BoundPort>& ports) {
  auto parsed = std::dynamic_pointer_cast<const ParsedSpec>(spec);
  LANDER_CHECK(parsed);
  std::vector<Input> inputs;
  std::vector<std::string> datastreams, assets;
  for (const Port& port : parsed->ports_) {
    const auto bound = ports.find(port.name);
    if (bound == ports.end()) {
      return base::Error(base::Code::kNotFound, "port " + port.name + " is not bound");
    }
    auto conversion = sensing::conversion(bound->second.from_unit, port.unit);
    if (!conversion.ok()) {
      return base::Error(base::Code::kInvalid, conversion.error().message())
          .context("port " + port.name);
    }
    Input input;
    input.series = bound->second.series;
    input.conversion = *conversion;
    input.stale_after = port.stale_after;
    inputs.push_back(input);
    datastreams.push_back(bound->second.datastream);
    assets.push_back(bound->second.asset);
  }
  return std::unique_ptr<Pipeline>(std::make_unique<RunningPipeline>(
      std::move(parsed), std::move(inputs), std::move(datastreams), common_asset(assets)));
}

}  // namespace lander::stream
