#include "learn/xgboost.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

namespace lander::learn {
namespace {

using nlohmann::json;

base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "XGBoost model: " + what);
}
base::Error unsupported(const std::string& what) {
  return base::Error(base::Code::kUnsupported, "XGBoost model: " + what);
}

const json* find(const json& in, std::initializer_list<const char*> path) {
  const json* at = &in;
  for (const char* name : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

// Parameters are texts: "5E-1", and of 3.1 and later "[5E-1]".
std::optional<double> number(const json* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  if (!value->is_string()) return std::nullopt;
  std::string_view text = value->get_ref<const std::string&>();
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  double parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return parsed;
}

// base_score is in the unit of the prediction; trees add to the margin before the link.
base::Result<double> base_margin(const json& learner) {
  const auto score = number(find(learner, {"learner_model_param", "base_score"}));
  const json* const name = find(learner, {"objective", "name"});
  if (!score || !std::isfinite(*score)) return corrupt("no base_score that is one number");
  if (name == nullptr || !name->is_string()) return corrupt("no objective");
  const auto& objective = name->get_ref<const std::string&>();
  const auto one_of = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), objective) != names.end();
  };
  if (one_of({"reg:squarederror", "reg:absoluteerror", "reg:quantileerror", "reg:pseudohubererror",
              "reg:squaredlogerror", "multi:softprob", "multi:softmax", "binary:hinge",
              "rank:pairwise", "rank:ndcg", "rank:map"})) {
    return *score;
  }
  if (one_of({"binary:logistic", "reg:logistic", "binary:logitraw"})) {
    if (!(*score > 0 && *score < 1)) return corrupt("a base_score that is no probability");
    return std::log(*score / (1 - *score));
  }
  if (one_of({"count:poisson", "reg:gamma", "reg:tweedie"})) {
    if (!(*score > 0)) return corrupt("a base_score that is not positive");
    return std::log(*score);
  }
  return unsupported("objective " + objective);
}

template <class T>
const json* list(const json& tree, const char* name, std::size_t size, T is_right) {
  const json* const found = find(tree, {name});
  if (found == nullptr || !found->is_array() || found->size() != size) return nullptr;
  return std::all_of(found->begin(), found->end(), is_right) ? found : nullptr;
}

// Node by node from the root, so that what pruning left behind stays behind.
base::Status append_tree(const json& tree, model::Trees& trees) {
  const json* const first = find(tree, {"left_children"});
  if (first == nullptr || !first->is_array() || first->empty())
    return corrupt("a tree without nodes");
  const std::size_t n = first->size();
  const auto whole = [](const json& x) { return x.is_number_integer(); };
  const auto real = [](const json& x) { return x.is_number(); };
  const auto flag = [](const json& x) { return x.is_boolean() || x.is_number_integer(); };
  const json* const left = list(tree, "left_children", n, whole);
  const json* const right = list(tree, "right_children", n, whole);
  const json* const feature = list(tree, "split_indices", n, whole);
  const json* const number = list(tree, "split_conditions", n, real);
  const json* const missing = list(tree, "default_left", n, flag);
  if (!left || !right || !feature || !number || !missing) {
    return corrupt("a tree whose lists do not fit each other");
  }
  if (const json* types = find(tree, {"split_type"}); types != nullptr && types->is_array()) {
    for (const json& type : *types) {
      if (type.is_number() && type != 0) return unsupported("categorical splits");
    }
  }
  struct Open {
    std::int64_t from;
    std::size_t to;
  };
  const std::size_t begin = trees.nodes.size();
  trees.roots.push_back(static_cast<std::uint32_t>(begin));
  trees.nodes.emplace_back();
  std::vector<Open> open{{0, begin}};
  while (!open.empty()) {
    const Open at = open.back();
    open.pop_back();
    const auto i = static_cast<std::size_t>(at.from);
    model::TreeNode node;
    node.threshold = (*number)[i].get<float>();
    const auto to_left = (*left)[i].get<std::int64_t>(), to_right = (*right)[i].get<std::int64_t>();
    if (to_left != -1) {
      const auto size = static_cast<std::int64_t>(n);
      if (to_left < 0 || to_left >= size || to_right < 0 || to_right >= size ||
          trees.nodes.size() - begin + 2 > n) {
        return base::Error(base::Code::kInvalid,
                           "XGBoost model: a tree with a child out of range or a cycle");
      }
      const auto asked = (*feature)[i].get<std::int64_t>();
      if (asked < 0 || static_cast<std::uint64_t>(asked) >= trees.features) {
        return base::Error(base::Code::kInvalid, "XGBoost model: feature " + std::to_string(asked) +
                                                     " of " + std::to_string(trees.features));
      }
      node.feature = static_cast<std::int32_t>(asked);
      const json& way = (*missing)[i];
      node.default_left = way.is_boolean() ? way.get<bool>() : way.get<std::int64_t>() != 0;
      node.left = static_cast<std::uint32_t>(trees.nodes.size());
      node.right = node.left + 1;
      trees.nodes.resize(trees.nodes.size() + 2);
      open.push_back({to_left, node.left});
      open.push_back({to_right, node.right});
    }
    trees.nodes[at.to] = node;
  }
  return {};
}

// XGBoost says of each tree what it adds to; ours take turns.
base::Result<std::vector<std::size_t>> turns(const json* info, std::size_t trees,
                                             std::size_t outputs) {
  std::vector<std::vector<std::size_t>> of(outputs);
  if (info == nullptr || !info->is_array() || info->size() != trees) {
    return corrupt("tree_info does not fit the trees");
  }
  for (std::size_t t = 0; t < trees; ++t) {
    const json& output = (*info)[t];
    if (!output.is_number_unsigned() || output.get<std::uint64_t>() >= outputs) {
      return corrupt("a tree of a class that is not there");
    }
    of[output.get<std::size_t>()].push_back(t);
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < of[0].size(); ++i) {
    for (const auto& own : of) {
      if (own.size() != of[0].size()) return unsupported("classes with unequally many trees");
      order.push_back(own[i]);
    }
  }
  return order;
}

}  // namespace

base::Result<model::Trees> trees_from_xgboost(std::string_view text) {
  if (text.size() > kMaxXgboostBytes) return corrupt("over 256 MiB");
  const json file = json::parse(text, nullptr, false);
  const json* const learner = find(file, {"learner"});
  if (learner == nullptr) return corrupt("not the JSON of save_model");
  const json* const booster = find(*learner, {"gradient_booster", "name"});
  if (booster == nullptr || *booster != "gbtree") return unsupported("a booster other than gbtree");
  const auto features = number(find(*learner, {"learner_model_param", "num_feature"}));
  const auto classes = number(find(*learner, {"learner_model_param", "num_class"}));
  const auto targets = number(find(*learner, {"learner_model_param", "num_target"}));
  if (targets.value_or(1) > 1) return unsupported("several targets");
  model::Trees trees;
  if (!features || !(*features >= 1 && *features <= model::kMaxTreeFeatures)) {
    return unsupported("its number of features");
  }
  if (!(classes.value_or(0) >= 0 && classes.value_or(0) <= 4096)) return corrupt("num_class");
  trees.features = static_cast<std::size_t>(*features);
  trees.outputs = std::max<std::size_t>(1, static_cast<std::size_t>(classes.value_or(0)));
  LANDER_ASSIGN(const double base, base_margin(*learner));
  trees.base.assign(trees.outputs, static_cast<float>(base));
  const json* const all = find(*learner, {"gradient_booster", "model", "trees"});
  if (all == nullptr || !all->is_array() || all->size() > model::kMaxTrees)
    return corrupt("no trees");
  LANDER_ASSIGN(const std::vector<std::size_t> order,
                turns(find(*learner, {"gradient_booster", "model", "tree_info"}), all->size(),
                      trees.outputs));
  for (const std::size_t t : order) LANDER_TRY(append_tree((*all)[t], trees));
  LANDER_TRY(model::validate(trees));
  return trees;
}

}  // namespace lander::learn
