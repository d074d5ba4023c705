// Moves sealed bundles; knows nothing of what is in them. A message is the seam: sim has a carrier
// of its own, satellite and stick come as further files here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::carrier {

struct Contact {
  std::vector<base::Bytes> received;  // sealed bundles from the hub
  base::DurationUs round_trip = 0;
};

// One thread at a time, except cancel().
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual std::string_view name() const = 0;  // "https"
  virtual std::size_t max_message() const = 0;
  // Delivers one sealed bundle and brings back what waits. An error means "not known to have
  // arrived": the sender sends again later. Blocks at most its own time-out.
  virtual base::Result<Contact> exchange(base::ByteView sealed) = 0;
  // From any thread: an exchange under way, and every later one, fails soon with kUnavailable. For
  // a program that stops; a carrier that never blocks for long need do nothing.
  virtual void cancel() {}
};

struct HttpsOptions {
  std::string url, hub_key_id;           // pinned
  std::string certificate_pem, key_pem;  // the site's
  std::string tenant, site;
};
// One POST of one bundle a contact, over a connection that is kept:
//
//   POST /link/v1/bundles            mutual TLS: the site's key is who it is
//   Lander-Tenant: <tenant>          which site the sender claims to be: to find its keys before
//   the Lander-Site: <site>              envelope is opened; the hub checks them against the TLS
//   key Content-Type: application/vnd.lander.bundles
//
// The body, and that of the answer 200, is a list of sealed bundles (docs/formats/bundle.md): each
// a length in four bytes, little-endian, then as many bytes. No bundle waits: an empty body. Every
// other status is problem+json. Errors of exchange(): kUnauthenticated (401), kDenied (403, or the
// hub's key is not the pinned one), kExhausted (413), kInvalid (other 4xx), kUnavailable (429, 5xx,
// no connection), kTimeout, kCorrupt (the answer is no such list).
base::Result<std::unique_ptr<Carrier>> make_https(const HttpsOptions& options);

inline constexpr char kBundlesPath[] = "/link/v1/bundles";
inline constexpr char kBundlesType[] = "application/vnd.lander.bundles";
inline constexpr char kTenantHeader[] = "lander-tenant";  // as http::Request has them: lower case
inline constexpr char kSiteHeader[] = "lander-site";
inline constexpr std::size_t kMaxBundlesInList = 64;
inline constexpr std::size_t kMaxListBytes = 8 << 20;  // of either body
// The lists of those bodies, for both ends.
base::Bytes encode_list(const std::vector<base::Bytes>& bundles);
base::Result<std::vector<base::Bytes>> decode_list(base::ByteView body);  // kCorrupt, kExhausted

}  // namespace lander::carrier
