// Who this site is: its keys, its certificate, the hub it belongs to. Kept under DATA/identity.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "link/link.h"
#include "os/files.h"
#include "trust/trust.h"

namespace lander::site {

struct Identity {
  std::string tenant, site;
  std::string hub_url, hub_key_id;  // the sites' port of the hub, and the TLS key it is pinned to
  std::string certificate_pem, device_key_pem;
  link::Keys keys;
  crypto::PublicKey root;      // verifies trust documents, pinned by the token
  base::Bytes trust_document;  // as it came at enrolment; a newer one lives in the store
};

// Empty: not enrolled yet. kCorrupt: half an identity; says which file.
base::Result<std::optional<Identity>> load_identity(os::Files& files, const std::string& folder);

// Makes the keys (kept when they exist already: enrolling again keeps the identity), sends the CSR
// to the hub that the token pins, verifies what comes back, and writes it durably.
base::Result<Identity> enrol(os::Files& files, const std::string& folder,
                             const std::string& hub_url, std::string_view token);

}  // namespace lander::site
