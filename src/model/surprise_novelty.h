// How unlike anything in its own past one input is now: the distance of its latest values to the
// nearest stretch of the past, as a left matrix profile (Yeh et al. 2016, "Matrix Profile I"; Lu et
// al. 2022, "DAMP") whose windows fade exponentially, which makes it one multiply-add a lag:
//   E_l(t) = (1 - 1/span) E_l(t-1) + (x(t) - x(t-l))²,   novelty = sqrt(min over l of E_l / span).
// A season is a lag at which the past repeats itself, so none needs to be known. What followed the
// best match is what is expected next (Lorenz 1969, "analogues").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lander::model {

inline constexpr std::size_t kSurpriseSpans = 2;

class SurpriseNovelty {
 public:
  // `lags`: a multiple of 64, how far back it looks; holds 23 bytes for each.
  explicit SurpriseNovelty(std::size_t lags);

  // Takes the next value, |value| <= kMost, and compares it and what led to it with the past.
  void step(float value);
  // Whether enough past was seen for novelty() and expected() to mean something.
  bool ready() const { return seen_ > kLeastPast; }
  double novelty(std::size_t span) const { return novelty_[span]; }
  // The same against the episodes that were remembered, however long ago; infinite: none.
  double recalled(std::size_t span) const;
  // Keeps what led to the latest value as an episode, in place of the oldest.
  void remember();
  float expected() const { return expected_; }  // what step() should be given next
  void reset();

  static constexpr float kMost = 1e6F;
  static constexpr std::uint64_t kLeastPast = 128;

 private:
  void compare(float value, const float* past);
  float nearest(std::size_t span) const;

  std::size_t lags_, head_;
  std::uint64_t seen_ = 0;
  std::vector<float> past_;  // newest first from head_, in twice the room so that it lies in a row
  std::array<std::vector<float>, kSurpriseSpans> mismatch_;
  std::array<double, kSurpriseSpans> novelty_{};
  float expected_ = 0;

  static constexpr std::size_t kEpisode = 24;  // values
  struct Episode {
    std::uint64_t at = 0;                // seen_ when it was kept; 0: empty
    std::array<float, kEpisode> values;  // newest first
  };
  std::vector<Episode> episodes_;
  std::size_t next_episode_ = 0;
};

}  // namespace lander::model
