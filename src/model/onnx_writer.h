// Writes an ONNX graph as the formulas that it computes: each operation on tensors adds a node to
// the graph that is open. The protobuf is written by hand (onnx.proto3 of ONNX 1.14, IR version 8,
// opset 18): two kinds of fields are all that it takes. The same calls give the same bytes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace lander::model::onnx {

// Protocol buffers' wire format: varints and what has a length.
class Message {
 public:
  Message& number(std::uint32_t field, std::int64_t value);
  Message& bytes(std::uint32_t field, base::ByteView value);
  Message& text(std::uint32_t field, std::string_view value);
  Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.out_); }
  Message& append(const Message& fields);  // more of the same message
  const base::Bytes& out() const { return out_; }

 private:
  void varint(std::uint64_t value);
  base::Bytes out_;
};

enum class Type {
  kInteger = 7,
  kBool = 9,
  kReal = 11
};  // TensorProto.DataType: int64, bool, double

inline constexpr std::int64_t kRows = -1;  // a dimension that is known at run time
using Shape = std::vector<std::int64_t>;

class Writer;

// A value of a graph; usable in it and in those that are opened within it, while the Writer is
// there.
struct Tensor {
  Writer* writer;
  std::string name;
};

struct Attribute {
  std::string name;
  std::int64_t integer = 0;
  const Message* graph = nullptr;  // if there: it, instead of the integer
};

class Writer {
 public:
  explicit Writer(std::string name) { open(std::move(name)); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Of the outermost graph, wherever it is used. Its name, where given, must be its own.
  Tensor constant(std::span<const double> values, const Shape& shape, std::string name = "");
  Tensor constant(double value) { return constant({&value, 1}, {}); }
  Tensor constant(std::span<const std::int64_t> values, const Shape& shape);

  // Of the open graph. An output of an inner graph is a node's, not a value from around it.
  Tensor input(std::string name, Type type, const Shape& shape);
  void output(const Tensor& value, Type type, const Shape& shape);
  std::vector<Tensor> nodes(std::string_view operation, const std::vector<Tensor>& inputs,
                            std::size_t outputs, std::initializer_list<Attribute> attributes = {});
  Tensor node(std::string_view operation, const std::vector<Tensor>& inputs,
              std::initializer_list<Attribute> attributes = {});
  Tensor named(std::string name, const Tensor& value);  // the same value under a name of its own
  std::string unused(std::string_view stem);            // a name that nothing has yet

  // The body of a Scan, If or Loop: between the two, all nodes are its own.
  void open(std::string name);
  Message close();

  // The whole file. Once, with the outermost graph open.
  base::Bytes model(std::string_view description,
                    std::span<const std::pair<std::string, std::string>> metadata);

 private:
  struct Graph {
    std::string name;
    Message nodes, inputs, outputs;
  };
  void write(const std::string& name, std::string_view operation, const std::vector<Tensor>& inputs,
             const std::vector<Tensor>& outputs, std::initializer_list<Attribute> attributes);
  Tensor constant(Type type, const std::string& name, base::ByteView raw, const Shape& shape);

  std::vector<Graph> graphs_;  // the innermost last
  Message constants_;
  std::uint64_t names_ = 0;
};

// Element by element, with numpy's broadcasting.
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor both(const Tensor& a, const Tensor& b);  // And
Tensor operator!(const Tensor& a);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, double b);
Tensor operator>=(const Tensor& a, double b);
Tensor operator<=(const Tensor& a, double b);
Tensor min(const Tensor& a, const Tensor& b);
Tensor min(const Tensor& a, double b);
Tensor max(const Tensor& a, const Tensor& b);
Tensor max(const Tensor& a, double b);
Tensor clamp(const Tensor& a, double size);  // to ±size
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor real(const Tensor& condition);  // 1 and 0
// Over the last axis, which stays, of length 1.
Tensor sum(const Tensor& a);
Tensor largest(const Tensor& a);

}  // namespace lander::model::onnx
