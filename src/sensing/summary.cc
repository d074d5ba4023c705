#include <algorithm>
#include <cmath>

#include "sensing/block.h"

namespace lander::sensing {

void Summary::add(double value, Quality quality) {
  if (!is_good(quality) || !std::isfinite(value)) {
    ++others;
    return;
  }
  least = count == 0 ? value : std::min(least, value);
  most = count == 0 ? value : std::max(most, value);
  sum += value;
  ++count;
}

void Summary::add(const Summary& other) {
  if (other.count > 0) {
    least = count == 0 ? other.least : std::min(least, other.least);
    most = count == 0 ? other.most : std::max(most, other.most);
  }
  sum += other.sum;
  count += other.count;
  others += other.others;
}

}  // namespace lander::sensing
