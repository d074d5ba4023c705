// Observations of a site's database as a table in a file: memory is bounded whatever there is.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "store/store.h"

namespace lander::cli {

struct ExportOrder {
  std::string database, out;
  std::vector<std::string> datastreams;  // none: those of `meaning`
  std::string meaning;                   // a property; "vibration" is "vibration-velocity" too
  base::TimeUs from = INT64_MIN, to = INT64_MAX;
};

struct ExportGap {
  std::string datastream;
  store::Gap gap;
};

struct Exported {
  std::uint64_t observations = 0, bytes = 0, datastreams = 0;
  std::vector<ExportGap> gaps;  // what the file lacks
};

// When it failed nothing stands under the file's name that did not stand there before. kInvalid:
// the file's name ends in neither .csv nor .parquet.
base::Result<Exported> export_observations(Session& session, const ExportOrder& order);

// Options to read the database of a site's data folder, or of its file. kNotFound says what is
// wrong.
base::Result<store::Store::Options> database_of(Session& session, const std::string& data);

// "  42 % of 1.2 GB", over itself, on a terminal; nothing elsewhere.
class Progress {
 public:
  explicit Progress(Session& session);
  ~Progress();  // clears the line
  void show(double share, const std::string& text);

 private:
  Session& session_;
  const bool shown_;
  base::DurationUs next_ = 0;
  bool any_ = false;
};

}  // namespace lander::cli
