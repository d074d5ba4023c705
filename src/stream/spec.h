// What Spec::parse makes of an app.yaml: slots and nodes, all names resolved. Internal to stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/predictor.h"
#include "stream/expression.h"
#include "stream/message.h"
#include "stream/pipeline.h"
#include "stream/window.h"

namespace lander::stream {

inline constexpr std::size_t kMaxPorts = 64;  // a set of ports is a 64-bit mask
inline constexpr std::size_t kMaxNodes = 128;

struct WindowNode {
  int of = 0;  // slot
  base::DurationUs over = 0;
  Stat stat = Stat::kMean;
};
struct LetNode {
  Expression is;
};
// Which of a prediction's numbers a model node is; kScore: of a detector.
enum class Gives : std::uint8_t { kScore, kValue, kLow, kHigh, kClass };
struct ModelNode {
  model::Model model;
  Gives gives = Gives::kScore;
  std::string label;        // kClass: the node is this class's probability, 0 when it is another
  std::vector<int> inputs;  // slots, in the order of the model's inputs
};
struct RuleNode {
  Expression when;
  std::optional<Expression> clear;
  base::DurationUs on_delay = 0, off_delay = 0;
};
struct AlertNode {
  std::size_t rule = 0;  // index of its node
  std::string title;
  Message detail;
  alert::Severity severity = alert::Severity::kMedium;
  std::vector<int> causes;  // slots of ports
};

struct Node {
  std::string name;         // empty: an alert
  int slot = -1;            // where its value stands; -1: an alert
  std::uint64_t ports = 0;  // those it depends on, directly or through nodes
  std::variant<WindowNode, LetNode, ModelNode, RuleNode, AlertNode> kind;
};

class ParsedSpec final : public Spec {
 public:
  const std::vector<Port>& ports() const override { return ports_; }
  std::vector<Port> ports_;  // port i has slot i
  std::vector<Node>
      nodes_;  // in order of evaluation; node j has slot ports + j (alerts too, unused)
  std::size_t slots() const { return ports_.size() + nodes_.size(); }
};

}  // namespace lander::stream
