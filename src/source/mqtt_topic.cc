#include <algorithm>

#include "source/mqtt_codec.h"
#include "source/runner.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Status;

// The first level; `rest` is what stands behind its '/', `more` whether there is one.
struct Level {
  std::string_view name, rest;
  bool more;
  explicit Level(std::string_view text)
      : name(text.substr(0, text.find('/'))),
        rest(name.size() < text.size() ? text.substr(name.size() + 1) : std::string_view()),
        more(name.size() < text.size()) {}
};

void add_filters(const std::string& front, std::string_view topic, std::vector<std::string>& out) {
  const Level level(topic);
  out.push_back(front + "#");
  for (const std::string& one : {std::string(level.name), std::string("+")}) {
    if (level.more) {
      add_filters(front + one + "/", level.rest, out);
    } else {
      out.push_back(front + one);
      out.push_back(front + one + "/#");
    }
  }
}

}  // namespace

bool mqtt_covers(std::string_view wide, std::string_view narrow) {
  if (narrow.starts_with('$') != wide.starts_with('$')) return false;
  for (;;) {
    const Level w(wide), n(narrow);
    if (w.name == "#") return true;
    if (n.name == "#" || (w.name != "+" && w.name != n.name)) return false;
    if (!n.more) return !w.more || w.rest == "#";
    if (!w.more) return false;
    wide = w.rest;
    narrow = n.rest;
  }
}

std::vector<std::string> without_covered(std::vector<std::string> filters) {
  std::sort(filters.begin(), filters.end());
  filters.erase(std::unique(filters.begin(), filters.end()), filters.end());
  std::vector<std::string> kept;
  for (const std::string& one : filters) {
    const bool covered = std::any_of(filters.begin(), filters.end(), [&](const std::string& other) {
      return &other != &one && mqtt_covers(other, one);
    });
    if (!covered) kept.push_back(one);
  }
  return kept;
}

std::uint32_t subscription_id(std::string_view filter) {
  return static_cast<std::uint32_t>(seed_of(filter) % 268'435'455) + 1;
}

std::vector<std::string> filters_that_match(std::string_view topic,
                                            const std::vector<std::string>& keep) {
  std::vector<std::string> filters;
  if (std::count(topic.begin(), topic.end(), '/') >= 6) return filters;
  add_filters("", topic, filters);
  std::erase_if(filters, [&](const std::string& filter) {
    return std::find(keep.begin(), keep.end(), filter) != keep.end();
  });
  return filters;
}

bool mqtt_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && !filter.starts_with('$')) return false;
  for (;;) {
    if (filter == "#") return true;
    const auto filter_end = filter.find('/'), topic_end = topic.find('/');
    const std::string_view level = filter.substr(0, filter_end);
    if (level != "+" && level != topic.substr(0, topic_end)) return false;
    const bool filter_done = filter_end == filter.npos, topic_done = topic_end == topic.npos;
    if (topic_done) return filter_done || filter.substr(filter_end + 1) == "#";
    if (filter_done) return false;
    filter.remove_prefix(filter_end + 1);
    topic.remove_prefix(topic_end + 1);
  }
}

Status valid_mqtt_topic(std::string_view topic) {
  if (topic.empty() || topic.size() > 0xFFFF)
    return Error(Code::kInvalid, "an MQTT topic has 1 to 65535 bytes");
  if (topic.find_first_of(std::string_view("+#\0", 3)) != topic.npos)
    return Error(Code::kInvalid, "an MQTT topic holds no '+', '#' or NUL");
  return {};
}

Status valid_mqtt_filter(std::string_view filter) {
  const std::string quoted = "topic filter \"" + std::string(filter.substr(0, 200)) + "\": ";
  if (filter.empty() || filter.size() > 1024 || filter.find('\0') != filter.npos)
    return Error(Code::kInvalid, quoted + "expected 1 to 1024 bytes without NUL");
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] != '+' && filter[i] != '#') continue;
    const bool starts = i == 0 || filter[i - 1] == '/', last = i + 1 == filter.size();
    if (!starts || (!last && (filter[i] == '#' || filter[i + 1] != '/')))
      return Error(Code::kInvalid, quoted + "'+' fills a whole level, '#' the last one");
  }
  return {};
}

}  // namespace lander::source
