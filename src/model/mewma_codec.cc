// Model::body of method "mewma": docs/formats/model.md.
#include "model/body_reader.h"
#include "model/mewma.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kFields = 15;

base::Status read_all(BodyReader& in, Mewma& p) {
  LANDER_TRY(in.begin(kFields));
  LANDER_ASSIGN(const std::uint64_t inputs, in.count(1));
  if (inputs < 1 || inputs > kMaxMewmaInputs) return in.corrupt("number of inputs out of range");
  const auto n = static_cast<std::size_t>(inputs);
  LANDER_TRY(in.real(2, p.fast));
  LANDER_TRY(in.real(3, p.slow));
  LANDER_TRY(in.real(4, p.pattern.at));
  LANDER_TRY(in.real(5, p.pattern.per_e_fold));
  LANDER_TRY(in.real(6, p.level.at));
  LANDER_TRY(in.real(7, p.level.per_e_fold));
  LANDER_TRY(in.reals(8, n, p.centre));
  LANDER_TRY(in.reals(9, n, p.scale));
  LANDER_TRY(in.reals(10, n, p.mean));
  LANDER_TRY(in.reals(11, n, p.middle));
  LANDER_TRY(in.reals(12, n, p.tolerance));
  LANDER_TRY(in.reals(13, n, p.frozen_frames));
  LANDER_TRY(in.reals(14, n * n, p.whiten));
  return in.in().end();
}

}  // namespace

base::Bytes encode(const Mewma& p) {
  base::CborWriter out;
  out.map(kFields);
  out.unsigned_integer(0).unsigned_integer(kBodyVersion);
  out.unsigned_integer(1).unsigned_integer(p.inputs());
  out.unsigned_integer(2).real(p.fast);
  out.unsigned_integer(3).real(p.slow);
  out.unsigned_integer(4).real(p.pattern.at);
  out.unsigned_integer(5).real(p.pattern.per_e_fold);
  out.unsigned_integer(6).real(p.level.at);
  out.unsigned_integer(7).real(p.level.per_e_fold);
  write_reals(out.unsigned_integer(8), p.centre);
  write_reals(out.unsigned_integer(9), p.scale);
  write_reals(out.unsigned_integer(10), p.mean);
  write_reals(out.unsigned_integer(11), p.middle);
  write_reals(out.unsigned_integer(12), p.tolerance);
  write_reals(out.unsigned_integer(13), p.frozen_frames);
  write_reals(out.unsigned_integer(14), p.whiten);
  return out.take();
}

base::Result<Mewma> decode_mewma(base::ByteView body) {
  BodyReader in(body, "mewma");
  Mewma parameters;
  if (auto status = read_all(in, parameters); !status.ok()) return status.error();
  LANDER_TRY(validate(parameters));
  return parameters;
}

}  // namespace lander::model
