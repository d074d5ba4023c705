// Model::body of method "class": docs/formats/model.md.
#include <bit>
#include <cmath>

#include "base/cbor.h"
#include "model/classify.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kVersion = 2;
constexpr std::size_t kMaxLabelBytes = 256;
constexpr double kLargestWeight = 1e9, kLargestFusion = 1e6;

base::Error invalid(const std::string& what) {
  return base::Error(base::Code::kInvalid, "class parameters: " + what);
}
base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "class parameters: " + what);
}

bool usable(std::span<const float> values, double largest) {
  for (const float value : values) {
    if (!(std::abs(value) <= largest)) return false;
  }
  return true;
}

base::Status check(const Kernel& kernel, std::size_t features, std::size_t classes,
                   const std::string& name) {
  if (kernel.features() != features || kernel.scale.size() != features ||
      kernel.relevance.size() != features || features == 0) {
    return invalid(name + ": another number of features");
  }
  const std::size_t rows = kernel.rows();
  if (rows < 1 || rows > kMaxSupports || kernel.supports.size() != rows * features ||
      kernel.weights.size() != rows * classes || kernel.base.size() != classes) {
    return invalid(name + ": parts that do not fit each other");
  }
  // The sum of absolute differences of bytes stays within 32 bits.
  if (features > (1U << 22)) return invalid(name + ": too many features");
  for (std::size_t f = 0; f < features; ++f) {
    if (!(kernel.scale[f] >= 0) || !(kernel.relevance[f] >= 0)) {
      return invalid(name + ": a scale or relevance below 0");
    }
  }
  if (!usable(kernel.centre, 1e30) || !usable(kernel.scale, 1e31) ||
      !usable(kernel.relevance, 1e9) || !usable(kernel.weights, kLargestWeight) ||
      !usable(kernel.base, kLargestWeight) || !(kernel.width > 0 && kernel.width <= 1e12)) {
    return invalid(name + ": a number out of range");
  }
  return {};
}

base::Status check_trees(const Classify& p, std::size_t features) {
  const std::size_t classes = p.classes.size();
  LANDER_TRY(validate(p.forest));
  LANDER_TRY(validate(p.boosted));
  if (p.forest.features != features || p.boosted.features != features ||
      p.boosted.outputs != classes) {
    return invalid("trees of other features or classes");
  }
  for (const TreeNode& node : p.forest.nodes) {
    if (node.feature >= 0) continue;
    if (!(node.threshold >= 0 && node.threshold < static_cast<float>(classes))) {
      return invalid("a leaf of no class");
    }
  }
  return {};
}

void put(base::CborWriter& out, std::span<const float> values) {
  base::Bytes bytes;
  bytes.reserve(values.size() * 4);
  for (const float value : values) {
    const auto number = std::bit_cast<std::uint32_t>(value);
    for (int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
  out.bytes(bytes);
}

base::Result<std::vector<float>> floats(base::CborReader& in) {
  LANDER_ASSIGN(const base::ByteView bytes, in.bytes());
  if (bytes.size() % 4 != 0) return corrupt("a list of numbers that is cut off");
  std::vector<float> values(bytes.size() / 4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t number = 0;
    for (std::size_t b = 4; b-- > 0;) number = number << 8 | bytes[4 * i + b];
    values[i] = std::bit_cast<float>(number);
  }
  return values;
}

void put(base::CborWriter& out, const Kernel& kernel) {
  out.array(7).real(kernel.width);
  put(out, kernel.centre);
  put(out, kernel.scale);
  put(out, kernel.relevance);
  put(out, kernel.base);
  out.bytes(
      {reinterpret_cast<const std::uint8_t*>(kernel.supports.data()), kernel.supports.size()});
  put(out, kernel.weights);
}

base::Result<Kernel> kernel(base::CborReader& in) {
  Kernel kernel;
  LANDER_TRY(in.array_of(7, "a kernel"));
  LANDER_ASSIGN(kernel.width, in.real());
  LANDER_ASSIGN(kernel.centre, floats(in));
  LANDER_ASSIGN(kernel.scale, floats(in));
  LANDER_ASSIGN(kernel.relevance, floats(in));
  LANDER_ASSIGN(kernel.base, floats(in));
  LANDER_ASSIGN(const base::ByteView supports, in.bytes());
  kernel.supports.assign(supports.begin(), supports.end());
  LANDER_ASSIGN(kernel.weights, floats(in));
  return kernel;
}

void put(base::CborWriter& out, const std::vector<std::uint32_t>& inputs) {
  out.array(inputs.size());
  for (const std::uint32_t input : inputs) out.unsigned_integer(input);
}

base::Result<std::vector<std::uint32_t>> list_of_inputs(base::CborReader& in) {
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxInputs, "inputs"));
  std::vector<std::uint32_t> inputs;
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(const std::uint64_t input, in.unsigned_integer());
    if (input >= kMaxInputs) return corrupt("an input out of range");
    inputs.push_back(static_cast<std::uint32_t>(input));
  }
  return inputs;
}

base::Status read_head(base::CborReader& in, Classify& p) {
  LANDER_TRY(in.record(13, kVersion, "class parameters"));
  LANDER_ASSIGN(p.label, in.text_of(0, kMaxLabelBytes, "the label's column"));
  LANDER_ASSIGN(const std::uint64_t classes, in.array_up_to(kMaxClasses, "classes"));
  for (std::uint64_t c = 0; c < classes; ++c) {
    LANDER_ASSIGN(std::string name, in.text_of(1, kMaxLabelBytes, "a class"));
    p.classes.push_back(std::move(name));
  }
  LANDER_ASSIGN(const std::uint64_t waves, in.array_up_to(kMaxWaves, "waves"));
  for (std::uint64_t w = 0; w < waves; ++w) {
    LANDER_ASSIGN(std::vector<std::uint32_t> wave, list_of_inputs(in));
    p.layout.waves.push_back(std::move(wave));
  }
  LANDER_ASSIGN(p.layout.scalars, list_of_inputs(in));
  LANDER_ASSIGN(const std::uint64_t axis, in.unsigned_integer());
  p.layout.axis = static_cast<std::size_t>(std::min<std::uint64_t>(axis, kMaxWaves + 1));
  return {};
}

base::Status read_all(base::CborReader& in, Classify& p) {
  LANDER_TRY(read_head(in, p));
  LANDER_ASSIGN(const std::uint64_t members, in.array());
  if (members != kMembers) return corrupt("another number of members");
  for (std::size_t m = 0; m < kMembers; ++m) {
    LANDER_ASSIGN(const double weight, in.real());
    p.fusion.push_back(weight);
  }
  LANDER_ASSIGN(p.limit, in.real());
  LANDER_ASSIGN(const base::ByteView forest, in.bytes());
  LANDER_ASSIGN(p.forest, decode_trees(forest));
  LANDER_ASSIGN(const base::ByteView boosted, in.bytes());
  LANDER_ASSIGN(p.boosted, decode_trees(boosted));
  LANDER_ASSIGN(p.described, kernel(in));
  LANDER_ASSIGN(p.biases, floats(in));
  LANDER_ASSIGN(p.outline, kernel(in));
  return in.end();
}

}  // namespace

base::Status validate(const Classify& p) {
  LANDER_TRY(validate(p.layout));
  if (p.layout.inputs() < 1 || p.layout.inputs() > kMaxInputs) return invalid("number of inputs");
  if (p.classes.size() < 2 || p.classes.size() > kMaxClasses) return invalid("number of classes");
  const Viewer viewer(p.layout);
  const std::size_t classes = p.classes.size();
  LANDER_TRY(check_trees(p, viewer.described()));
  LANDER_TRY(check(p.described, viewer.described(), classes, "described"));
  if (p.biases.size() != viewer.rocket() || !usable(p.biases, 1e33)) return invalid("biases");
  if (viewer.outline() > 0) {
    LANDER_TRY(check(p.outline, viewer.outline(), classes, "outline"));
  } else if (p.outline.features() > 0) {
    return invalid("outline without waves");
  }
  if (p.fusion.size() != kMembers || !(p.limit >= 0 && p.limit <= 1e12)) return invalid("fusion");
  for (const double weight : p.fusion) {
    if (!(weight >= 0 && weight <= kLargestFusion)) return invalid("a weight out of range");
  }
  return {};
}

base::Bytes encode(const Classify& p) {
  base::CborWriter out;
  out.array(13).unsigned_integer(kVersion).text(p.label).array(p.classes.size());
  for (const std::string& name : p.classes) out.text(name);
  out.array(p.layout.waves.size());
  for (const auto& wave : p.layout.waves) put(out, wave);
  put(out, p.layout.scalars);
  out.unsigned_integer(p.layout.axis).array(kMembers);
  for (const double weight : p.fusion) out.real(weight);
  out.real(p.limit).bytes(encode(p.forest)).bytes(encode(p.boosted));
  put(out, p.described);
  put(out, p.biases);
  put(out, p.outline);
  return out.take();
}

base::Result<Classify> decode_classify(base::ByteView body) {
  base::CborReader in(body);
  Classify parameters;
  LANDER_TRY(read_all(in, parameters));
  LANDER_TRY(validate(parameters));
  return parameters;
}

}  // namespace lander::model
