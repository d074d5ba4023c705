// A recorded file of any bytes: read to its end in as many rows as it has lines at most, twice
// alike.
#include "table/csv.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const std::string text(base::as_text(base::ByteView(data, size)));
  auto reader = table::CsvReader::make(text);
  if (!reader.ok()) return 0;
  LANDER_CHECK(!reader->columns().empty());
  const auto time = table::find_time_column(*reader, "");
  LANDER_CHECK(time.ok() && (!*time || **time < reader->columns().size()));
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  std::vector<std::string_view> cells;
  std::size_t rows[2] = {0, 0}, total[2] = {0, 0};
  for (int pass = 0; pass < 2; ++pass) {
    while (reader->next(cells)) {
      LANDER_CHECK(!cells.empty() && cells.size() <= table::kMaxCsvColumns);
      for (const std::string_view cell : cells) total[pass] += cell.size();
      LANDER_CHECK(reader->line() <= lines);
      ++rows[pass];
    }
    reader->rewind();
  }
  LANDER_CHECK(rows[0] == rows[1] && total[0] == total[1]);
  LANDER_CHECK(rows[0] <= lines && total[0] <= text.size());
  return 0;
}
