#include "carrier/stick.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "crypto/crypto.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kTop = "lander";
constexpr std::string_view kMarker = "tenant";
constexpr std::string_view kFromSite = "from-site", kToSite = "to-site";
constexpr std::string_view kSuffix = ".bundle";
constexpr std::size_t kDigits = 16;  // of a number and of the hash
constexpr std::size_t kNameBytes = 4 * (kDigits + 1) + 1 + kSuffix.size();
constexpr std::size_t kMaxName = 63;
// Windows opens a device for these, whatever extension follows.
constexpr std::array<std::string_view, 4> kDevices = {"con", "prn", "aux", "nul"};

std::string hex(std::uint64_t value) {
  std::string out(kDigits, '0');
  for (std::size_t i = kDigits; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_device(std::string_view name) {
  const std::string_view stem = name.substr(0, name.find('.'));
  if (std::find(kDevices.begin(), kDevices.end(), stem) != kDevices.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '0' && stem[3] <= '9';
}

// As trust::valid_names() has them, which this module does not know.
bool is_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxName && name[0] != '.' && name[0] != '_' &&
         name[0] != '-' && std::all_of(name.begin(), name.end(), good);
}

std::string percent(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {'%', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
}

std::string path_of(const Place& place) {
  return std::string(kTop) + "/" + folder_name(place.tenant) + "/" + folder_name(place.site) + "/" +
         std::string(place.to_site ? kToSite : kFromSite) + "/" + folder_name(place.peer);
}

std::string hash_of(base::ByteView bytes) { return crypto::sha256_hex(bytes).substr(0, kDigits); }

// Walks the four levels above the files.
class Walk {
 public:
  Walk(os::Folder& folder, std::string_view tenant, std::string_view site)
      : folder_(folder), tenant_(tenant), site_(site) {}

  base::Result<Stick::Listing> run() {
    LANDER_TRY(level(std::string(kTop), 0, {}));
    std::sort(out_.files.begin(), out_.files.end(), [](const auto& a, const auto& b) {
      return std::tie(a.place, a.name) < std::tie(b.place, b.name);
    });
    return std::move(out_);
  }

 private:
  void ignore(const std::string& path, const char* why) {
    ++out_.ignored_count;
    if (out_.ignored.size() < Stick::kMaxIgnored) out_.ignored.push_back(path + ": " + why);
  }

  base::Status level(const std::string& path, int depth, const Place& place) {
    const auto entries = folder_.list(path, Stick::kMaxFiles - seen_);
    if (!entries.ok()) {
      if (entries.error().code() == Code::kNotFound && depth == 0) return {};
      return entries.error();
    }
    seen_ += entries->size();
    for (const auto& entry : *entries) {
      const std::string at = path + "/" + entry.name;
      if (depth == 4) {
        file(at, entry, place);
      } else if (!entry.folder) {
        if (depth != 1 || entry.name != kMarker) ignore(at, "not a folder of bundles");
      } else {
        LANDER_TRY(below(at, entry.name, depth, place));
      }
    }
    return {};
  }

  base::Status below(const std::string& at, const std::string& entry, int depth, Place place) {
    if (depth == 2) {
      if (entry != kFromSite && entry != kToSite) {
        ignore(at, "neither from-site nor to-site");
        return {};
      }
      place.to_site = entry == kToSite;
      return level(at, depth + 1, place);
    }
    const auto name = name_of_folder(entry);
    if (!name) {
      ignore(at, depth == 0 ? "not a tenant" : depth == 1 ? "not a site" : "not a recipient");
      return {};
    }
    if (depth == 0 && !tenant_.empty() && *name != tenant_) return {};
    if (depth == 1 && !site_.empty() && *name != site_) return {};
    (depth == 0 ? place.tenant : depth == 1 ? place.site : place.peer) = *name;
    return level(at, depth + 1, place);
  }

  void file(const std::string& at, const os::Folder::Entry& entry, const Place& place) {
    auto name = parse_bundle_name(entry.name);
    if (entry.folder || !name.ok()) return ignore(at, "not named as a bundle is");
    if (entry.bytes == 0 || entry.bytes > link::kMaxBundleBytes)
      return ignore(at, entry.bytes == 0 ? "empty" : "larger than a bundle may be");
    out_.files.push_back({place, std::move(*name), entry.bytes});
  }

  os::Folder& folder_;
  const std::string_view tenant_, site_;
  Stick::Listing out_;
  std::size_t seen_ = 0;
};

}  // namespace

std::string to_string(const BundleName& name) {
  return hex(name.series) + "-" + std::to_string(name.lane) + "-" + hex(name.first) + "-" +
         hex(name.last) + "-" + name.hash + std::string(kSuffix);
}

base::Result<BundleName> parse_bundle_name(std::string_view text) {
  const auto wrong = [&] {
    return Error(Code::kInvalid, "\"" + std::string(text.substr(0, 2 * kNameBytes)) +
                                     "\" is not the name of a bundle's file");
  };
  if (text.size() != kNameBytes || !text.ends_with(kSuffix)) return wrong();
  // Digits and '-' stand where they stand: series(16)-lane(1)-first(16)-last(16)-hash(16)
  constexpr std::array<std::size_t, 4> kDashes = {16, 18, 35, 52};
  for (const std::size_t at : kDashes)
    if (text[at] != '-') return wrong();
  const auto field = [&](std::size_t at) { return text.substr(at, kDigits); };
  BundleName out;
  const char lane = text[17];
  if (lane < '0' || lane > '9') return wrong();
  out.lane = static_cast<std::uint8_t>(lane - '0');
  if (out.lane >= link::kLanes && out.lane != BundleName::kNoLane) return wrong();
  for (const auto& [at, number] : {std::pair<std::size_t, std::uint64_t*>(0, &out.series),
                                   {19, &out.first},
                                   {36, &out.last}}) {
    const auto digits = field(at);
    if (!is_hex(digits)) return wrong();
    std::from_chars(digits.data(), digits.data() + digits.size(), *number, 16);
  }
  out.hash = std::string(field(53));
  if (!is_hex(out.hash) || out.first > out.last || out.last > INT64_MAX) return wrong();
  return out;
}

std::string folder_name(std::string_view name) {
  std::string out(name);
  if (out.empty()) return out;
  // A dot at the end is dropped by FAT and Windows.
  if (out.back() == '.') out = out.substr(0, out.size() - 1) + percent('.');
  if (is_device(name)) out = percent(out[0]) + out.substr(1);
  return out;
}

std::optional<std::string> name_of_folder(std::string_view folder) {
  std::string out;
  for (std::size_t i = 0; i < folder.size(); ++i) {
    if (folder[i] != '%') {
      out += folder[i];
      continue;
    }
    unsigned byte = 0;
    if (folder.size() - i < 3 || !is_hex(folder.substr(i + 1, 2))) return std::nullopt;
    std::from_chars(folder.data() + i + 1, folder.data() + i + 3, byte, 16);
    out += static_cast<char>(byte);
    i += 2;
  }
  if (!is_name(out) || folder_name(out) != folder) return std::nullopt;
  return out;
}

base::Status Stick::mark(const std::string& tenant) {
  if (!is_name(tenant)) return Error(Code::kInvalid, "\"" + tenant + "\" is no tenant's name");
  static constexpr std::string_view kText =
      "Sites of this tenant write what waits for a courier here as soon as this stick is plugged "
      "in.\n";
  return folder_.write(std::string(kTop) + "/" + folder_name(tenant) + "/" + std::string(kMarker),
                       base::as_bytes(kText));
}

bool Stick::marked(const std::string& tenant) {
  const auto entries = folder_.list(std::string(kTop) + "/" + folder_name(tenant), kMaxFiles);
  return entries.ok() && std::any_of(entries->begin(), entries->end(),
                                     [](const auto& e) { return e.name == kMarker && !e.folder; });
}

base::Result<Stick::Listing> Stick::list(std::string_view tenant, std::string_view site) {
  return Walk(folder_, tenant, site).run();
}

base::Result<base::Bytes> Stick::read(const Found& file) {
  const std::string path = path_of(file.place) + "/" + to_string(file.name);
  LANDER_ASSIGN(base::Bytes bytes, folder_.read(path, link::kMaxBundleBytes));
  if (hash_of(bytes) != file.name.hash)
    return Error(Code::kCorrupt, path + " is cut short or damaged: it is not what its name says");
  return bytes;
}

base::Result<BundleName> Stick::write(const Place& place, BundleName name, base::ByteView sealed) {
  if (!is_name(place.tenant) || !is_name(place.site) || !is_name(place.peer))
    return Error(Code::kInvalid, "\"" + place.tenant + "/" + place.site + "\" for \"" + place.peer +
                                     "\": names of a tenant, a site and a recipient were expected");
  if (sealed.empty() || sealed.size() > link::kMaxBundleBytes)
    return Error(Code::kInvalid, "a bundle of " + std::to_string(sealed.size()) +
                                     " bytes does not go onto a stick");
  name.hash = hash_of(sealed);
  LANDER_TRY(folder_.write(path_of(place) + "/" + to_string(name), sealed));
  return name;
}

base::Status Stick::remove(const Found& file) {
  return folder_.remove(path_of(file.place) + "/" + to_string(file.name));
}

}  // namespace lander::carrier
