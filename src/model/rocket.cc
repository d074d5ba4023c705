#include "model/rocket.h"

#include <algorithm>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr std::size_t kLength = 9;
constexpr std::size_t kPad = (kLength / 2) * Rocket::kDilations.back();

}  // namespace

Rocket::Rocket(const Layout& layout)
    : padded_(kWavePoints + 2 * kPad), sum_(kWavePoints), result_(kWavePoints) {
  static_assert(kPad <= kWavePoints);
  for (std::size_t w = 0; w < layout.waves.size() && waves_.size() < kMaxWaves; ++w) {
    if (w != layout.axis) waves_.push_back(w);
  }
}

std::size_t Rocket::size() const {
  return waves_.size() * 2 * kDilations.size() * kKernels * kBiases;
}

template <class Visit>
void Rocket::convolve(const Features& features, Visit visit) {
  std::size_t at = 0;
  for (const std::size_t w : waves_) {
    const std::span<const double> wave = features.wave(w);
    const auto [low, high] = std::minmax_element(wave.begin(), wave.end());
    const double range = std::max(*high - *low, 1e-9);
    for (const bool scaled : {false, true}) {
      for (std::size_t i = 0; i < padded_.size(); ++i) {
        const double value = wave[(i + kWavePoints - kPad) % kWavePoints];
        padded_[i] = static_cast<float>(scaled ? (value - *low) / range : value);
      }
      for (const std::size_t dilation : kDilations) {
        const float* tap[kLength];
        for (std::size_t t = 0; t < kLength; ++t) {
          tap[t] = padded_.data() + kPad + t * dilation - (kLength / 2) * dilation;
        }
        for (std::size_t i = 0; i < kWavePoints; ++i) {
          sum_[i] = 0;
          for (const float* values : tap) sum_[i] += values[i];
        }
        for (std::size_t a = 0; a < kLength; ++a) {
          for (std::size_t b = a + 1; b < kLength; ++b) {
            for (std::size_t c = b + 1; c < kLength; ++c, at += kBiases) {
              for (std::size_t i = 0; i < kWavePoints; ++i) {
                result_[i] = 3 * (tap[a][i] + tap[b][i] + tap[c][i]) - sum_[i];
              }
              visit(at);
            }
          }
        }
      }
    }
  }
}

void Rocket::transform(const Features& features, std::span<const float> biases,
                       std::span<float> out) {
  LANDER_CHECK(biases.size() == size() && out.size() == size());
  convolve(features, [&](std::size_t at) {
    for (std::size_t f = at; f < at + kBiases; ++f) {
      int above = 0;
      for (const float value : result_) above += value > biases[f] ? 1 : 0;
      out[f] = static_cast<float>(above);
    }
  });
}

void Rocket::draw(const Features& features, std::span<const bool> chosen,
                  std::span<const double> draws, std::span<float> biases) {
  convolve(features, [&](std::size_t at) {
    for (std::size_t f = at; f < at + kBiases; ++f) {
      if (!chosen[f]) continue;
      const auto rank = static_cast<std::ptrdiff_t>(draws[f] * kWavePoints);
      std::nth_element(result_.begin(), result_.begin() + rank, result_.end());
      biases[f] = result_[static_cast<std::size_t>(rank)];
    }
  });
}

}  // namespace lander::model
