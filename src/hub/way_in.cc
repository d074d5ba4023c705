// What a stick brings to a site: everything that waits for it, whether it has asked or not.

#include <algorithm>
#include <charconv>

#include "hub/core.h"

namespace lander::hub {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kPartBytes = 3 << 20;
constexpr std::size_t kHeadsAtOnce = 500;

// "LANE.NUMBER": items after that one; "DIGEST.OFFSET": a package from there on.
struct Cursor {
  std::uint8_t lane = 0;
  std::uint64_t number = 0;  // or offset
  std::string digest;        // empty: still at the items
};

std::string to_string(const Cursor& at) {
  return (at.digest.empty() ? std::to_string(at.lane) : at.digest) + "." +
         std::to_string(at.number);
}

base::Result<Cursor> parse(const std::string& text) {
  Cursor out;
  if (text.empty()) return out;
  const Error wrong(Code::kInvalid, "\"after\" is not what the part before said");
  const auto dot = text.find('.');
  if (dot == std::string::npos || dot == 0) return wrong;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data() + dot + 1, end, out.number);
  if (number.ec != std::errc() || number.ptr != end) return wrong;
  if (dot == 1 && text[0] >= '0' && text[0] < '0' + link::kLanes) {
    out.lane = static_cast<std::uint8_t>(text[0] - '0');
  } else {
    out.digest = text.substr(0, dot);
  }
  return out;
}

}  // namespace

link::Bundle Core::way_in_head(const Site& site) const {
  link::Bundle out = head(site);
  const std::uint64_t newest = site.instances.newest_epoch();
  out.receipts = site.receiver.receipts(newest != 0 ? newest : site.receiver.newest_epoch());
  return out;
}

// True: the lane may hold more.
base::Result<bool> Core::add_waiting(const Site& site, std::uint8_t lane, std::uint64_t after,
                                     link::Bundle& bundle) {
  const auto last = site.last_item.find(lane);
  if (last == site.last_item.end() || after >= last->second) return false;
  LANDER_ASSIGN(auto items, context_.state.items(site.key, lane, after, kHeadsAtOnce, kPartBytes));
  for (auto& item : items) bundle.items.push_back(std::move(item));
  return !items.empty();
}

// Of its desired state, but what it has reported as running.
std::vector<std::string> Core::packages_for(const Site& site) {
  const Tenant* tenant = find_tenant(site.key.tenant);
  std::vector<std::string> out;
  for (const auto& app : site.desired.apps) {
    const bool runs =
        site.reported.desired_revision == site.desired.revision &&
        std::any_of(site.reported.components.begin(), site.reported.components.end(),
                    [&](const auto& c) {
                      return c.id == "app/" + app.name && c.status == twin::Status::kApplied;
                    });
    if (!runs && tenant != nullptr && tenant->packages.contains(app.digest))
      out.push_back(app.digest);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

base::Result<carrier::WayIn> Core::way_in(const access::Scope& scope, const std::string& name,
                                          const std::string& after) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  LANDER_ASSIGN(Site * site, mutable_site(scope, name));
  if (site->key_id.empty() || site->revoked)
    return Error(Code::kConflict, "site \"" + name + "\" is not enrolled");
  LANDER_ASSIGN(Cursor at, parse(after));
  link::Bundle bundle = way_in_head(*site);
  while (at.digest.empty() && at.lane < link::kLanes && bundle.items.empty()) {
    LANDER_ASSIGN(const bool any, add_waiting(*site, at.lane, at.number, bundle));
    at = any ? Cursor{at.lane, bundle.items.back().number, {}}
             : Cursor{static_cast<std::uint8_t>(at.lane + 1), 0, {}};
  }
  if (bundle.items.empty()) {
    for (const std::string& digest : packages_for(*site)) {
      if (digest < at.digest) continue;
      const std::uint64_t offset = digest == at.digest ? at.number : 0;
      add_blobs(*site, {{digest, offset}}, kPartBytes, bundle);
      if (bundle.items.empty()) continue;
      at = {0, offset, digest};
      for (const auto& item : bundle.items) {
        LANDER_ASSIGN(const auto piece, link::decode_blob(item.body));
        at.number += piece.bytes.size();
      }
      break;
    }
  }
  carrier::WayIn out;
  // The first has receipts even when nothing waits.
  if (bundle.items.empty() && !after.empty()) return out;
  if (bundle.items.empty()) at = {link::kLanes - 1, INT64_MAX, {}};
  out.next = to_string(at);
  LANDER_ASSIGN(out.sealed, link::seal(bundle, keys_for(*site)));
  return out;
}

}  // namespace lander::hub
