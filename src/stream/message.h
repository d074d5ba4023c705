// An alert's detail with numbers in it: "Vibration {v:.1f} mm/s above 7.1".
// docs/formats/pipeline.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/expression.h"

namespace lander::stream {

// That many significant digits at most, no trailing zeros: "8.2", "1013"; "?" when not finite.
std::string shown(double value, int significant = 4);

class Message {
 public:
  // {name}, {name:.2f}; {{ and }} for braces. A mistake: kInvalid, "... at character 7".
  static base::Result<Message> parse(std::string_view text, const Expression::Lookup& lookup);
  std::string render(std::span<const double> slots) const;  // a missing value is "?"

 private:
  struct Part {
    std::string text;
    int slot = -1;      // -1: text only
    int decimals = -1;  // -1: four significant digits
  };
  std::vector<Part> parts_;
};

}  // namespace lander::stream
