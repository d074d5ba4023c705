// What the tests of sensing share.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <random>

namespace lander::sensing {

// Numbers that a store must give back to the bit and that spoil careless code.
inline double odd_number(std::mt19937_64& random) {
  switch (random() % 9) {
    case 0:
      return std::bit_cast<double>(0x7FF0000000000001ull | random() >> 12);  // NaNs with payloads
    case 1:
      return std::bit_cast<double>(0xFFF8000000000000ull | random() >> 13);
    case 2:
      return -0.0;
    case 3:
      return std::numeric_limits<double>::infinity();
    case 4:
      return -std::numeric_limits<double>::infinity();
    case 5:
      return std::bit_cast<double>(random() >> 12);  // denormals
    case 6:
      return -1.18e42;
    case 7:
      return std::numeric_limits<double>::max();
    default:
      return std::bit_cast<double>(random());
  }
}

}  // namespace lander::sensing
