// Whose time a pipeline lives in: that of its data, which the site's clock only carries on between
// two observations. A replay ten times as fast, a source with a clock of its own and a site that
// woke in 1970 all behave as the data says. docs/formats/pipeline.md, "Time".
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "base/time.h"
#include "sensing/observation.h"
#include "sensing/unit.h"

namespace lander::stream {

inline constexpr base::TimeUs kNoTime = std::numeric_limits<base::TimeUs>::min();

// The last value of one series, and whether it still counts.
struct Input {
  sensing::SeriesKey series = 0;
  sensing::Conversion conversion;
  base::DurationUs stale_after = 10 * base::kSecond;
  double value = std::numeric_limits<double>::quiet_NaN();
  base::TimeUs time = kNoTime;     // of the data
  base::TimeUs arrived = kNoTime;  // by the site's clock
  bool seen() const { return time != kNoTime; }

  // NaN when missing, bad or stale.
  double at(base::TimeUs instant, base::TimeUs now) const;
};

class Timeline {
 public:
  enum class Arrival {
    kLive,
    kLate,
    kRestart
  };  // kRestart: forget windows and times, then it is live

  // Call first with every observation or tick. Tolerates a clock that was set back.
  void clock(base::TimeUs now);
  Arrival arrive(const Input& input, base::TimeUs time, base::TimeUs now);
  // Advances to data of `time`.
  void advance(base::TimeUs time, base::TimeUs now);
  base::TimeUs instant(base::TimeUs now);  // never goes back, but for a restart
  void restart() { data_ = instant_ = kNoTime; }
  base::TimeUs started() const { return started_; }
  bool has_data() const { return data_ != kNoTime; }

 private:
  base::TimeUs data_ = kNoTime, instant_ = kNoTime;
  base::TimeUs advanced_at_ = kNoTime;  // the site's time when data_ last rose
  base::TimeUs started_ = kNoTime;
};

// The observation's number in the input's unit; NaN when it is bad, text or not finite.
double converted(const Input& input, const sensing::Observation& observation);

}  // namespace lander::stream
