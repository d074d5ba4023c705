// Which observations of a series came already. Pure; not thread-safe.
//
// An observation with a source's sequence is a repeat when its number is in the window of the last
// 1,024 numbers, unless it is provably another one: what has this number has neither its time nor
// its value, so the source's counter began anew. (Being newer proves nothing: what a broker sends
// again is stamped on arrival anew, where the source claims no time.) One without a sequence is a
// repeat when one of the last 64 has its time and the bits of its value. What is older than that is
// kept: nothing is lost by doubt.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "sensing/observation.h"

namespace lander::store {

class Dedup {
 public:
  static constexpr std::uint64_t kWindow = 1024;
  static constexpr std::size_t kRecent = 64;

  // True: a repeat, drop it. False: new, and remembered from now on.
  bool repeated(const sensing::Observation& observation);

  // After a restart: the window as it was stored; restore() with the latest observations that it
  // covers, oldest first (kRecent, or kWindow of a series that has sequences); replay() with all
  // that came since.
  void restore_window(std::uint64_t high, base::ByteView bits);
  void restore(const sensing::Observation& observation) { remember(observation); }
  void replay(const sensing::Observation& observation);
  void restore_newest(base::TimeUs newest) { newest_ = std::max(newest_, newest); }

  std::uint64_t high() const { return high_; }
  base::Bytes bits() const;

 private:
  struct Seen {
    base::TimeUs time;
    std::uint64_t value;  // its bits, or a hash of a text
  };
  // What a number stood for; 16 bytes, as there are 1,024 for each series that has sequences.
  struct Numbered {
    base::TimeUs time;
    std::uint32_t value;     // folded from 64 bits
    std::uint32_t sequence;  // its lower half
  };

  const Numbered* last_with(std::uint64_t sequence) const;
  bool known_sequence(const sensing::Observation& observation, std::uint64_t value);
  bool marked(std::uint64_t sequence) const;
  void mark(std::uint64_t sequence);
  void begin_anew(std::uint64_t sequence);
  void remember(const sensing::Observation& observation);

  std::vector<Seen> recent_;        // of those without a sequence; a ring of kRecent once full
  std::vector<Numbered> numbered_;  // at sequence % kWindow; empty until a sequence comes
  std::size_t oldest_ = 0;
  base::TimeUs newest_ = INT64_MIN;
  std::uint64_t high_ = 0;  // 0: no sequence came yet
  std::array<std::uint64_t, kWindow / 64> window_{};
};

// Sequences of a block's samples, in their order, as runs: a few bytes when they count up.
base::Bytes encode_sequences(const std::vector<std::uint64_t>& sequences);
base::Result<std::vector<std::uint64_t>> decode_sequences(base::ByteView bytes, std::size_t count);

}  // namespace lander::store
