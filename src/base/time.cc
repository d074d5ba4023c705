#include "base/time.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace lander::base {
namespace {

// Howard Hinnant, "chrono-compatible low-level date algorithms": proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

struct Civil {
  std::int64_t year;
  unsigned month, day;
};

Civil civil_from_days(std::int64_t z) {
  z += 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2), month,
          doy - (153 * mp + 2) / 5 + 1};
}

unsigned days_in_month(std::int64_t year, unsigned month) {
  constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

struct Unit {
  std::string_view name;
  DurationUs us;
};
constexpr Unit kUnits[] = {{"d", kDay},    {"h", kHour},         {"m", kMinute},
                           {"s", kSecond}, {"ms", kMillisecond}, {"us", 1}};

}  // namespace

std::string to_rfc3339(TimeUs time) {
  std::int64_t days = time / kDay, rest = time % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const Civil c = civil_from_days(days);
  char buffer[64];
  const auto seconds = rest / kSecond;
  int n = std::snprintf(
      buffer, sizeof buffer, "%04lld-%02u-%02uT%02lld:%02lld:%02lld",
      static_cast<long long>(c.year), c.month, c.day, static_cast<long long>(seconds / 3600),
      static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  std::string out(buffer, static_cast<std::size_t>(n));
  if (const auto fraction = rest % kSecond; fraction != 0) {
    n = std::snprintf(buffer, sizeof buffer, ".%06lld", static_cast<long long>(fraction));
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out + "Z";
}

Result<TimeUs> parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  auto bad = [&](const char* expected) {
    return Error(Code::kInvalid, "time \"" + std::string(text.substr(0, 64)) + "\": expected " +
                                     expected + " at offset " + std::to_string(at) +
                                     " (like 2026-11-22T08:30:00Z)");
  };
  auto digits = [&](std::size_t count, unsigned& out) {
    if (text.size() - at < count) return false;
    out = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text[at + i];
      if (c < '0' || c > '9') return false;
      out = out * 10 + static_cast<unsigned>(c - '0');
    }
    at += count;
    return true;
  };
  auto literal = [&](char c) { return at < text.size() && text[at] == c && ++at; };
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!digits(4, year) || !literal('-') || !digits(2, month) || !literal('-') || !digits(2, day)) {
    return bad("a date YYYY-MM-DD");
  }
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
    return bad("a day that exists");
  if (!literal('T') && !literal('t') && !literal(' ')) return bad("'T'");
  if (!digits(2, hour) || !literal(':') || !digits(2, minute)) return bad("a time HH:MM:SS");
  if (literal(':') && !digits(2, second)) return bad("seconds");
  if (hour > 23 || minute > 59 || second > 60) return bad("a time of day that exists");
  std::int64_t fraction = 0;
  if (literal('.')) {
    std::int64_t scale = 100'000;
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - first < 9) {
      fraction += (text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (at == first) return bad("digits after '.'");
  }
  std::int64_t offset_minutes = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '-' ? -1 : 1;
    unsigned oh = 0, om = 0;
    if (!digits(2, oh)) return bad("an offset +HH:MM");
    literal(':');
    if (at < text.size() && !digits(2, om)) return bad("an offset +HH:MM");
    if (oh > 23 || om > 59) return bad("an offset under 24 hours");
    offset_minutes = sign * static_cast<std::int64_t>(oh * 60 + om);
  } else if (!literal('Z')) {
    literal('z');
  }
  if (at != text.size()) return bad("the end");
  const std::int64_t days = days_from_civil(year, month, day);
  return days * kDay + (hour * 3600LL + minute * 60 + second - offset_minutes * 60) * kSecond +
         fraction;
}

Result<DurationUs> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error == std::errc() && number >= 0) {
    for (const Unit& u : kUnits) {
      if (unit != u.name) continue;
      const double us = number * static_cast<double>(u.us);
      if (us <= 9.0e17) return std::llround(us);
    }
  }
  return Error(Code::kInvalid,
               "duration \"" + std::string(text.substr(0, 64)) +
                   "\": expected a number and one of us, ms, s, m, h, d (like 10s)");
}

std::string to_text(DurationUs duration) {
  for (const Unit& u : kUnits) {
    if (duration != 0 && duration % u.us == 0) {
      return std::to_string(duration / u.us) + std::string(u.name);
    }
  }
  return "0s";
}

}  // namespace lander::base
