// Why a watch raises: which inputs depart from what the model expected, how far, and since when.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "base/time.h"
#include "model/model.h"

namespace lander::stream {

// Sees every frame that was scored while no alarm stands. Not thread-safe; no allocation but in
// fill().
class Explanation {
 public:
  Explanation(std::vector<model::Input> inputs, std::string asset);

  void add(std::span<const double> frame, const model::Score& score, base::TimeUs time);
  // Of a raise by the frame that was added last: asset, title, detail, severity, score, causes by
  // their shares summed over the frames at 1 or above, and since when.
  void fill(alert::Info& info) const;
  void restart();  // the past is another time's

 private:
  void learn_usual(const model::Score& score);
  double deviation(std::size_t i, double from_expected) const;
  std::string quantity(double value, std::size_t i) const;

  std::vector<model::Input> inputs_;
  std::string asset_;
  std::vector<double> frame_, expected_;
  std::vector<double> weights_;        // shares of the frames since the score passed 1
  std::vector<double> variance_;       // of value from expected, in quiet frames
  double most_ = 0;                    // score since it passed 1
  double typical_ = 0;                 // score of quiet frames
  double quiet_ = 0;                   // how many were seen
  base::TimeUs since_ = 0, high_ = 0;  // first and last frame of the present rise; 0: none
};

}  // namespace lander::stream
