// MiniRocket (Dempster, Schmidt & Webb 2021, "MiniRocket"): a curve is described by the share of
// its points at which it, convolved with a dilated kernel, exceeds a bias that was drawn from
// training curves. The 84 kernels have nine weights, six of -1 and three of 2. Unlike in the paper
// curves wrap around, as those of a machine's cycle do, and each is taken twice: in its unit and in
// shares of its range.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "model/wave.h"

namespace lander::model {

class Rocket {
 public:
  static constexpr std::size_t kKernels = 84, kBiases = 2, kMaxWaves = 2;
  static constexpr std::array<std::size_t, 6> kDilations = {1, 2, 4, 8, 16, 24};

  explicit Rocket(const Layout& layout);
  // Features, and as many biases: of the first waves that are not the axis.
  std::size_t size() const;
  // Of the row that `features` described last; counts of points, 0..kWavePoints.
  void transform(const Features& features, std::span<const float> biases, std::span<float> out);
  // Training: replaces bias i by the convolution's quantile draws[i] (below 1) of this row where
  // chosen[i].
  void draw(const Features& features, std::span<const bool> chosen, std::span<const double> draws,
            std::span<float> biases);

 private:
  template <class Visit>
  void convolve(const Features& features, Visit visit);

  std::vector<std::size_t> waves_;
  std::vector<float> padded_, sum_, result_;
};

}  // namespace lander::model
