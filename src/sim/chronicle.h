// What happened in a run, in the order of virtual time: hashed, so that two runs can be compared,
// and shown when asked for. Only logical values belong in here: no ciphertext, no signature
// (OpenSSL's randomness is not seeded), no wall time of the host.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "crypto/crypto.h"

namespace lander::sim {

class Chronicle {
 public:
  Chronicle(const base::TimeUs& now, bool verbose) : now_(now), verbose_(verbose) {}

  void note(std::string_view who, std::string_view what);
  // A promise was broken: the run ends. The first one counts.
  void violation(std::string_view who, std::string_view what);
  const std::optional<std::string>& broken() const { return broken_; }
  std::string hash() { return base::to_hex(sum_.finish()).substr(0, 16); }  // once, at the end
  std::uint64_t lines() const { return lines_; }

 private:
  const base::TimeUs& now_;
  const bool verbose_;
  crypto::Sha256 sum_;
  std::uint64_t lines_ = 0;
  std::optional<std::string> broken_;
};

}  // namespace lander::sim
