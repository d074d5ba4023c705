// The parser of `ports` and `pipeline` of an app.yaml: docs/formats/pipeline.md.
#include "stream/spec.h"

#include <algorithm>
#include <array>

#include "base/suggest.h"
#include "sensing/unit.h"

namespace lander::stream {
namespace {

constexpr base::DurationUs kLongest = base::kDay;
constexpr std::size_t kMaxText = 512;
// What package/manifest reads from the same file.
constexpr std::string_view kOthersKeys[] = {"app",     "version", "vendor",  "title", "description",
                                            "licence", "support", "purpose", "health"};

void accept_all(base::Yaml node) {
  if (!node.is_map()) return;
  for (auto& [key, value] : node.entries()) accept_all(value);
}

class SpecParser {
 public:
  SpecParser(base::Yaml app, const std::map<std::string, base::Bytes>& files)
      : app_(std::move(app)), files_(files), spec_(std::make_shared<ParsedSpec>()) {}

  base::Result<std::shared_ptr<const Spec>> parse() {
    for (const std::string_view key : kOthersKeys) accept_all(app_.optional(key));
    parse_ports(app_.required("ports"));
    parse_nodes(app_.required("pipeline"));
    LANDER_TRY(app_.finish());
    return std::shared_ptr<const Spec>(std::move(spec_));
  }

 private:
  using Handle = base::Yaml;

  int lookup(std::string_view name) const {
    for (std::size_t i = 0; i < spec_->ports_.size(); ++i) {
      if (spec_->ports_[i].name == name) return static_cast<int>(i);
    }
    for (const Node& node : spec_->nodes_) {
      if (!node.name.empty() && node.name == name) return node.slot;
    }
    return -1;
  }
  std::uint64_t ports_of(int slot) const {
    const auto at = static_cast<std::size_t>(slot);
    const std::size_t ports = spec_->ports_.size();
    return at < ports ? std::uint64_t{1} << at : spec_->nodes_[at - ports].ports;
  }

  std::string text(Handle map, std::string_view key) {
    Handle field = map.required(key);
    std::string value = field.text();
    if (field.is_scalar() && value.empty()) field.mistake("expected some text");
    if (value.size() > kMaxText) field.mistake("expected at most 512 bytes");
    return value;
  }
  base::DurationUs duration(Handle field, base::DurationUs fallback, base::DurationUs least) {
    if (!field.present()) return fallback;
    const base::DurationUs value = field.duration_us(fallback);
    if (value < least || value > kLongest) {
      field.mistake("expected a duration from " + base::to_text(least) + " to 24h");
      return fallback;
    }
    return value;
  }
  // A new name: well formed and not taken.
  std::string new_name(Handle field, const std::string& name) {
    if (auto status = valid_name(name); !status.ok()) {
      field.mistake(status.error().message());
    } else if (lookup(name) >= 0) {
      field.mistake("the name " + base::quoted(name) + " is taken already");
    }
    return name;
  }
  // A name that stands before; 0 after a mistake.
  int known(Handle field, const std::string& name) {
    const int slot = lookup(name);
    if (slot >= 0) return slot;
    std::vector<std::string_view> names;
    for (const Port& port : spec_->ports_) names.push_back(port.name);
    for (const Node& node : spec_->nodes_) {
      if (!node.name.empty()) names.push_back(node.name);
    }
    field.mistake("no port or earlier node has the name " + base::quoted(name) +
                  base::suggestion(name, names));
    return 0;
  }
  int known(Handle field) {
    const std::string name = field.text();
    return field.is_scalar() ? known(field, name) : 0;
  }
  Expression expression(Handle field, std::uint64_t& ports) {
    const std::string source = field.text();
    if (!field.is_scalar()) return {};
    auto parsed = Expression::parse(source, [this](std::string_view name) { return lookup(name); });
    if (!parsed.ok()) {
      field.mistake(parsed.error().message() + " of the expression");
      return {};
    }
    for (const int slot : parsed->slots()) ports |= ports_of(slot);
    return std::move(*parsed);
  }

  void parse_ports(Handle map) {
    for (auto& [name, node] : map.entries()) {
      if (spec_->ports_.size() == kMaxPorts) return map.mistake("over 64 ports");
      Port port;
      port.name = new_name(node, name);
      port.property = text(node, "property");
      Handle unit = node.required("unit");
      port.unit = unit.text("1");
      if (auto status = sensing::valid_unit(port.unit); unit.is_scalar() && !status.ok()) {
        unit.mistake(status.error().message());
      }
      if (Handle asset = node.optional("asset"); asset.present()) port.asset = asset.text();
      port.stale_after =
          duration(node.optional("stale_after"), port.stale_after, base::kMillisecond);
      spec_->ports_.push_back(std::move(port));
    }
    if (map.is_map() && spec_->ports_.empty()) map.mistake("expected at least one port");
  }

  void parse_nodes(Handle list) {
    for (Handle& item : list.items()) {
      if (spec_->nodes_.size() == kMaxNodes) return list.mistake("over 128 nodes");
      parse_node(item);
    }
    const auto alerts = std::count_if(
        spec_->nodes_.begin(), spec_->nodes_.end(),
        [](const Node& node) { return std::holds_alternative<AlertNode>(node.kind); });
    if (list.is_list() && alerts == 0) {
      list.mistake("expected at least one alert: this pipeline could tell nothing");
    }
  }

  void parse_node(Handle item) {
    static constexpr std::array<std::string_view, 5> kKinds = {"window", "let", "model", "rule",
                                                               "alert"};
    const auto entries = item.entries();
    if (entries.size() != 1) {
      if (item.is_map()) {
        item.mistake("expected exactly one of window, let, model, rule, alert; found " +
                     std::to_string(entries.size()) + " keys");
      }
      return;
    }
    const auto& [kind, body] = entries.front();
    const auto at = std::find(kKinds.begin(), kKinds.end(), kind);
    if (at == kKinds.end()) {
      item.mistake("no node of kind " + base::quoted(kind) + base::suggestion(kind, kKinds));
      return;
    }
    Node node;
    node.slot = static_cast<int>(spec_->slots());
    Handle fields = body;
    switch (at - kKinds.begin()) {
      case 0:
        parse_window(fields, node);
        break;
      case 1:
        parse_let(fields, node);
        break;
      case 2:
        parse_model(fields, node);
        break;
      case 3:
        parse_rule(fields, node);
        break;
      default:
        if (!parse_alert(fields, node)) return;
    }
    spec_->nodes_.push_back(std::move(node));
  }

  void name_node(Handle fields, Node& node) {
    Handle field = fields.required("name");
    const std::string name = field.text();
    if (field.is_scalar()) node.name = new_name(field, name);
  }

  void parse_window(Handle fields, Node& node) {
    WindowNode window;
    name_node(fields, node);
    window.of = known(fields.required("of"));
    window.over = duration(fields.required("over"), base::kSecond, base::kMillisecond);
    window.stat = static_cast<Stat>(fields.required("stat").one_of(kStatNames));
    if (window.of < static_cast<int>(spec_->slots())) node.ports = ports_of(window.of);
    node.kind = window;
  }

  void parse_let(Handle fields, Node& node) {
    LetNode let;
    name_node(fields, node);
    let.is = expression(fields.required("is"), node.ports);
    node.kind = std::move(let);
  }

  void parse_model(Handle fields, Node& node) {
    ModelNode model;
    name_node(fields, node);
    Handle file = fields.required("file");
    const std::string name = file.text();
    Handle inputs = fields.required("inputs");
    for (Handle& input : inputs.items()) model.inputs.push_back(known(input));
    if (file.is_scalar()) load_model(fields, file, name, inputs, model);
    for (const int slot : model.inputs) {
      if (slot < static_cast<int>(spec_->slots())) node.ports |= ports_of(slot);
    }
    node.kind = std::move(model);
  }

  template <class T>
  static base::Status status_of(const base::Result<T>& result) {
    return result.ok() ? base::Status() : base::Status(result.error());
  }

  // What of a prediction the node is: a pipeline's nodes are one number each.
  void load_gives(Handle fields, model::Kind kind, ModelNode& node) {
    static constexpr std::array<std::string_view, 3> kGives = {"value", "low", "high"};
    Handle gives = fields.optional("gives"), label = fields.optional("class");
    if (gives.present() && kind != model::Kind::kLife)
      gives.mistake("only a model of remaining life gives value, low or high");
    if (label.present() && kind != model::Kind::kClass)
      label.mistake("only a model of classes knows one");
    if (kind == model::Kind::kLife) {
      constexpr Gives kOf[] = {Gives::kValue, Gives::kLow, Gives::kHigh};
      node.gives = kOf[gives.present() ? gives.one_of(kGives, 0) : 0];
    } else if (kind == model::Kind::kClass) {
      node.gives = Gives::kClass;
      node.label = fields.required("class").text();
    }
  }

  void load_model(Handle fields, Handle file, const std::string& name, Handle inputs,
                  ModelNode& node) {
    const auto found = files_.find(name);
    if (found == files_.end()) {
      return file.mistake("the package has no file " + base::quoted(name));
    }
    auto decoded = model::decode_model(found->second);
    if (!decoded.ok()) return file.mistake(decoded.error().message());
    const auto kind = model::kind_of(*decoded);
    if (!kind.ok()) return file.mistake(kind.error().message());
    const base::Status runs = *kind == model::Kind::kDetector
                                  ? status_of(model::make_detector(*decoded))
                                  : status_of(model::make_predictor(*decoded));
    if (!runs.ok()) return file.mistake(runs.error().message());
    load_gives(fields, *kind, node);
    node.model = std::move(*decoded);
    const auto& wanted = node.model.inputs;
    if (inputs.is_list() && node.inputs.size() != wanted.size()) {
      return inputs.mistake("the model has " + std::to_string(wanted.size()) +
                            " inputs, here are " + std::to_string(node.inputs.size()));
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto slot = static_cast<std::size_t>(node.inputs[i]);
      if (slot < spec_->ports_.size() && spec_->ports_[slot].unit != wanted[i].unit) {
        inputs.mistake("input " + std::to_string(i + 1) + ": the model wants " +
                       base::quoted(wanted[i].unit) + ", port " + spec_->ports_[slot].name +
                       " is in " + base::quoted(spec_->ports_[slot].unit));
      }
    }
  }

  void parse_rule(Handle fields, Node& node) {
    RuleNode rule;
    name_node(fields, node);
    rule.when = expression(fields.required("when"), node.ports);
    if (Handle clear = fields.optional("clear"); clear.present()) {
      rule.clear = expression(clear, node.ports);
    }
    rule.on_delay = duration(fields.optional("for"), 0, 0);
    rule.off_delay = duration(fields.optional("clear_for"), 0, 0);
    node.kind = std::move(rule);
  }

  bool is_cause(std::uint64_t ports, std::size_t port) const { return ports >> port & 1; }

  bool parse_alert(Handle fields, Node& node) {
    AlertNode alert;
    Handle rule = fields.required("rule");
    const std::string name = rule.text();
    const auto& nodes = spec_->nodes_;
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& candidate) {
      return candidate.name == name && std::holds_alternative<RuleNode>(candidate.kind);
    });
    alert.title = text(fields, "title");
    if (Handle detail = fields.optional("detail"); detail.present()) {
      const std::string source = text(fields, "detail");
      auto parsed = Message::parse(source, [this](std::string_view n) { return lookup(n); });
      if (parsed.ok()) {
        alert.detail = std::move(*parsed);
      } else {
        detail.mistake(parsed.error().message() + " of the text");
      }
    }
    static constexpr std::array<std::string_view, 4> kSeverities = {"low", "medium", "high",
                                                                    "critical"};
    alert.severity =
        static_cast<alert::Severity>(fields.required("severity").one_of(kSeverities, 1));
    Handle causes = fields.optional("causes");
    if (causes.present()) parse_causes(causes, alert);
    if (found == nodes.end()) {
      if (rule.is_scalar()) rule.mistake("no earlier rule has the name " + base::quoted(name));
      return false;
    }
    alert.rule = static_cast<std::size_t>(found - nodes.begin());
    for (const Node& other : nodes) {
      const auto* same = std::get_if<AlertNode>(&other.kind);
      if (same && same->rule == alert.rule) {
        rule.mistake("rule " + base::quoted(name) + " has an alert already");
      }
    }
    if (!causes.present()) {
      for (std::size_t p = 0; p < spec_->ports_.size(); ++p) {
        if (is_cause(found->ports, p)) alert.causes.push_back(static_cast<int>(p));
      }
    }
    node.ports = found->ports;
    node.kind = std::move(alert);
    return true;
  }

  void parse_causes(Handle list, AlertNode& alert) {
    for (Handle& item : list.items()) {
      const int slot = known(item);
      if (slot >= static_cast<int>(spec_->ports_.size())) {
        item.mistake("a cause must be a port");
      } else if (std::find(alert.causes.begin(), alert.causes.end(), slot) == alert.causes.end()) {
        alert.causes.push_back(slot);
      }
    }
  }

  base::Yaml app_;
  const std::map<std::string, base::Bytes>& files_;
  std::shared_ptr<ParsedSpec> spec_;
};

}  // namespace

base::Result<std::shared_ptr<const Spec>> Spec::parse(
    base::Yaml app, const std::map<std::string, base::Bytes>& files) {
  return SpecParser(std::move(app), files).parse();
}

}  // namespace lander::stream
