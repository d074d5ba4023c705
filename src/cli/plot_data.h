// Gathers what a plot of a long series needs in bounded memory: least and most over equal numbers
// of rows, which are merged two by two whenever there are too many.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "cli/plot.h"

namespace lander::cli {

class PlotData {
 public:
  explicit PlotData(std::size_t series);
  // NaN: missing. `weights`: by how much each series is worth showing; may be empty.
  void add(base::TimeUs time, std::span<const double> values, std::span<const double> weights);

  std::uint64_t rows() const { return rows_; }
  std::uint64_t rows_a_point() const { return each_; }
  // Where rows begin on the axis: ms since 1970 while times ascend, else the row's number.
  bool ascending() const { return ascending_; }
  std::vector<double> x(bool times) const;
  std::vector<float> low(std::size_t series) const { return column(low_, series); }
  std::vector<float> high(std::size_t series) const { return column(high_, series); }
  double weight(std::size_t series) const { return weights_[series]; }

 private:
  void merge();
  std::vector<float> column(const std::vector<float>& table, std::size_t series) const;

  std::size_t series_, most_;
  std::uint64_t rows_ = 0, each_ = 1;
  bool ascending_ = true;
  base::TimeUs last_ = 0;
  std::vector<base::TimeUs> times_;  // one a point: of its first row
  std::vector<float> low_, high_;    // points x series
  std::vector<double> weights_;
};

}  // namespace lander::cli
