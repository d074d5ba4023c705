#include "model/predictor.h"

#include "model/classify.h"
#include "model/life.h"

namespace lander::model {
base::Result<Kind> kind_of(const Model& model) {
  if (model.lineage.method == "life") return Kind::kLife;
  if (model.lineage.method == "class") return Kind::kClass;
  return Kind::kDetector;
}

base::Result<std::unique_ptr<Predictor>> make_predictor(const Model& model) {
  LANDER_ASSIGN(const Kind kind, kind_of(model));
  if (kind == Kind::kDetector) {
    return base::Error(base::Code::kInvalid, "model: a detector; it does not predict");
  }
  if (kind == Kind::kClass) return make_classifier(model);
  LANDER_ASSIGN(Life life, decode_life(model.body));
  if (life.plan.inputs != model.inputs.size()) {
    return base::Error(base::Code::kInvalid,
                       "model: " + std::to_string(model.inputs.size()) + " inputs named, but " +
                           std::to_string(life.plan.inputs) + " in its parameters");
  }
  return std::unique_ptr<Predictor>(std::make_unique<LifePredictor>(std::move(life)));
}

base::Result<Roles> roles(const Model& model) {
  LANDER_ASSIGN(const Kind kind, kind_of(model));
  if (kind == Kind::kDetector) {
    return base::Error(base::Code::kInvalid, "model: a detector has no unit and no label");
  }
  if (kind == Kind::kClass) {
    LANDER_ASSIGN(Classify parameters, decode_classify(model.body));
    return Roles{.unit = {}, .time = {}, .label = std::move(parameters.label)};
  }
  LANDER_ASSIGN(const Life life, decode_life(model.body));
  return life.roles;
}

}  // namespace lander::model
