// How a carrier is declared; part of the desired state. And the kinds of carriers that there are.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "link/terms.h"

namespace lander::carrier {

class Carrier;

struct Config {
  link::Terms terms;                            // terms.id names it
  std::string type;                             // Kind::type
  std::map<std::string, std::string> settings;  // of its kind
  friend bool operator==(const Config&, const Config&) = default;
};

// What a carrier speaks for: the site's end.
struct Peer {
  std::string tenant, site;
  std::string hub_url, hub_key_id;       // pinned
  std::string certificate_pem, key_pem;  // the site's
};

struct Setting {
  std::string_view name, meaning;
  bool required = false;
  base::Status (*valid)(std::string_view value) = nullptr;
};

// One file each: the carrier, and its Kind, which registry.cc lists.
struct Kind {
  std::string_view type, about;  // "mqtt", one line for people
  std::span<const Setting> settings;
  std::size_t max_up, max_down;  // bytes of one sealed message
  bool brief;                    // takes short envelopes only: alerts in brief, and receipts
  // Opens nothing yet: exchange() connects. kInvalid: the settings.
  base::Result<std::unique_ptr<Carrier>> (*make)(const Config& config, const Peer& peer);
};
std::span<const Kind* const> kinds();
const Kind* find_kind(std::string_view type);

// The type is known, each setting is one of its kind and valid, none that is required is missing,
// terms are valid. kInvalid names the carrier and the field.
base::Status valid(const Config& config);
inline constexpr std::size_t kMaxCarriers = 8;

}  // namespace lander::carrier
