#include "table/csv.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/check.h"
#include "table/cell.h"
#include "table/separator.h"

namespace lander::table {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kChunk = 1 << 20;
constexpr std::size_t kMaxRowBytes = 16 << 20;
constexpr std::size_t kHeadRows = 1000;

bool is_value(std::string_view cell) {
  return parse_decimal_comma(cell).has_value() || parse_written_time(cell).ok();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Texts above values: names such as "1" beside "time" do not make a header into data.
bool is_header(const std::vector<std::string>& first,
               const std::vector<std::vector<std::string>>& below) {
  if (std::none_of(first.begin(), first.end(), is_value)) return true;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (is_missing(first[i]) || is_value(first[i])) continue;
    std::size_t values = 0, texts = 0;
    for (const auto& row : below) {
      if (i >= row.size() || is_missing(row[i])) continue;
      ++(is_value(row[i]) ? values : texts);
    }
    if (values > texts) return true;
  }
  return false;
}

}  // namespace

Result<CsvReader> CsvReader::make(std::string text) {
  CsvReader reader;
  reader.text_ = std::move(text);
  return start(std::move(reader));
}

Result<CsvReader> CsvReader::make(Read read) {
  CsvReader reader;
  reader.read_ = std::move(read);
  return start(std::move(reader));
}

Result<CsvReader> CsvReader::start(CsvReader reader) {
  if (reader.read_) reader.fill();
  const std::string_view text(reader.text_);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return Error(Code::kInvalid, "the text is UTF-16: save it as UTF-8");
  LANDER_TRY(reader.status_);
  if (text.find('\n') == text.npos && trim(text).find('\r') != text.npos)
    return Error(Code::kInvalid, "its lines end with CR alone: save it with LF, or CR LF");
  if (!reader.read_ && text.find('\0') != text.npos) {
    const auto line =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find('\0')), '\n');
    reader.fail(static_cast<std::uint64_t>(line) + 1,
                "a NUL byte: this is no text, or UTF-16 that should be UTF-8");
    return reader.status_.error();
  }
  if (text.starts_with("\xEF\xBB\xBF")) reader.at_ = 3;
  reader.separator_ = detect_separator(text.substr(reader.at_));
  std::vector<std::string_view> cells;
  if (!reader.next(cells)) {
    LANDER_TRY(reader.status_);
    return Error(Code::kInvalid, "the file has no rows");
  }
  const std::vector<std::string> first(cells.begin(), cells.end());
  reader.first_data_ = reader.row_start_;
  reader.first_data_line_ = reader.row_line_;
  const std::size_t behind = reader.at_;
  const std::uint64_t line_behind = reader.line_;
  reader.read_head();
  reader.header_ = is_header(first, reader.head_);
  if (reader.header_) {
    reader.first_data_ = behind;
    reader.first_data_line_ = line_behind;
  } else {
    reader.head_.insert(reader.head_.begin(), first);
  }
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < first.size(); ++i) {
    std::string name = reader.header_ ? printable(first[i], 200) : std::string();
    if (name.empty()) name = std::to_string(i + 1);
    if (const int count = ++seen[name]; count > 1) name += "#" + std::to_string(count);
    reader.columns_.push_back(std::move(name));
  }
  reader.dropped_ = 0;
  reader.rewind();
  return reader;
}

// What is in the buffer already: a stream is not read on for it.
void CsvReader::read_head() {
  std::vector<std::string_view> cells;
  const std::size_t from = at_;
  while (head_.size() < kHeadRows && parse_row(cells)) {
    head_.emplace_back(cells.begin(), cells.end());
    head_bytes_ = at_ - from;
  }
  status_ = {};  // of a row that next() will come to
}

std::optional<std::size_t> CsvReader::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
  const auto number = parse_integer(name);
  if (!number || *number < 1 || *number > static_cast<std::int64_t>(columns_.size()))
    return std::nullopt;
  return static_cast<std::size_t>(*number - 1);
}

void CsvReader::rewind() {
  LANDER_CHECK(dropped_ == 0);
  at_ = first_data_;
  line_ = first_data_line_;
  cut_ = false;
  status_ = {};
}

bool CsvReader::fail(std::uint64_t line, const std::string& what) {
  status_ = Error(Code::kInvalid, "line " + std::to_string(line) + ": " + what);
  return false;
}

// Drops the rows that were read and appends what comes. False: nothing came.
bool CsvReader::fill() {
  if (!read_) return false;
  dropped_ += row_start_;
  text_.erase(0, row_start_);
  at_ -= row_start_;
  row_start_ = 0;
  const std::size_t have = text_.size();
  if (have > kMaxRowBytes)
    return fail(row_line_, "a row of over 16 MiB: is a quote not closed, or is this no CSV file?");
  text_.resize(have + std::max(kChunk, have));
  std::size_t got = 0;
  while (have + got < text_.size()) {
    auto some = read_(std::span<char>(text_).subspan(have + got));
    if (!some.ok()) {
      status_ = some.error();
      return false;
    }
    if (*some == 0) break;
    got += *some;
  }
  if (have + got < text_.size()) read_ = nullptr;  // the end
  text_.resize(have + got);
  const auto nul = text_.find('\0', have);
  if (nul == text_.npos) return got > 0;
  const auto lines =
      std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
  return fail(row_line_ + static_cast<std::uint64_t>(lines),
              "a NUL byte: this is no text, or UTF-16 that should be UTF-8");
}

// Where the separator or line end is, else the end of the text.
std::size_t CsvReader::cell_end(std::size_t from) const {
  const char* const data = text_.data();
  const std::size_t size = text_.size();
  if (separator_ == ' ') {
    while (from < size && data[from] != ' ' && data[from] != '\t' && data[from] != '\n') ++from;
  } else {
    while (from < size && data[from] != separator_ && data[from] != '\n') ++from;
  }
  return from;
}

void CsvReader::skip_blanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

// Reads one cell and stops at the separator or line end behind it.
std::string_view CsvReader::take_cell() {
  const std::string_view text(text_);
  const std::size_t start = std::min(text.find_first_not_of(' ', at_), text.size());
  if (start == text.size() || text[start] != '"') {
    const std::size_t from = at_;
    at_ = cell_end(from);
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
  at_ = cell_end(std::min(close, text.size()));
  return plain ? std::string_view(*plain) : text.substr(start + 1, close - start - 1);
}

// One row of the text, blank ones skipped. False: none is whole; cut_ says whether one began.
bool CsvReader::parse_row(std::vector<std::string_view>& cells) {
  do {
    cells.clear();
    unquoted_.clear();
    row_start_ = at_;
    row_line_ = line_;
    cut_ = false;
    if (at_ >= text_.size()) return false;
    if (separator_ == ' ') skip_blanks();
    bool ended = false;
    for (bool more = true; more;) {
      const std::string_view cell = take_cell();
      cells.push_back(trim(cell));
      if (cells.size() > kMaxCsvColumns)
        return fail(row_line_, "over " + std::to_string(kMaxCsvColumns) +
                                   " columns: are rows and columns swapped?");
      if (separator_ == ' ') skip_blanks();
      ended = at_ < text_.size() && text_[at_] == '\n';
      more = at_ < text_.size() && !ended;
      if (at_ < text_.size() && (separator_ != ' ' || ended)) ++at_;
    }
    if (ended) {
      ++line_;
    } else if (read_) {  // the row may go on
      at_ = row_start_;
      line_ = row_line_;
      cut_ = true;
      return false;
    }
  } while (cells.size() == 1 && cells.front().empty());
  return true;
}

bool CsvReader::next(std::vector<std::string_view>& cells) {
  while (status_.ok()) {
    if (parse_row(cells)) return true;
    if (!status_.ok() || !read_) return false;
    if (!fill() && !cut_) return false;
  }
  return false;
}

Result<std::optional<std::size_t>> find_time_column(const CsvReader& reader,
                                                    const std::string& wanted) {
  static constexpr std::string_view kNames[] = {"time",           "timestamp", "datetime", "date",
                                                "date_time",      "date time", "ts",       "t",
                                                "phenomenontime", "time_utc",  "utc"};
  if (!wanted.empty()) {
    const auto found = reader.column(wanted);
    if (!found) return Error(Code::kNotFound, "time_column \"" + wanted + "\": no such column");
    return found;
  }
  std::optional<std::size_t> by_value, by_name;
  for (std::size_t i = 0; i < reader.columns().size(); ++i) {
    std::string_view cell;
    for (const auto& row : reader.head()) {
      if (i < row.size() && !is_missing(row[i])) {
        cell = row[i];
        break;
      }
    }
    if (cell.empty()) continue;
    const std::string name = lower(reader.columns()[i]);
    const bool named = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
    if (!by_name && named && parse_time(cell).ok()) by_name = i;
    if (!by_value && parse_written_time(cell).ok()) by_value = i;
  }
  return by_name ? by_name : by_value;
}

}  // namespace lander::table
