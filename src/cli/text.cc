#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace lander::cli {
namespace {

std::string padded(std::string text, std::size_t width, bool right) {
  const std::size_t have = width_of(text);
  if (have >= width) return text;
  const std::string blanks(width - have, ' ');
  return right ? blanks + text : text + blanks;
}

std::string formatted(const char* format, double value) {
  std::array<char, 64> buffer;
  const int size = std::snprintf(buffer.data(), buffer.size(), format, value);
  return std::string(buffer.data(), static_cast<std::size_t>(std::clamp(size, 0, 63)));
}

struct Unit {
  base::DurationUs size;
  const char* name;
};
constexpr std::array<Unit, 6> kUnits = {{{base::kDay, "d"},
                                         {base::kHour, "h"},
                                         {base::kMinute, "min"},
                                         {base::kSecond, "s"},
                                         {base::kMillisecond, "ms"},
                                         {1, "us"}}};

struct Bounds {
  double least = INFINITY, most = -INFINITY;
  void add(double value) {
    if (!std::isfinite(value)) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  bool any() const { return least <= most; }
  // 0 at the least, 1 at the most; in halves, because the whole may not be a finite number.
  double share(double value) const {
    return most > least ? (value / 2 - least / 2) / (most / 2 - least / 2) : 0.5;
  }
  double at(double share) const { return least * (1 - share) + most * share; }
};

}  // namespace

std::string painted(std::string_view text, Paint paint, bool colour) {
  static constexpr std::array<const char*, 6> kCodes = {"", "1", "2", "31", "32", "33"};
  if (!colour || paint == Paint::kPlain || text.empty()) return std::string(text);
  return "\x1b[" + std::string(kCodes[static_cast<std::size_t>(paint)]) + "m" + std::string(text) +
         "\x1b[0m";
}

std::string clean(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xc2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080-U+009F
    if (c1) ++i;
    out += c < 0x20 || c == 0x7f || c1 ? ' ' : static_cast<char>(c);
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void Table::add(std::vector<Cell> row) {
  for (auto& cell : row) cell.text = clean(cell.text);
  row.resize(heads_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

std::string Table::text(bool colour) const {
  std::vector<std::string> heads;
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  for (const auto& head : heads_) {
    right.push_back(head.starts_with('>'));
    heads.push_back(right.back() ? head.substr(1) : head);
    widths.push_back(width_of(heads.back()));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  std::string out;
  auto line = [&](auto&& cell_of) {
    std::size_t last = heads.size();
    while (last > 0 && cell_of(last - 1).text.empty()) --last;
    for (std::size_t i = 0; i < last; ++i) {
      const Cell cell = cell_of(i);
      const bool pad = right[i] || i + 1 < last;
      out += painted(pad ? padded(cell.text, widths[i], right[i]) : cell.text, cell.paint, colour);
      if (i + 1 < last) out += "  ";
    }
    out += '\n';
  };
  line([&](std::size_t i) { return Cell(heads[i], Paint::kDim); });
  for (const auto& row : rows_) line([&](std::size_t i) { return row[i]; });
  return out;
}

void Facts::add(std::string key, std::string_view value, Paint paint) {
  if (!value.empty()) rows_.emplace_back(std::move(key), Cell(clean(value), paint));
}

std::string Facts::text(bool colour) const {
  std::size_t width = 0;
  for (const auto& [key, value] : rows_) width = std::max(width, width_of(key));
  std::string out;
  for (const auto& [key, value] : rows_) {
    out += painted(padded(key, width, false), Paint::kDim, colour) + "  " +
           painted(value.text, value.paint, colour) + "\n";
  }
  return out;
}

std::string number_text(double value) {
  return std::isfinite(value) ? formatted("%.6g", value) : "-";
}

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 5> kNames = {" B", " kB", " MB", " GB", " TB"};
  std::size_t at = 0;
  while (bytes >= 1000 && at + 1 < kNames.size()) {
    bytes /= 1000;
    ++at;
  }
  return formatted(at == 0 || bytes >= 100 ? "%.0f" : "%.1f", bytes) + kNames[at];
}

std::string length_text(base::DurationUs duration) {
  if (duration < 0) duration = duration == INT64_MIN ? INT64_MAX : -duration;
  if (duration == 0) return "0 s";
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (duration < kUnits[i].size) continue;
    std::string out = std::to_string(duration / kUnits[i].size) + " " + kUnits[i].name;
    // A second unit only where the first is coarse: "2 h 5 min", but "12 s".
    if (i < 2) {
      const auto rest = duration % kUnits[i].size / kUnits[i + 1].size;
      if (rest > 0) out += " " + std::to_string(rest) + " " + kUnits[i + 1].name;
    }
    return out;
  }
  return "0 s";
}

std::string relative(std::optional<base::TimeUs> time, base::TimeUs now) {
  if (!time) return "never";
  // Neither a clock nor a text from outside may overflow the difference.
  if (*time < INT64_MIN / 4 || *time > INT64_MAX / 4) return "?";
  const base::DurationUs since = now - *time;
  if (since > -base::kSecond && since < base::kSecond) return "just now";
  return since > 0 ? length_text(since) + " ago" : "in " + length_text(since);
}

std::string plural(std::int64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string joined(std::span<const std::string> parts, std::string_view between) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  while (true) {
    const auto end = text.find(at);
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) out.emplace_back(part);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string sparkline(std::span<const double> values, std::size_t columns) {
  static constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (values.empty() || columns == 0) return "";
  columns = std::min(columns, values.size());
  Bounds bounds;
  for (const double value : values) bounds.add(value);
  std::string out;
  for (std::size_t column = 0; column < columns; ++column) {
    // The largest of each column's share: a spike must not vanish between two columns.
    double most = NAN;
    for (std::size_t i = column * values.size() / columns;
         i < (column + 1) * values.size() / columns; ++i)
      most = std::isfinite(values[i]) ? std::fmax(most, values[i]) : most;
    if (std::isnan(most)) {
      out += ' ';
      continue;
    }
    const double level = bounds.most > bounds.least ? bounds.share(most) * 7.999 : 3;
    out += kBars[static_cast<std::size_t>(std::clamp(level, 0.0, 7.0))];
  }
  return out;
}

std::string chart(std::span<const Bucket> buckets, std::size_t rows, std::string_view unit) {
  Bounds bounds;
  for (const auto& bucket : buckets) {
    bounds.add(bucket.least);
    bounds.add(bucket.most);
  }
  if (!bounds.any() || rows < 2) return "";
  const auto row_of = [&](double value) {
    const auto last = static_cast<double>(rows - 1);
    return static_cast<std::size_t>(
        std::clamp(std::round((1 - bounds.share(value)) * last), 0.0, last));
  };
  std::vector<std::string> scale(rows);
  std::size_t width = 0;
  for (std::size_t row : {std::size_t{0}, rows / 2, rows - 1}) {
    scale[row] =
        number_text(bounds.at(1 - static_cast<double>(row) / static_cast<double>(rows - 1)));
    if (row == 0 && !unit.empty()) scale[row] += " " + clean(unit);
    width = std::max(width, width_of(scale[row]));
  }
  std::string out;
  for (std::size_t row = 0; row < rows; ++row) {
    out += padded(scale[row], width, true) + " ┤";
    std::string line;
    for (const auto& bucket : buckets) {
      if (!std::isfinite(bucket.mean)) {
        line += ' ';
      } else if (row_of(bucket.mean) == row) {
        line += "•";
      } else {
        line += row >= row_of(bucket.most) && row <= row_of(bucket.least) ? "│" : " ";
      }
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string csv_line(std::span<const std::string> fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    out += csv_field(fields[i]);
  }
  return out + "\n";
}

}  // namespace lander::cli
