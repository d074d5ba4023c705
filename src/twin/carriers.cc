#include "twin/carriers.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>

#include "base/suggest.h"
#include "sensing/datastream.h"
#include "twin/yaml_policy.h"

namespace lander::twin {
namespace {

using base::quoted;
using base::Yaml;

constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxSettings = 32;
constexpr double kMaxPrice = 1e6;
constexpr base::DurationUs kMaxDelay = 30 * base::kDay;  // farther than any probe is

// "HH:MM", up to 48:00.
std::optional<base::DurationUs> clock_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  int hours = 0, minutes = 0;
  const auto h = std::from_chars(text.data(), text.data() + 2, hours);
  const auto m = std::from_chars(text.data() + 3, text.data() + 5, minutes);
  if (h.ec != std::errc() || h.ptr != text.data() + 2 || m.ec != std::errc() ||
      m.ptr != text.data() + 5 || minutes > 59 || hours > 48) {
    return std::nullopt;
  }
  return hours * base::kHour + minutes * base::kMinute;
}

std::optional<link::Window> window_of(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto from = clock_time(text.substr(0, dash)), to = clock_time(text.substr(dash + 1));
  if (!from || !to) return std::nullopt;
  return link::Window{*from, *to};
}

std::vector<link::Window> read_contact(Yaml at) {
  std::vector<link::Window> out;
  if (!at.present()) return out;
  for (Yaml& item : at.items()) {
    const std::string text = item.text();
    const auto window = window_of(text);
    if (!window) {
      item.mistake("expected a time of day in UTC like \"06:00-06:10\", found " + quoted(text));
      continue;
    }
    if (window->to <= window->from || window->from >= base::kDay ||
        window->to > window->from + base::kDay) {
      item.mistake(quoted(text) +
                   " does not end after it begins, within a day; past midnight write "
                   "\"22:00-26:00\"");
      continue;
    }
    out.push_back(*window);
  }
  return out;
}

// `at` may be absent; `type` is where the kind stands.
void read_settings(Yaml at, Yaml type, const carrier::Kind& kind, carrier::Config& out) {
  std::vector<std::string_view> known;
  for (const auto& setting : kind.settings) known.push_back(setting.name);
  if (at.present()) {
    for (auto& [name, value] : at.entries()) {
      const std::string text = value.text();
      out.settings[name] = text;
      if (std::find(known.begin(), known.end(), name) != known.end()) {
        const auto setting = std::find_if(kind.settings.begin(), kind.settings.end(),
                                          [&, &n = name](const auto& s) { return s.name == n; });
        if (setting->valid == nullptr) continue;
        if (auto valid = setting->valid(text); !valid.ok()) value.mistake(valid.error().message());
        continue;
      }
      value.mistake(quoted(name) + " is no setting of " + std::string(kind.type) +
                    base::suggestion(name, known));
    }
  }
  for (const auto& setting : kind.settings) {
    if (setting.required && !out.settings.contains(std::string(setting.name))) {
      (at.present() ? at : type)
          .mistake("setting \"" + std::string(setting.name) +
                   "\" is missing: " + std::string(setting.meaning));
    }
  }
}

carrier::Config read_one(Yaml item, std::set<std::string>& ids) {
  carrier::Config out;
  Yaml id = item.required("id");
  out.terms.id = id.text();
  if (id.present()) {
    if (auto valid = sensing::valid_id(out.terms.id); !valid.ok()) {
      id.mistake(valid.error().message());
    }
    if (!ids.insert(out.terms.id).second) id.mistake(quoted(out.terms.id) + " is declared twice");
  }
  Yaml type = item.required("type");
  out.type = type.text();
  const carrier::Kind* kind = carrier::find_kind(out.type);
  if (kind == nullptr) {
    std::vector<std::string_view> types;
    for (const auto* known : carrier::kinds()) types.push_back(known->type);
    if (type.present()) {
      type.mistake("there is no carrier of type " + quoted(out.type) +
                   base::suggestion(out.type, types));
    }
    if (item.is_map()) item.entries();  // which keys belong here depends on it
    if (Yaml settings = item.optional("settings"); settings.is_map()) settings.entries();
    return out;
  }
  out.terms.bytes_a_day =
      static_cast<std::uint64_t>(item.optional("bytes_a_day").integer(0, 0, INT64_MAX));
  out.terms.price = item.optional("price").number(0, 0, kMaxPrice);
  out.terms.delay = read_duration(item.optional("delay"), 0, 0, kMaxDelay);
  out.terms.copies =
      static_cast<std::uint8_t>(item.optional("copies").integer(1, 1, link::kMaxCopies));
  out.terms.plan = read_contact(item.optional("contact"));
  Yaml settings = item.optional("settings");
  read_settings(settings, type, *kind, out);
  if (item.mistakes().empty()) {
    if (auto valid = carrier::valid(out); !valid.ok()) item.mistake(valid.error().message());
  }
  return out;
}

}  // namespace

void put(base::CborWriter& out, const carrier::Config& config) {
  const link::Terms& terms = config.terms;
  out.array(8).text(terms.id).text(config.type).unsigned_integer(terms.bytes_a_day);
  out.real(terms.price).integer(terms.delay).unsigned_integer(terms.copies);
  out.array(terms.plan.size());
  for (const auto& window : terms.plan) out.array(2).integer(window.from).integer(window.to);
  out.array(config.settings.size());
  for (const auto& [name, value] : config.settings) out.array(2).text(name).text(value);
}

base::Result<carrier::Config> read_carrier(base::CborReader& in) {
  carrier::Config out;
  LANDER_TRY(in.array_of(8, "carrier"));
  LANDER_ASSIGN(out.terms.id, in.text_of(1, 64, "a carrier's id"));
  LANDER_ASSIGN(out.type, in.text_of(1, 64, "a carrier's type"));
  LANDER_ASSIGN(out.terms.bytes_a_day, in.unsigned_integer());
  LANDER_ASSIGN(out.terms.price, in.real());
  LANDER_ASSIGN(out.terms.delay, in.integer());
  LANDER_ASSIGN(out.terms.copies, in.enumerator(link::kMaxCopies + 1, "copies"));
  LANDER_ASSIGN(const std::uint64_t windows, in.array_up_to(link::kMaxWindows, "contacts"));
  for (std::uint64_t i = 0; i < windows; ++i) {
    link::Window window;
    LANDER_TRY(in.array_of(2, "contact"));
    LANDER_ASSIGN(window.from, in.integer());
    LANDER_ASSIGN(window.to, in.integer());
    out.terms.plan.push_back(window);
  }
  LANDER_ASSIGN(const std::uint64_t settings, in.array_up_to(kMaxSettings, "settings"));
  std::string before;
  for (std::uint64_t i = 0; i < settings; ++i) {
    LANDER_TRY(in.array_of(2, "setting"));
    LANDER_ASSIGN(std::string name, in.text_of(1, 64, "a setting's name"));
    if (i > 0 && name <= before) return in.corrupt("settings in order");
    LANDER_ASSIGN(out.settings[name], in.text_of(0, kMaxTextBytes));
    before = std::move(name);
  }
  return out;
}

std::vector<carrier::Config> read_carriers(Yaml list) {
  std::vector<carrier::Config> out;
  std::set<std::string> ids;
  auto items = list.items();
  if (items.size() > carrier::kMaxCarriers) {
    list.mistake("expected at most " + std::to_string(carrier::kMaxCarriers) + " carriers, found " +
                 std::to_string(items.size()));
    items.resize(carrier::kMaxCarriers, list);
  }
  for (Yaml& item : items) out.push_back(read_one(item, ids));
  return out;
}

base::Status valid(const std::vector<carrier::Config>& carriers) {
  if (carriers.size() > carrier::kMaxCarriers) {
    return base::Error(base::Code::kInvalid,
                       "carriers: expected at most " + std::to_string(carrier::kMaxCarriers));
  }
  std::set<std::string> ids, addresses;
  for (const auto& config : carriers) {
    LANDER_TRY(carrier::valid(config));
    if (!ids.insert(config.terms.id).second) {
      return base::Error(base::Code::kInvalid, "carrier/" + config.terms.id + ": declared twice");
    }
    const auto address = config.settings.find("address");
    if (address != config.settings.end() && !addresses.insert(address->second).second) {
      return base::Error(
          base::Code::kInvalid,
          "carrier/" + config.terms.id + ": another carrier has the address " + address->second);
    }
  }
  return {};
}

std::string to_text(const link::Window& window) {
  char text[32];
  const auto minutes = [](base::DurationUs at) { return static_cast<int>(at / base::kMinute); };
  const int from = minutes(window.from), to = minutes(window.to);
  std::snprintf(text, sizeof text, "%02d:%02d-%02d:%02d", from / 60, from % 60, to / 60, to % 60);
  return text;
}

}  // namespace lander::twin
