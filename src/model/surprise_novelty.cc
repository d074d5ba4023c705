#include "model/surprise_novelty.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace lander::model {
namespace {

// Two spans: a sudden event and a strange course. The lags nearest to now would match by mere
// smoothness: left out, about twice the span.
constexpr std::array<float, kSurpriseSpans> kSpans = {4, 12};
constexpr std::array<std::size_t, kSurpriseSpans> kNearest = {12, 28};
constexpr std::size_t kLane = 8;    // floats that the compiler may handle at once
constexpr std::size_t kBlock = 64;  // of lags
constexpr std::size_t kLagsAnEpisode = 16;

}  // namespace

SurpriseNovelty::SurpriseNovelty(std::size_t lags)
    : lags_(lags), past_(2 * lags), episodes_(lags / kLagsAnEpisode) {
  LANDER_CHECK(lags % kBlock == 0 && lags >= 2 * kLeastPast);
  for (std::vector<float>& mismatch : mismatch_) mismatch.resize(lags);
  reset();
}

void SurpriseNovelty::reset() {
  seen_ = 0;
  head_ = lags_;
  std::fill(past_.begin(), past_.end(), 0.0F);
  for (std::vector<float>& mismatch : mismatch_) std::fill(mismatch.begin(), mismatch.end(), 0.0F);
  std::fill(episodes_.begin(), episodes_.end(), Episode{});
  next_episode_ = 0;
  novelty_.fill(0);
  expected_ = 0;
}

// On its own so that the compiler sees plain arrays that do not overlap, and uses vectors.
void SurpriseNovelty::compare(float value, const float* __restrict past) {
  float* __restrict brief = mismatch_[0].data();
  float* __restrict course = mismatch_[1].data();
  constexpr float kKeepBrief = 1 - 1 / kSpans[0], kKeepCourse = 1 - 1 / kSpans[1];
  const std::size_t lags = std::min<std::size_t>(seen_, lags_);
  for (std::size_t l = 0; l < lags; ++l) {
    const float apart = value - past[l];
    const float square = apart * apart;
    brief[l] = kKeepBrief * brief[l] + square;
    course[l] = kKeepCourse * course[l] + square;
  }
}

// Where the past began, a stretch is matched by as much of it as there is.
float SurpriseNovelty::nearest(std::size_t span) const {
  const float* mismatch = mismatch_[span].data();
  const std::size_t from = kNearest[span];
  const std::size_t to = std::min<std::size_t>(seen_ - 1, lags_);
  std::array<float, kLane> least;
  least.fill(mismatch[from]);
  std::size_t l = from;
  for (; l + kLane <= to; l += kLane) {
    for (std::size_t i = 0; i < kLane; ++i) least[i] = std::min(mismatch[l + i], least[i]);
  }
  for (; l < to; ++l) least[0] = std::min(mismatch[l], least[0]);
  return *std::min_element(least.begin(), least.end());
}

double SurpriseNovelty::recalled(std::size_t span) const {
  const float keep = 1 - 1 / kSpans[span];
  float least = std::numeric_limits<float>::infinity();
  for (const Episode& episode : episodes_) {
    if (episode.at == 0 || seen_ - episode.at < kNearest[1]) continue;
    float mismatch = 0;
    for (std::size_t i = kEpisode; i-- > 0;) {
      const float apart = past_[head_ + i] - episode.values[i];
      mismatch = keep * mismatch + apart * apart;
    }
    least = std::min(mismatch, least);
  }
  return std::sqrt(least / kSpans[span]);
}

void SurpriseNovelty::remember() {
  Episode& episode = episodes_[next_episode_];
  next_episode_ = (next_episode_ + 1) % episodes_.size();
  episode.at = seen_;
  std::copy_n(past_.begin() + static_cast<std::ptrdiff_t>(head_), kEpisode, episode.values.begin());
}

void SurpriseNovelty::step(float value) {
  compare(value, past_.data() + head_);
  if (head_ == 0) {
    std::copy(past_.begin(), past_.begin() + static_cast<std::ptrdiff_t>(lags_),
              past_.begin() + static_cast<std::ptrdiff_t>(lags_));
    head_ = lags_;
  }
  past_[--head_] = value;
  ++seen_;
  if (!ready()) return;
  for (std::size_t span = 0; span < kSurpriseSpans; ++span) {
    const float least = nearest(span);
    novelty_[span] = std::sqrt(least / kSpans[span]);
    if (span > 0) continue;
    const auto begin = mismatch_[0].begin() + static_cast<std::ptrdiff_t>(kNearest[0]);
    const auto at = std::find(begin, mismatch_[0].end(), least) - mismatch_[0].begin();
    // The value at lag `at` from the one just taken lies one further in past_: this followed it.
    expected_ = past_[head_ + static_cast<std::size_t>(at)];
  }
}

}  // namespace lander::model
