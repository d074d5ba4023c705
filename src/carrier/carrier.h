// Moves sealed bundles; knows nothing of what is in them. A message is the seam: sim has a carrier of
// its own, satellite and stick come as further files here.
#pragma once

#include <functional>
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

// One thread at a time.
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual std::string_view name() const = 0;  // "https"
  virtual std::size_t max_message() const = 0;
  // Delivers one sealed bundle and brings back what waits. An error means "not known to have
  // arrived": the sender sends again later. Blocks at most its own time-out.
  virtual base::Result<Contact> exchange(base::ByteView sealed) = 0;
};

struct HttpsOptions {
  std::string url, hub_key_id;           // pinned
  std::string certificate_pem, key_pem;  // the site's
  std::string tenant, site;
};
// POST /link/v1/bundles
base::Result<std::unique_ptr<Carrier>> make_https(const HttpsOptions& options);

}  // namespace lander::carrier
