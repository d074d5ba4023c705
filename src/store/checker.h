// The parts of check(): what it knows while it looks. See check.h.
#pragma once

#include <map>
#include <memory>

#include "store/check.h"
#include "store/connection.h"
#include "store/frame.h"
#include "store/rollup.h"

namespace lander::store {

struct TimeSpan {
  base::TimeUs first = 0, last = 0;  // both within
};

class Checker {
 public:
  explicit Checker(const CheckOptions& options) : options_(options) {}
  base::Status run();
  CheckReport take() { return std::move(report_); }

 private:
  // What one series holds in one segment, hour by hour.
  struct Hours {
    std::map<base::TimeUs, std::uint64_t> counts;  // of chunks that verify
    std::vector<TimeSpan> unsure;                  // of those that do not, and of what was thinned
    std::uint64_t told = 0;                        // by the rows of all chunks
    TimeSpan span{INT64_MAX, INT64_MIN};
    bool exact(base::TimeUs hour) const;
  };

  os::Files& files() const {
    return options_.files != nullptr ? *options_.files : os::system_files();
  }
  void find(Finding finding);
  void find(SeriesKey key, Segment segment, TimeSpan claimed, std::string place,
            std::uint64_t observations, std::string what);
  std::string name_of(SeriesKey key) const;
  void progress(std::uint64_t bytes);
  base::Status part(const std::string& place, const std::function<base::Status()>& look);

  // check.cc
  base::Status open();
  base::Status structure();
  base::Status series();
  base::Status segments();
  base::Status list(std::vector<std::pair<SeriesKey, Segment>>& places);
  // check_parts.cc
  base::Status frames();
  base::Result<std::uint64_t> frame(base::ByteView data, TimeSpan& span);
  base::Status chunks(SeriesKey key, Segment segment);
  base::Status chunk(base::ByteView data, base::ByteView sequences, bool counted, SeriesKey key,
                     TimeSpan row, std::uint64_t count, sensing::Block& block);
  base::Status thinned(SeriesKey key, Segment segment, Hours& hours);
  base::Status rollups(SeriesKey key, Segment segment, const Hours& hours);
  base::Status extent(SeriesKey key, Segment segment, const Hours& hours);
  base::Status refer(const sensing::Block& block);
  base::Status objects();
  base::Status items();
  base::Status raw_items();

  const CheckOptions& options_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t file_bytes_ = 0, done_ = 0, total_ = 0;
  std::map<SeriesKey, sensing::Datastream> series_;
  sensing::ClockBook book_;
  CheckReport report_;
};

}  // namespace lander::store
