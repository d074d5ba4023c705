// The only source of randomness. The system's is cryptographically strong; sim's is seeded.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::os {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  base::Bytes bytes(std::size_t count);
  std::uint64_t next_u64();
  // RFC 9562 version 7: sorts by creation time. `now` may be wrong: it is still unique.
  std::string uuid7(base::TimeUs now);
};

Random& system_random();

}  // namespace lander::os
