// What a classifier sees of a row: numbers that describe it, whether its cells are readings of
// single sensors or the points of curves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace lander::model {

inline constexpr std::size_t kWavePoints = 200;  // to which every curve is resampled
inline constexpr std::size_t kLeastWave = 8;     // points: fewer columns are scalars
inline constexpr std::size_t kMaxWaves = 16;

// Which inputs of a row form which curve. Every input is in exactly one place.
struct Layout {
  std::vector<std::vector<std::uint32_t>> waves;  // inputs in order of their running number
  std::vector<std::uint32_t> scalars;
  // The wave over which the others are drawn as closed curves (a position that goes up and comes
  // back: load over position is a dynamometer card); waves.size(): none.
  std::size_t axis = 0;
  bool has_axis() const { return axis < waves.size(); }
  std::size_t inputs() const;
};
base::Status validate(const Layout& layout);

// Describes rows by features, in a fixed order: the scalars as they are; then of each wave
// statistics of its values, in their unit and in shares of its range; then of each wave but the
// axis its closed curve over the axis (complex Fourier descriptors: Granlund 1972; levels, Legendre
// coefficients, ripple and crossings of the way up and of the way down) or, where there is no axis,
// its course and its spectrum. NaN where a cell is missing or a wave has fewer than kLeastWave
// points. Blank cells within a wave are interpolated; at its end they shorten it, and what is there
// is stretched to kWavePoints. Not thread-safe; no allocation after construction.
class Features {
 public:
  explicit Features(Layout layout);  // valid
  std::size_t size() const { return inputs_of_.size(); }
  const Layout& layout() const { return layout_; }
  void describe(std::span<const double> row, std::span<float> out);
  // Of the last row described: kWavePoints, in the wave's unit. Missing: all 0.
  std::span<const double> wave(std::size_t i) const {
    return {&points_[i * kWavePoints], kWavePoints};
  }
  // Of the last row described. The scalars and, of each wave, where the middle 96 % of its values
  // lies and how high it is, in its unit (of the axis only its range); the waves' points in shares
  // of that; and their slopes (of a closed curve along the axis, up and down, else along its
  // points). The axis has no course and no slope; a closed curve's tail at which nothing moves is
  // left out. NaN where missing; empty without waves.
  std::span<const float> scales() const { return scales_; }
  std::span<const float> course() const { return course_; }
  std::span<const float> slopes() const { return slopes_; }
  // The first input of what feature f is of.
  std::size_t input_of(std::size_t f) const { return inputs_of_[f]; }

 private:
  bool resample(std::span<const double> row, std::size_t wave);
  std::size_t moving_points() const;
  void describe_wave(std::size_t wave);
  void describe_loop(std::size_t wave, std::size_t points);
  void fourier(std::size_t points);
  void split(std::size_t points);
  void levels(double low_of_wave, double range_of_wave);
  void shape(std::span<const double> half);
  void crossings(std::span<const double> half);
  void segments(std::size_t wave);
  void scale(double low, double high, double up, double down);
  void trace(std::span<const double> values);
  void slope(std::span<const double> values, double range);
  void put(double value);

  Layout layout_;
  std::vector<std::uint32_t> inputs_of_;
  std::vector<double> points_;  // waves x kWavePoints
  std::vector<bool> known_;     // one a wave
  std::vector<double> sorted_, x_, y_, up_, down_, work_;
  std::vector<float> scales_, course_, slopes_;
  std::span<float> out_;  // of the row that is being described
  std::size_t at_ = 0;
};

}  // namespace lander::model
