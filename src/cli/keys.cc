#include "cli/keys.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxKey = 64 << 10;

}  // namespace

base::Result<crypto::PrivateKey> make_key_file(World& world, const std::string& path) {
  LANDER_ASSIGN(auto key, crypto::PrivateKey::generate(crypto::KeyType::kEd25519));
  const std::string pem = key.to_pem();
  if (auto made = world.files.create_durably(path, base::as_bytes(pem), 0600); !made.ok()) {
    if (made.error().code() != Code::kExists) return made.error();
    return Error(Code::kExists, path + " is there already, and a key is never overwritten");
  }
  return key;
}

base::Result<crypto::PrivateKey> read_key_file(World& world, const std::string& path) {
  LANDER_ASSIGN(const auto pem, world.files.read(path, kMaxKey));
  auto key = crypto::PrivateKey::from_pem(base::as_text(pem));
  if (!key.ok()) return key.error().context(path);
  if (key->type() != crypto::KeyType::kEd25519)
    return Error(Code::kInvalid, path + ": expected an Ed25519 key");
  return key;
}

base::Result<crypto::PublicKey> read_public_key_file(World& world, const std::string& path) {
  LANDER_ASSIGN(const auto pem, world.files.read(path, kMaxKey));
  if (base::as_text(pem).find("PRIVATE KEY") != std::string_view::npos)
    return Error(Code::kInvalid,
                 path + " is a private key, which nobody else should have: give FILE.pub");
  auto key = crypto::PublicKey::from_pem(base::as_text(pem));
  if (!key.ok()) return key.error().context(path);
  if (key->type() != crypto::KeyType::kEd25519)
    return Error(Code::kInvalid, path + ": expected an Ed25519 key");
  return key;
}

}  // namespace lander::cli
