// What a source has seen, declared or not, in bounded memory. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "source/source.h"

namespace lander::source {

// "pump1/suction_pressure" -> pressure, bar: what a name most often means. Both empty: no idea.
struct Guess {
  std::string_view property, unit;
};
Guess guess_from_name(std::string_view name);

class CandidateTable {
 public:
  static constexpr std::size_t kMaxCandidates = 1000;
  static constexpr std::size_t kMaxAddressBytes = 512;  // what is longer cannot be offered

  // A message of `group` (a topic, a poll's block) came. True when its examples are worth renewing:
  // at most once a second per group, so that a flood costs a look-up and no more.
  bool count(std::string_view group, base::DurationUs now);
  // What stands at an address of the group.
  void example(std::string_view group, std::string_view address, const Raw& value);
  void example(std::string_view group, std::string_view address, sensing::Kind kind,
               std::string text);
  // `bound`: addresses that are declared.
  std::vector<Candidate> list(const std::string& source, const std::vector<Bound>& bound,
                              base::DurationUs now) const;

 private:
  struct Group {
    base::DurationUs last = 0, renewed = 0, interval = 0;  // interval: smoothed, 0: not known yet
    std::uint64_t count = 0;
  };
  struct Entry {
    std::string group, example;
    sensing::Kind kind = sensing::Kind::kNumber;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  mutable std::mutex mutex_;
  ByText<Group> groups_;
  ByText<Entry> entries_;
};

}  // namespace lander::source
