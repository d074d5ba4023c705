#include "source/csv.h"

#include <algorithm>
#include <map>

#include "source/raw.h"
#include "source/topic_table.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;

char detect_separator(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), std::size_t{65536}));
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char c : {',', ';', '\t', '|'}) {
    const auto count = std::count(line.begin(), line.end(), c);
    if (count > most) {
      most = count;
      best = c;
    }
  }
  return best;
}

bool is_value(std::string_view cell) {
  return parse_number(cell).has_value() || base::parse_rfc3339(cell).ok();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

Result<CsvReader> CsvReader::make(std::string text) {
  CsvReader reader;
  reader.text_ = std::move(text);
  if (reader.text_.starts_with("\xEF\xBB\xBF")) reader.at_ = 3;
  reader.separator_ = detect_separator(std::string_view(reader.text_).substr(reader.at_));
  const std::size_t start = reader.at_;
  std::vector<std::string_view> cells;
  if (!reader.next(cells)) return Error(Code::kInvalid, "the file has no rows");
  if (cells.size() > kMaxCsvColumns)
    return Error(Code::kInvalid, "line " + std::to_string(reader.line()) + " has over " +
                                     std::to_string(kMaxCsvColumns) + " columns");
  const bool header = std::none_of(cells.begin(), cells.end(), is_value);
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string name = header ? printable(cells[i], 200) : std::string();
    if (name.empty()) name = "column" + std::to_string(i + 1);
    if (const int count = ++seen[name]; count > 1) name += "#" + std::to_string(count);
    reader.columns_.push_back(std::move(name));
  }
  reader.first_data_ = header ? reader.at_ : start;
  reader.first_data_line_ = header ? reader.line_ : 1;
  reader.rewind();
  return reader;
}

std::optional<std::size_t> CsvReader::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

void CsvReader::rewind() {
  at_ = first_data_;
  line_ = first_data_line_;
}

// Reads one cell and stops at the separator or line end behind it.
std::string_view CsvReader::take_cell() {
  const std::string_view text(text_);
  const char ends[] = {separator_, '\n'};
  const auto next_end = [&](std::size_t from) {
    return std::min(text.find_first_of(std::string_view(ends, 2), from), text.size());
  };
  const std::size_t start = std::min(text.find_first_not_of(' ', at_), text.size());
  if (start == text.size() || text[start] != '"') {
    const std::size_t from = at_;
    at_ = next_end(from);
    return text.substr(from, at_ - from);
  }
  std::size_t close = start + 1;
  std::string* plain = nullptr;  // only a cell with doubled quotes is copied
  for (; close < text.size(); ++close) {
    if (text[close] == '"') {
      if (close + 1 >= text.size() || text[close + 1] != '"') break;
      if (!plain) plain = &unquoted_.emplace_back(text.substr(start + 1, close - start - 1));
      ++close;
    }
    if (text[close] == '\n') ++line_;
    if (plain) *plain += text[close];
  }
  at_ = next_end(close);
  return plain ? std::string_view(*plain) : text.substr(start + 1, close - start - 1);
}

bool CsvReader::next(std::vector<std::string_view>& cells) {
  do {
    cells.clear();
    unquoted_.clear();
    if (at_ >= text_.size()) return false;
    row_line_ = line_;
    for (bool more = true; more;) {
      const std::string_view cell = take_cell();
      if (cells.size() <= kMaxCsvColumns) cells.push_back(trim(cell));
      more = at_ < text_.size() && text_[at_] == separator_;
      if (at_ < text_.size() && text_[at_++] == '\n') ++line_;
    }
  } while (cells.size() == 1 && cells.front().empty());
  return true;
}

Result<std::optional<std::size_t>> find_time_column(CsvReader& reader, const std::string& wanted) {
  static constexpr std::string_view kNames[] = {"time",           "timestamp", "datetime", "date",
                                                "date_time",      "date time", "ts",       "t",
                                                "phenomenontime", "time_utc",  "utc"};
  if (!wanted.empty()) {
    const auto found = reader.column(wanted);
    if (!found) return Error(Code::kNotFound, "time_column \"" + wanted + "\": no such column");
    return found;
  }
  std::vector<std::string_view> cells;
  const bool some = reader.next(cells);
  const std::vector<std::string_view> first = cells;
  std::optional<std::size_t> by_value, by_name;
  for (std::size_t i = 0; some && i < std::min(first.size(), reader.columns().size()); ++i) {
    const std::string name = lower(reader.columns()[i]);
    const bool named = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
    if (!by_name && named && parse_phenomenon_time(Raw(first[i])).ok()) by_name = i;
    if (!by_value && !parse_number(first[i]) && base::parse_rfc3339(first[i]).ok()) by_value = i;
  }
  reader.rewind();
  return by_name ? by_name : by_value;
}

}  // namespace lander::source
