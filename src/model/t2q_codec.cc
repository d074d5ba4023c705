// Model::body of method "t2q": docs/formats/model.md.
#include "model/body_reader.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kFields = 10;

base::Status read_all(BodyReader& in, T2q& p) {
  LANDER_TRY(in.begin(kFields));
  LANDER_ASSIGN(const std::uint64_t inputs, in.count(1));
  if (inputs < 1 || inputs > kMaxT2qInputs) return in.corrupt("number of inputs out of range");
  const auto n = static_cast<std::size_t>(inputs);
  LANDER_ASSIGN(p.kept, in.count(2));
  LANDER_TRY(in.real(3, p.smoothing));
  LANDER_TRY(in.real(4, p.t2_limit));
  LANDER_TRY(in.real(5, p.q_limit));
  LANDER_TRY(in.reals(6, n, p.centre));
  LANDER_TRY(in.reals(7, n, p.scale));
  LANDER_TRY(in.reals(8, n, p.frozen_frames));
  LANDER_TRY(in.key(9));
  LANDER_ASSIGN(const std::uint64_t components, in.in().array());
  if (components != n) return in.corrupt("as many components as inputs are due");
  p.variances.resize(n);
  p.vectors.resize(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    LANDER_ASSIGN(const std::uint64_t length, in.in().array());
    if (length != n + 1) return in.corrupt("a component of the wrong length");
    LANDER_ASSIGN(p.variances[j], in.in().real());
    for (std::size_t i = 0; i < n; ++i) {
      LANDER_ASSIGN(p.vectors[j * n + i], in.in().real());
    }
  }
  return in.in().end();
}

}  // namespace

base::Bytes encode(const T2q& p) {
  const std::size_t n = p.inputs();
  base::CborWriter out;
  out.map(kFields);
  out.unsigned_integer(0).unsigned_integer(kBodyVersion);
  out.unsigned_integer(1).unsigned_integer(n);
  out.unsigned_integer(2).unsigned_integer(p.kept);
  out.unsigned_integer(3).real(p.smoothing);
  out.unsigned_integer(4).real(p.t2_limit);
  out.unsigned_integer(5).real(p.q_limit);
  write_reals(out.unsigned_integer(6), p.centre);
  write_reals(out.unsigned_integer(7), p.scale);
  write_reals(out.unsigned_integer(8), p.frozen_frames);
  out.unsigned_integer(9).array(n);
  for (std::size_t j = 0; j < n; ++j) {
    out.array(n + 1).real(p.variances[j]);
    for (std::size_t i = 0; i < n; ++i) out.real(p.vectors[j * n + i]);
  }
  return out.take();
}

base::Result<T2q> decode_t2q(base::ByteView body) {
  BodyReader in(body, "t2q");
  T2q parameters;
  if (auto status = read_all(in, parameters); !status.ok()) return status.error();
  LANDER_TRY(validate(parameters));
  return parameters;
}

}  // namespace lander::model
