// What the arrival of an item is worth, in the currency of the carriers' prices: an item goes over
// a carrier only when that is more than its bytes cost there. A satellite's byte costs about 0.001.
#pragma once

#include "alert/alert.h"

namespace lander::site {

inline double worth_of(alert::Severity severity) {
  switch (severity) {
    case alert::Severity::kCritical:
      return 1000;
    case alert::Severity::kHigh:
      return 100;
    case alert::Severity::kMedium:
      return 10;
    case alert::Severity::kLow:
      return 1;
  }
  return 1;
}
inline constexpr double kWorthOfWords = 1;       // what people say about an alert
inline constexpr double kWorthOfState = 0.1;     // what runs, declarations, the dictionary
inline constexpr double kWorthOfSummary = 0.01;  // a minute of all datastreams
inline constexpr base::DurationUs kSummaryExpires = 800 * base::kDay;  // nobody took it so long
inline constexpr double kWorthOfRaw = 0.001;  // raw observations that came together

}  // namespace lander::site
