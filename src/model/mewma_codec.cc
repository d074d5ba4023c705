// Model::body of method "mewma": docs/formats/model.md.
#include "base/cbor.h"
#include "model/mewma.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kFields = 15;

base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "mewma parameters: " + what);
}

base::Result<std::uint64_t> read_count(base::CborReader& in, std::uint64_t number) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found != number) {
    return corrupt("field " + std::to_string(found) + " where " + std::to_string(number) +
                   " is due");
  }
  return in.unsigned_integer();
}

base::Status read(base::CborReader& in, std::uint64_t number, double& value) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found != number) return corrupt("field " + std::to_string(number) + " is missing");
  LANDER_ASSIGN(value, in.real());
  return {};
}

base::Status read(base::CborReader& in, std::uint64_t number, std::size_t count,
                  std::vector<double>& values) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found != number) return corrupt("field " + std::to_string(number) + " is missing");
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

base::Status read_all(base::CborReader& in, Mewma& p) {
  LANDER_ASSIGN(const std::uint64_t fields, in.map());
  if (fields != kFields) return corrupt("expected a map of " + std::to_string(kFields));
  LANDER_ASSIGN(const std::uint64_t version, read_count(in, 0));
  if (version != kVersion) {
    return base::Error(base::Code::kUnsupported,
                       "mewma parameters of version " + std::to_string(version) + ", known is 1");
  }
  LANDER_ASSIGN(const std::uint64_t inputs, read_count(in, 1));
  if (inputs < 1 || inputs > kMaxMewmaInputs) return corrupt("number of inputs out of range");
  const auto n = static_cast<std::size_t>(inputs);
  LANDER_TRY(read(in, 2, p.fast));
  LANDER_TRY(read(in, 3, p.slow));
  LANDER_TRY(read(in, 4, p.pattern.at));
  LANDER_TRY(read(in, 5, p.pattern.per_e_fold));
  LANDER_TRY(read(in, 6, p.level.at));
  LANDER_TRY(read(in, 7, p.level.per_e_fold));
  LANDER_TRY(read(in, 8, n, p.centre));
  LANDER_TRY(read(in, 9, n, p.scale));
  LANDER_TRY(read(in, 10, n, p.mean));
  LANDER_TRY(read(in, 11, n, p.middle));
  LANDER_TRY(read(in, 12, n, p.tolerance));
  LANDER_TRY(read(in, 13, n, p.frozen_frames));
  LANDER_TRY(read(in, 14, n * n, p.whiten));
  return in.end();
}

void write(base::CborWriter& out, const std::vector<double>& values) {
  out.array(values.size());
  for (const double value : values) out.real(value);
}

}  // namespace

base::Bytes encode(const Mewma& p) {
  base::CborWriter out;
  out.map(kFields);
  out.unsigned_integer(0).unsigned_integer(kVersion);
  out.unsigned_integer(1).unsigned_integer(p.inputs());
  out.unsigned_integer(2).real(p.fast);
  out.unsigned_integer(3).real(p.slow);
  out.unsigned_integer(4).real(p.pattern.at);
  out.unsigned_integer(5).real(p.pattern.per_e_fold);
  out.unsigned_integer(6).real(p.level.at);
  out.unsigned_integer(7).real(p.level.per_e_fold);
  write(out.unsigned_integer(8), p.centre);
  write(out.unsigned_integer(9), p.scale);
  write(out.unsigned_integer(10), p.mean);
  write(out.unsigned_integer(11), p.middle);
  write(out.unsigned_integer(12), p.tolerance);
  write(out.unsigned_integer(13), p.frozen_frames);
  write(out.unsigned_integer(14), p.whiten);
  return out.take();
}

base::Result<Mewma> decode_mewma(base::ByteView body) {
  base::CborReader in(body);
  Mewma parameters;
  if (auto status = read_all(in, parameters); !status.ok()) return status.error();
  LANDER_TRY(validate(parameters));
  return parameters;
}

}  // namespace lander::model
