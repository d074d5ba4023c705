// Reads the body of a trained detector: a CBOR map with the keys 0, 1, 2, .. in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cbor.h"

namespace lander::model {

inline constexpr std::uint64_t kBodyVersion = 1;  // the value of key 0

// Reads one key after the other; every error names the method and the field. kCorrupt: not the
// format.
class BodyReader {
 public:
  BodyReader(base::ByteView body, std::string method) : in_(body), method_(std::move(method)) {}

  // The map's head and its version; one other than kBodyVersion is kUnsupported.
  base::Status begin(std::uint64_t fields);
  // The next key must be `number`.
  base::Status key(std::uint64_t number);
  base::Result<std::uint64_t> count(std::uint64_t number);
  base::Status real(std::uint64_t number, double& value);
  base::Status reals(std::uint64_t number, std::size_t count, std::vector<double>& values);
  base::CborReader& in() { return in_; }  // for a field of a shape of its own, after key()

  base::Error corrupt(const std::string& what) const;

 private:
  base::CborReader in_;
  std::string method_;
};

void write_reals(base::CborWriter& out, const std::vector<double>& values);

}  // namespace lander::model
