// A limit that healthy data passes no more often than a budget allows, far beyond what was seen.
#pragma once

#include <cstddef>
#include <vector>

namespace lander::learn {

// Gumbel's extreme-value law of block maxima; maximum likelihood (Coles 2001, "An Introduction to
// Statistical Modeling of Extreme Values", ch. 3).
struct Gumbel {
  double location = 0, scale = 0;
  std::size_t blocks = 0;
  // Upper 95 % confidence bound of the value that a block exceeds with `probability`.
  double upper_quantile(double probability) const;
};
Gumbel fit_gumbel(const std::vector<double>& maxima);

// Maxima over blocks of one length within each series (one a stretch); what does not fill a block
// is left out. Blocks are as long as leaves about 20 of them, 10 to 600 frames.
struct BlockMaxima {
  std::size_t frames = 10;  // of a block
  std::vector<double> maxima;
};
BlockMaxima block_maxima(const std::vector<std::vector<double>>& series);

}  // namespace lander::learn
