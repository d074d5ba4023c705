#include "model/body_reader.h"

namespace lander::model {

base::Error BodyReader::corrupt(const std::string& what) const {
  return base::Error(base::Code::kCorrupt, method_ + " parameters: " + what);
}

base::Status BodyReader::begin(std::uint64_t fields) {
  LANDER_ASSIGN(const std::uint64_t found, in_.map());
  if (found != fields) return corrupt("expected a map of " + std::to_string(fields));
  LANDER_ASSIGN(const std::uint64_t version, count(0));
  if (version != kBodyVersion) {
    return base::Error(base::Code::kUnsupported, method_ + " parameters of version " +
                                                     std::to_string(version) + ", known is 1");
  }
  return {};
}

base::Status BodyReader::key(std::uint64_t number) {
  LANDER_ASSIGN(const std::uint64_t found, in_.unsigned_integer());
  if (found != number) {
    return corrupt("field " + std::to_string(found) + " where " + std::to_string(number) +
                   " is due");
  }
  return {};
}

base::Result<std::uint64_t> BodyReader::count(std::uint64_t number) {
  LANDER_TRY(key(number));
  return in_.unsigned_integer();
}

base::Status BodyReader::real(std::uint64_t number, double& value) {
  LANDER_TRY(key(number));
  LANDER_ASSIGN(value, in_.real());
  return {};
}

base::Status BodyReader::reals(std::uint64_t number, std::size_t count,
                               std::vector<double>& values) {
  LANDER_TRY(key(number));
  LANDER_ASSIGN(const std::uint64_t length, in_.array());
  if (length != count) {
    return corrupt("field " + std::to_string(number) + " has " + std::to_string(length) +
                   " numbers, not " + std::to_string(count));
  }
  values.resize(count);
  for (double& value : values) {
    LANDER_ASSIGN(value, in_.real());
  }
  return {};
}

void write_reals(base::CborWriter& out, const std::vector<double>& values) {
  out.array(values.size());
  for (const double value : values) out.real(value);
}

}  // namespace lander::model
