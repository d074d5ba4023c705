#include <algorithm>

#include "carrier/config.h"

namespace lander::carrier {

// One for each file that holds a carrier; the order is the one in which people read of them.
extern const Kind kHttps, kMqtt, kShortMessage;

namespace {

using base::Code;
using base::Error;

constexpr const Kind* kKinds[] = {&kHttps, &kMqtt, &kShortMessage};
constexpr std::size_t kMaxValueBytes = 1024;

std::string known_types() {
  std::string out;
  for (const Kind* kind : kKinds) out += (out.empty() ? "" : ", ") + std::string(kind->type);
  return out;
}

base::Status valid_value(const Setting& setting, std::string_view value) {
  const bool printable = std::all_of(value.begin(), value.end(),
                                     [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (value.empty() || value.size() > kMaxValueBytes || !printable) {
    return Error(Code::kInvalid, "expected 1 to " + std::to_string(kMaxValueBytes) +
                                     " bytes without control characters");
  }
  return setting.valid != nullptr ? setting.valid(value) : base::Status();
}

base::Status valid_settings(const Kind& kind, const std::map<std::string, std::string>& settings) {
  for (const auto& given : settings) {
    const std::string& name = given.first;
    const auto at = std::find_if(kind.settings.begin(), kind.settings.end(),
                                 [&](const Setting& setting) { return setting.name == name; });
    if (at == kind.settings.end()) {
      return Error(Code::kInvalid, "a carrier of type " + std::string(kind.type) +
                                       " has no setting \"" + name.substr(0, 64) + "\"");
    }
    if (const auto status = valid_value(*at, given.second); !status.ok())
      return status.error().context(name);
  }
  for (const Setting& setting : kind.settings) {
    if (setting.required && settings.find(std::string(setting.name)) == settings.end()) {
      return Error(Code::kInvalid,
                   std::string(setting.name) + " is missing: " + std::string(setting.meaning));
    }
  }
  return {};
}

}  // namespace

std::span<const Kind* const> kinds() { return kKinds; }

const Kind* find_kind(std::string_view type) {
  const auto* at = std::find_if(std::begin(kKinds), std::end(kKinds),
                                [&](const Kind* kind) { return kind->type == type; });
  return at != std::end(kKinds) ? *at : nullptr;
}

base::Status valid(const Config& config) {
  const auto check = [&]() -> base::Status {
    LANDER_TRY(link::valid(config.terms));
    const Kind* kind = find_kind(config.type);
    if (kind == nullptr) {
      return Error(Code::kInvalid,
                   "type \"" + config.type.substr(0, 64) + "\": expected one of " + known_types());
    }
    return valid_settings(*kind, config.settings);
  };
  if (const auto status = check(); !status.ok())
    return status.error().context("carrier " + config.terms.id.substr(0, 64));
  return {};
}

}  // namespace lander::carrier
