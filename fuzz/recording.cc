// A CSV of anything as a table of sensors over time: opened and read to its end, or told what is
// wrong with it; all at once and in small pieces alike.
#include "table/recording.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace {

using namespace lander;

struct Outcome {
  std::uint64_t rows = 0;
  std::string said;
  bool operator==(const Outcome&) const = default;
};

Outcome read(base::Result<table::CsvReader> reader, const table::RecordingOptions& options) {
  Outcome outcome;
  if (!reader.ok()) return outcome;
  auto recording = table::Recording::open(std::move(*reader), options);
  if (!recording.ok()) return {0, recording.error().message()};
  LANDER_CHECK(!recording->sensors().empty());
  LANDER_CHECK(recording->interval() > 0);
  table::Row row;
  while (recording->next(row)) {
    LANDER_CHECK(row.values.size() == recording->sensors().size());
    LANDER_CHECK(row.keys.size() == options.keys.size());
    ++outcome.rows;
  }
  LANDER_CHECK(outcome.rows <= recording->rows());
  outcome.said = recording->status().ok() ? "" : recording->status().error().message();
  for (const std::string& note : recording->notes()) outcome.said += "\n" + note;
  return outcome;
}

}  // namespace

// The first byte chooses how it is to be read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(base::as_text(base::ByteView(data + 1, size - 1)));
  table::RecordingOptions options;
  options.number_time = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) options.keys = {"1"};
  if ((data[0] & 4) != 0) options.ignore = {"2,3", "label"};
  if ((data[0] & 8) != 0) options.time = "2";
  const Outcome whole = read(table::CsvReader::make(text), options);
  if (text.find('\0') != text.npos)
    return 0;  // found at once in one, when it is come to in the other
  std::size_t at = 0;
  const auto some = [&](std::span<char> into) -> base::Result<std::size_t> {
    const std::size_t count = std::min({into.size(), text.size() - at, std::size_t{61}});
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at), count, into.begin());
    at += count;
    return count;
  };
  LANDER_CHECK(read(table::CsvReader::make(some), options) == whole);
  return 0;
}
