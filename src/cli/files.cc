#include "cli/files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "table/cell.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kWriteBytes = 1 << 18;
constexpr std::size_t kNamed = 8;

std::string list(const std::vector<std::string>& names) {
  const std::size_t count = std::min(names.size(), kNamed);
  return joined(std::span(names).first(count), ", ") +
         (names.size() > kNamed ? " and " + std::to_string(names.size() - kNamed) + " more" : "");
}

bool is_stdout(const std::string& path) { return path == "-" || path == "/dev/stdout"; }

bool is_one_of(const std::string& path, const std::vector<std::string>& others) {
  return std::any_of(others.begin(), others.end(), [&](const std::string& other) {
    return !other.empty() && os::is_same_file(path, other);
  });
}

Error in_file(const Error& error, const std::string& path) {
  return error.message().find(path) == std::string::npos ? error.context(path) : error;
}

}  // namespace

OpenFile::OpenFile(std::string path, std::shared_ptr<os::InputFile> file,
                   table::Recording recording)
    : path_(std::move(path)), file_(std::move(file)), recording_(std::move(recording)) {}

Result<OpenFile> OpenFile::open(const std::string& path, const FileOptions& options,
                                std::vector<std::string> keys, bool number_time) {
  LANDER_ASSIGN(os::InputFile opened, os::InputFile::open(path));
  auto file = std::make_shared<os::InputFile>(std::move(opened));
  auto count = std::make_shared<std::uint64_t>(0);
  auto reader = table::CsvReader::make([file, count](std::span<char> into) -> Result<std::size_t> {
    LANDER_ASSIGN(const std::size_t got, file->read(into));
    *count += got;
    return got;
  });
  if (!reader.ok()) return in_file(reader.error(), path);
  table::RecordingOptions wanted;
  wanted.time = options.time;
  wanted.ignore = options.ignore;
  wanted.label = options.label;
  wanted.keys = std::move(keys);
  wanted.number_time = number_time;
  if (!options.interval.empty()) {
    LANDER_ASSIGN(wanted.interval, base::parse_duration(options.interval));
  }
  auto recording = table::Recording::open(std::move(*reader), wanted);
  if (!recording.ok()) return in_file(recording.error(), path);
  OpenFile made(path, std::move(file), std::move(*recording));
  made.read_ = std::move(count);
  return made;
}

Result<bool> OpenFile::next(table::Row& row) {
  if (recording_->next(row)) return true;
  if (!recording_->status().ok()) return in_file(recording_->status().error(), path_);
  return false;
}

double OpenFile::share_read() const {
  return file_->size() == 0 ? -1 : static_cast<double>(*read_) / static_cast<double>(file_->size());
}

std::uint64_t OpenFile::rows_expected() const { return recording_->rows_expected(file_->size()); }

std::vector<model::Input> inputs_of(const std::vector<table::Sensor>& sensors) {
  std::vector<model::Input> inputs;
  for (const table::Sensor& sensor : sensors) {
    model::Input input;
    input.datastream = sensor.name;
    input.unit = sensor.unit;
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Result<Matching> Matching::make(const std::vector<table::Sensor>& sensors,
                                const std::vector<model::Input>& inputs) {
  Matching matching;
  std::vector<bool> used(sensors.size(), false);
  for (const model::Input& input : inputs) {
    Channel channel;
    for (std::size_t i = 0; i < sensors.size() && !channel.sensor; ++i) {
      if (!used[i] && sensors[i].name == input.datastream) channel.sensor = i;
    }
    if (!channel.sensor) {
      matching.missing_.push_back(input.datastream);
      matching.headers_.push_back(input.datastream);
      matching.channels_.push_back(channel);
      continue;
    }
    const table::Sensor& sensor = sensors[*channel.sensor];
    used[*channel.sensor] = true;
    if (sensor.unit != input.unit && !sensor.unit.empty() && !input.unit.empty()) {
      auto conversion = sensing::conversion(sensor.unit, input.unit);
      if (!conversion.ok())
        return conversion.error().context("column \"" + sensor.header + "\" is not what \"" +
                                          input.datastream + "\" was learned in");
      channel.conversion = *conversion;
      matching.converted_.push_back(sensor.name + " from " + sensor.unit + " to " + input.unit);
    } else if (sensor.unit != input.unit) {
      matching.converted_.push_back(sensor.name + " is taken as learned, in " +
                                    (input.unit.empty() ? "no unit" : input.unit) +
                                    (sensor.unit.empty() ? "" : ", not " + sensor.unit));
    }
    matching.headers_.push_back(sensor.header);
    matching.channels_.push_back(channel);
  }
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (!used[i]) matching.extra_.push_back(sensors[i].header);
  }
  if (2 * matching.missing_.size() >= inputs.size() && !inputs.empty()) {
    std::vector<std::string> there;
    for (const table::Sensor& sensor : sensors) there.push_back(sensor.header);
    return Error(Code::kInvalid, std::to_string(matching.missing_.size()) + " of the model's " +
                                     std::to_string(inputs.size()) + " inputs are not in it: " +
                                     list(matching.missing_) + "; it has " + list(there) +
                                     ". Is this the model of other sensors?");
  }
  return matching;
}

void Matching::fill(std::span<const double> values, std::span<double> frame) const {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    frame[i] =
        channels_[i].sensor ? channels_[i].conversion.apply(values[*channels_[i].sensor]) : NAN;
  }
}

std::vector<std::string> Matching::notes() const {
  std::vector<std::string> notes;
  if (!missing_.empty())
    notes.push_back(std::to_string(missing_.size()) + " of " + std::to_string(channels_.size()) +
                    " inputs are missing, and judged by the others: " + list(missing_));
  if (!extra_.empty()) notes.push_back("not in the model, left out: " + list(extra_));
  if (!converted_.empty()) notes.push_back("units: " + list(converted_));
  return notes;
}

Result<double> parse_rate(std::string_view text) {
  const auto slash = text.find('/');
  const Error wrong(Code::kInvalid, "\"" + std::string(text.substr(0, 40)) +
                                        "\": expected so many in so long, as 1/30d or 0.5/day");
  if (slash == text.npos) return wrong;
  const auto count = table::parse_number(text.substr(0, slash));
  std::string span(table::trim(text.substr(slash + 1)));
  for (const auto& [word, days] :
       {std::pair{"day", "1d"}, std::pair{"week", "7d"}, std::pair{"month", "30d"},
        std::pair{"year", "365d"}, std::pair{"hour", "1h"}, std::pair{"d", "1d"}}) {
    if (span == word) span = days;
  }
  const auto duration = base::parse_duration(span);
  if (!count || !duration.ok() || *duration <= 0) return wrong;
  const double rate = *count / (static_cast<double>(*duration) / static_cast<double>(base::kDay));
  if (!(rate >= 1e-6 && rate <= 1e5))
    return Error(Code::kInvalid, "\"" + std::string(text) +
                                     "\": expected between one in a million days and 100000 a day");
  return rate;
}

std::string rate_text(double per_day) {
  return per_day < 1 ? "1 in " + number_text(std::round(1e4 / per_day) / 1e4) + " days"
                     : number_text(per_day) + " a day";
}

Result<model::Model> read_model(Session& session, const std::string& path) {
  LANDER_ASSIGN(const base::Bytes bytes, session.world.files.read(path, model::kMaxModelBytes));
  auto decoded = model::decode_model(bytes);
  if (!decoded.ok()) return decoded.error().context(path);
  return std::move(*decoded);
}

Result<OutputTable> OutputTable::create(Session& session, const std::string& path,
                                        std::string_view header) {
  OutputTable table(session);
  if (path == "/dev/null") {
    table.silent_ = true;
  } else if (path.empty() || is_stdout(path)) {
    table.silent_ = session.json;
  } else {
    LANDER_TRY(may_make_file(session, path, {}));
    LANDER_ASSIGN(os::NewFile file, os::NewFile::create(path));
    table.file_.emplace(std::move(file));
  }
  table.text_ = header;
  return table;
}

Status OutputTable::row() { return text_.size() < kWriteBytes ? Status() : write(); }

Status OutputTable::write() {
  if (file_) {
    LANDER_TRY(file_->append(base::as_bytes(text_)));
  } else if (!silent_) {
    session_->say(text_);
  }
  text_.clear();
  return {};
}

Status OutputTable::finish() {
  LANDER_TRY(write());
  return file_ ? file_->finish() : Status();
}

Status may_write(Session& session, const std::string& out, const std::vector<std::string>& inputs) {
  if (out.empty()) return {};
  if (session.json && is_stdout(out))
    return session.usage("-o - and --json both write to standard output: name a file with -o");
  if (is_one_of(out, inputs)) return session.usage("-o " + out + " would write over what is read");
  return {};
}

Status may_make_file(Session& session, const std::string& path,
                     const std::vector<std::string>& others) {
  if (path.starts_with("/dev/"))  // a file that appears whole would take the device's place
    return session.usage(path + " is a device: name a file");
  if (!path.empty() && is_one_of(path, others))
    return session.usage(path + " would write over another file of this command");
  return {};
}

void append_number(std::string& out, double value, int digits) {
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::general, digits);
  out.append(text.data(), end.ptr);
}

void tell_notes(Session& session, const std::string& path, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) session.note(path + ": " + note);
}

}  // namespace lander::cli
