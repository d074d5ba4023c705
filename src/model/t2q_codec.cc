// Model::body of method "t2q": docs/formats/model.md.
#include "base/cbor.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kFields = 10;

base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "t2q parameters: " + what);
}

void write(base::CborWriter& out, const std::vector<double>& values) {
  out.array(values.size());
  for (const double value : values) out.real(value);
}

base::Status key(base::CborReader& in, std::uint64_t expected) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found != expected) {
    return corrupt("field " + std::to_string(found) + " where " + std::to_string(expected) +
                   " is due");
  }
  return {};
}

base::Status read(base::CborReader& in, std::uint64_t number, double& value) {
  LANDER_TRY(key(in, number));
  LANDER_ASSIGN(value, in.real());
  return {};
}

base::Status read(base::CborReader& in, std::uint64_t number, std::size_t count,
                  std::vector<double>& values) {
  LANDER_TRY(key(in, number));
  LANDER_ASSIGN(const std::uint64_t length, in.array());
  if (length != count) {
    return corrupt("field " + std::to_string(number) + " has " + std::to_string(length) +
                   " numbers, not " + std::to_string(count));
  }
  values.resize(count);
  for (double& value : values) {
    LANDER_ASSIGN(value, in.real());
  }
  return {};
}

base::Status read_all(base::CborReader& in, T2q& p) {
  LANDER_ASSIGN(const std::uint64_t fields, in.map());
  if (fields != kFields) return corrupt("expected a map of " + std::to_string(kFields));
  LANDER_TRY(key(in, 0));
  LANDER_ASSIGN(const std::uint64_t version, in.unsigned_integer());
  if (version != kVersion) {
    return base::Error(base::Code::kUnsupported,
                       "t2q parameters of version " + std::to_string(version) + ", known is 1");
  }
  LANDER_TRY(key(in, 1));
  LANDER_ASSIGN(const std::uint64_t inputs, in.unsigned_integer());
  if (inputs < 1 || inputs > kMaxT2qInputs) return corrupt("number of inputs out of range");
  const auto n = static_cast<std::size_t>(inputs);
  LANDER_TRY(key(in, 2));
  LANDER_ASSIGN(p.kept, in.unsigned_integer());
  LANDER_TRY(read(in, 3, p.smoothing));
  LANDER_TRY(read(in, 4, p.t2_limit));
  LANDER_TRY(read(in, 5, p.q_limit));
  LANDER_TRY(read(in, 6, n, p.centre));
  LANDER_TRY(read(in, 7, n, p.scale));
  LANDER_TRY(read(in, 8, n, p.frozen_frames));
  LANDER_TRY(key(in, 9));
  LANDER_ASSIGN(const std::uint64_t components, in.array());
  if (components != n) return corrupt("as many components as inputs are due");
  p.variances.resize(n);
  p.vectors.resize(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    LANDER_ASSIGN(const std::uint64_t length, in.array());
    if (length != n + 1) return corrupt("a component of the wrong length");
    LANDER_ASSIGN(p.variances[j], in.real());
    for (std::size_t i = 0; i < n; ++i) {
      LANDER_ASSIGN(p.vectors[j * n + i], in.real());
    }
  }
  return in.end();
}

}  // namespace

base::Bytes encode(const T2q& p) {
  const std::size_t n = p.inputs();
  base::CborWriter out;
  out.map(kFields);
  out.unsigned_integer(0).unsigned_integer(kVersion);
  out.unsigned_integer(1).unsigned_integer(n);
  out.unsigned_integer(2).unsigned_integer(p.kept);
  out.unsigned_integer(3).real(p.smoothing);
  out.unsigned_integer(4).real(p.t2_limit);
  out.unsigned_integer(5).real(p.q_limit);
  write(out.unsigned_integer(6), p.centre);
  write(out.unsigned_integer(7), p.scale);
  write(out.unsigned_integer(8), p.frozen_frames);
  out.unsigned_integer(9).array(n);
  for (std::size_t j = 0; j < n; ++j) {
    out.array(n + 1).real(p.variances[j]);
    for (std::size_t i = 0; i < n; ++i) out.real(p.vectors[j * n + i]);
  }
  return out.take();
}

base::Result<T2q> decode_t2q(base::ByteView body) {
  base::CborReader in(body);
  T2q parameters;
  if (auto status = read_all(in, parameters); !status.ok()) return status.error();
  LANDER_TRY(validate(parameters));
  return parameters;
}

}  // namespace lander::model
