#include "model/onnx_writer.h"

#include <bit>

#include "base/check.h"

namespace lander::model::onnx {
namespace {

// The numbers of fields below are onnx.proto3's, of the message named above each function.
constexpr std::int64_t kIrVersion = 8, kOpset = 18;

template <class T>
base::Bytes little_endian(std::span<const T> values) {
  base::Bytes out;
  out.reserve(values.size() * sizeof(T));
  for (const T value : values) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8)
      out.push_back(static_cast<std::uint8_t>(bits >> shift));
  }
  return out;
}

// ValueInfoProto
Message value_info(const std::string& name, Type type, const Shape& shape) {
  Message dimensions;
  for (const std::int64_t length : shape) {
    Message dimension;
    if (length == kRows) {
      dimension.text(2, "rows");
    } else {
      dimension.number(1, length);
    }
    dimensions.message(1, dimension);
  }
  Message tensor, of;
  tensor.number(1, static_cast<std::int64_t>(type)).message(2, dimensions);
  of.message(1, tensor);
  Message info;
  info.text(1, name).message(2, of);
  return info;
}

// AttributeProto
Message attribute_message(const Attribute& attribute) {
  constexpr std::int64_t kIsInteger = 2, kIsGraph = 5;
  Message message;
  message.text(1, attribute.name);
  if (attribute.graph) {
    message.message(6, *attribute.graph).number(20, kIsGraph);
  } else {
    message.number(3, attribute.integer).number(20, kIsInteger);
  }
  return message;
}

Tensor binary(std::string_view operation, const Tensor& a, const Tensor& b) {
  return a.writer->node(operation, {a, b});
}
Tensor binary(std::string_view operation, const Tensor& a, double b) {
  return binary(operation, a, a.writer->constant(b));
}
Tensor reduce(std::string_view operation, const Tensor& a) {
  const std::int64_t last = -1;
  return a.writer->node(operation, {a, a.writer->constant({&last, 1}, {1})}, {{"keepdims", 1}});
}

}  // namespace

void Message::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<std::uint8_t>(value | 0x80));
  out_.push_back(static_cast<std::uint8_t>(value));
}

Message& Message::number(std::uint32_t field, std::int64_t value) {
  varint(field << 3);
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

Message& Message::bytes(std::uint32_t field, base::ByteView value) {
  varint(field << 3 | 2);
  varint(value.size());
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

Message& Message::text(std::uint32_t field, std::string_view value) {
  return bytes(field, base::as_bytes(value));
}

Message& Message::append(const Message& fields) {
  out_.insert(out_.end(), fields.out_.begin(), fields.out_.end());
  return *this;
}

std::string Writer::unused(std::string_view stem) {
  return std::string(stem) + "_" + std::to_string(++names_);
}

// TensorProto
Tensor Writer::constant(Type type, const std::string& name, base::ByteView raw,
                        const Shape& shape) {
  Message tensor;
  for (const std::int64_t length : shape) tensor.number(1, length);
  tensor.number(2, static_cast<std::int64_t>(type)).text(8, name).bytes(9, raw);
  constants_.message(5, tensor);
  return {this, name};
}

Tensor Writer::constant(std::span<const double> values, const Shape& shape, std::string name) {
  if (name.empty()) name = unused("number");
  return constant(Type::kReal, name, little_endian(values), shape);
}

Tensor Writer::constant(std::span<const std::int64_t> values, const Shape& shape) {
  return constant(Type::kInteger, unused("integer"), little_endian(values), shape);
}

Tensor Writer::input(std::string name, Type type, const Shape& shape) {
  graphs_.back().inputs.message(11, value_info(name, type, shape));
  return {this, std::move(name)};
}

void Writer::output(const Tensor& value, Type type, const Shape& shape) {
  graphs_.back().outputs.message(12, value_info(value.name, type, shape));
}

// NodeProto
void Writer::write(const std::string& name, std::string_view operation,
                   const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                   std::initializer_list<Attribute> attributes) {
  Message node;
  for (const Tensor& input : inputs) node.text(1, input.name);
  for (const Tensor& output : outputs) node.text(2, output.name);
  node.text(3, name).text(4, operation);
  for (const Attribute& attribute : attributes) node.message(5, attribute_message(attribute));
  graphs_.back().nodes.message(1, node);
}

std::vector<Tensor> Writer::nodes(std::string_view operation, const std::vector<Tensor>& inputs,
                                  std::size_t outputs,
                                  std::initializer_list<Attribute> attributes) {
  std::vector<Tensor> made;
  for (std::size_t i = 0; i < outputs; ++i) made.push_back({this, unused(operation)});
  write(made[0].name, operation, inputs, made, attributes);
  return made;
}

Tensor Writer::node(std::string_view operation, const std::vector<Tensor>& inputs,
                    std::initializer_list<Attribute> attributes) {
  return nodes(operation, inputs, 1, attributes)[0];
}

Tensor Writer::named(std::string name, const Tensor& value) {
  Tensor made{this, std::move(name)};
  write(made.name, "Identity", {value}, {made}, {});
  return made;
}

void Writer::open(std::string name) { graphs_.push_back({std::move(name), {}, {}, {}}); }

// GraphProto
Message Writer::close() {
  LANDER_CHECK(!graphs_.empty());
  Message graph;
  const Graph& open = graphs_.back();
  graph.append(open.nodes).text(2, open.name);
  if (graphs_.size() == 1) graph.append(constants_);
  graph.append(open.inputs).append(open.outputs);
  graphs_.pop_back();
  return graph;
}

// ModelProto
base::Bytes Writer::model(std::string_view description,
                          std::span<const std::pair<std::string, std::string>> metadata) {
  LANDER_CHECK(graphs_.size() == 1);
  Message file, opset;
  opset.number(2, kOpset);
  file.number(1, kIrVersion).text(2, "lander").text(6, description);
  file.message(7, close()).message(8, opset);
  for (const auto& [key, value] : metadata) {
    Message entry;
    entry.text(1, key).text(2, value);
    file.message(14, entry);
  }
  return file.out();
}

Tensor operator+(const Tensor& a, const Tensor& b) { return binary("Add", a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return binary("Sub", a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return binary("Mul", a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return binary("Div", a, b); }
Tensor operator+(const Tensor& a, double b) { return binary("Add", a, b); }
Tensor operator-(const Tensor& a, double b) { return binary("Sub", a, b); }
Tensor operator*(const Tensor& a, double b) { return binary("Mul", a, b); }
Tensor operator/(const Tensor& a, double b) { return binary("Div", a, b); }
Tensor both(const Tensor& a, const Tensor& b) { return binary("And", a, b); }
Tensor operator!(const Tensor& a) { return a.writer->node("Not", {a}); }
Tensor operator>(const Tensor& a, const Tensor& b) { return binary("Greater", a, b); }
Tensor operator>(const Tensor& a, double b) { return binary("Greater", a, b); }
Tensor operator>=(const Tensor& a, double b) { return binary("GreaterOrEqual", a, b); }
Tensor operator<=(const Tensor& a, double b) { return binary("LessOrEqual", a, b); }
Tensor min(const Tensor& a, const Tensor& b) { return binary("Min", a, b); }
Tensor min(const Tensor& a, double b) { return binary("Min", a, b); }
Tensor max(const Tensor& a, const Tensor& b) { return binary("Max", a, b); }
Tensor max(const Tensor& a, double b) { return binary("Max", a, b); }
Tensor clamp(const Tensor& a, double size) { return min(max(a, -size), size); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return a.writer->node("Where", {condition, a, b});
}
Tensor where(const Tensor& condition, const Tensor& a, double b) {
  return where(condition, a, a.writer->constant(b));
}
Tensor real(const Tensor& condition) {
  return condition.writer->node("Cast", {condition},
                                {{"to", static_cast<std::int64_t>(Type::kReal)}});
}
Tensor sum(const Tensor& a) { return reduce("ReduceSum", a); }
Tensor largest(const Tensor& a) { return reduce("ReduceMax", a); }

}  // namespace lander::model::onnx
