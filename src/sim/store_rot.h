// Bits that change by themselves, in a store that lived for a while.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace lander::sim {

struct Rot {
  std::uint64_t flips = 0;
  std::optional<std::string> violation;
  // Of flips anywhere in the files. What is silent is by the first section of the picture that is
  // wrong.
  std::uint64_t harmless = 0, told = 0, silent = 0, silent_but_checked = 0;
  std::map<std::string, std::uint64_t> silent_in;
};

// One bit of every `stride`-th byte of every frame's and chunk's data: what it held is told as
// missing, everything else is read as it was, and an incident stays.
Rot rot_blobs(std::uint64_t seed, std::uint64_t stride);
// Single bits anywhere in database and log, each in a fresh copy: nothing crashes or hangs. Forks.
Rot rot_files(std::uint64_t seed, std::uint64_t flips);

}  // namespace lander::sim
