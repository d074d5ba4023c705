// What `lander learn`, `detect` and `predict` share, which work on CSV files without a site or hub.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/session.h"
#include "model/model.h"
#include "os/input_file.h"
#include "os/new_file.h"
#include "sensing/unit.h"
#include "table/recording.h"

namespace lander::cli {

// How the user says to read the files.
struct FileOptions {
  std::vector<std::string> ignore;
  std::string time, interval;
  std::string label;  // left out, too, where it is there
};

// A CSV file that is being read; errors lead with its path.
class OpenFile {
 public:
  static base::Result<OpenFile> open(const std::string& path, const FileOptions& options,
                                     std::vector<std::string> keys = {}, bool number_time = false);
  table::Recording& recording() { return *recording_; }
  base::Result<bool> next(table::Row& row);  // false at the end
  double share_read() const;                 // 0..1; below 0: unknown
  std::uint64_t rows_expected() const;
  const std::string& path() const { return path_; }

 private:
  OpenFile(std::string path, std::shared_ptr<os::InputFile> file, table::Recording recording);
  std::string path_;
  std::shared_ptr<os::InputFile> file_;
  std::shared_ptr<std::uint64_t> read_ = std::make_shared<std::uint64_t>(0);
  std::optional<table::Recording> recording_;
};

// Which sensor of a file is which input of a model, and in what unit it came.
class Matching {
 public:
  // By name; a unit that differs is converted. kInvalid: half of the inputs or more are missing, or
  // a unit cannot be converted.
  static base::Result<Matching> make(const std::vector<table::Sensor>& sensors,
                                     const std::vector<model::Input>& inputs);
  // One value an input, NaN where the file has no such sensor.
  void fill(std::span<const double> values, std::span<double> frame) const;
  const std::string& header(std::size_t input) const { return headers_[input]; }
  const std::vector<std::string>& headers() const { return headers_; }  // as the file has them
  std::vector<std::string> notes() const;

 private:
  struct Channel {
    std::optional<std::size_t> sensor;
    sensing::Conversion conversion;
  };
  std::vector<Channel> channels_;
  std::vector<std::string> headers_, missing_, extra_, converted_;
};

std::vector<model::Input> inputs_of(const std::vector<table::Sensor>& sensors);

// "1/30d", "0.5/day": so many a day.
base::Result<double> parse_rate(std::string_view text);
std::string rate_text(double per_day);

base::Result<model::Model> read_model(Session& session, const std::string& path);

// A CSV that appears under its name when it is whole; "" and "-": standard output, as it goes.
class OutputTable {
 public:
  static base::Result<OutputTable> create(Session& session, const std::string& path,
                                          std::string_view header);
  std::string& text() { return text_; }  // rows are appended here
  base::Status row();                    // what was appended may be written now
  base::Status finish();
  bool to_stdout() const { return !file_ && !silent_; }

 private:
  explicit OutputTable(Session& session) : session_(&session) {}
  base::Status write();
  Session* session_;
  std::optional<os::NewFile> file_;
  std::string text_;
  bool silent_ = false;
};

// --json answers on standard output, where the table would be too.
base::Status may_write(Session& session, const std::string& out,
                       const std::vector<std::string>& inputs);
// Of a model or a plot; wrong usage also for a device, in whose place it would stand.
base::Status may_make_file(Session& session, const std::string& path,
                           const std::vector<std::string>& others);

void append_number(std::string& out, double value, int digits);

// One line each on stderr, "FILE: NOTE"; they come again in --json.
void tell_notes(Session& session, const std::string& path, const std::vector<std::string>& notes);

}  // namespace lander::cli
