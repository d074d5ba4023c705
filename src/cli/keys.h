// Ed25519 keys in files: a vendor's and a tenant's root. The private one is written once, 0600.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/world.h"
#include "crypto/crypto.h"

namespace lander::cli {

// kExists when there is a file: a key is never overwritten.
base::Result<crypto::PrivateKey> make_key_file(World& world, const std::string& path);
base::Result<crypto::PrivateKey> read_key_file(World& world, const std::string& path);
base::Result<crypto::PublicKey> read_public_key_file(World& world, const std::string& path);

}  // namespace lander::cli
