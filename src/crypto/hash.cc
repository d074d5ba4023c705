#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <charconv>

#include "crypto/openssl.h"

namespace lander::crypto {
namespace {

constexpr std::size_t kScryptHashBytes = 32;
constexpr std::size_t kMaxPasswordBytes = 1024;

struct ScryptCost {
  std::uint32_t log2_n = 15, r = 8, p = 1;
};

// False only when OpenSSL cannot have the memory (128 * r * 2^log2_n bytes: 32 MiB as we hash).
bool scrypt(std::string_view password, base::ByteView salt, ScryptCost cost,
            std::span<std::uint8_t> out) {
  KdfContextPtr context(EVP_KDF_CTX_new(scrypt_algorithm()));
  std::uint64_t n = std::uint64_t{1} << cost.log2_n;
  std::uint64_t most = 128 * n * cost.r + (1 << 20);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, const_cast<char*>(password.data()),
                                        password.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<std::uint8_t*>(salt.data()),
                                        salt.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &cost.r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &cost.p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
      OSSL_PARAM_construct_end()};
  const bool done = context && EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1;
  if (!done) ERR_clear_error();
  return done;
}

// Takes what stands before the next '$' off the front of `text`.
std::string_view take_field(std::string_view& text) {
  const std::size_t end = text.find('$');
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

bool take_number(std::string_view& text, std::uint32_t least, std::uint32_t most,
                 std::uint32_t& out) {
  const std::string_view field = take_field(text);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), out);
  return error == std::errc() && end == field.data() + field.size() && out >= least && out <= most;
}

EVP_MD_CTX* hash_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  LANDER_CHECK(algorithm != nullptr);
  return algorithm;
}
EVP_KDF* hkdf_algorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  LANDER_CHECK(algorithm != nullptr);
  return algorithm;
}
EVP_KDF* scrypt_algorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "SCRYPT", nullptr);
  LANDER_CHECK(algorithm != nullptr);
  return algorithm;
}
const EVP_CIPHER* aes256_gcm_algorithm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  LANDER_CHECK(algorithm != nullptr);
  return algorithm;
}
const EVP_CIPHER* aes256_ccm_algorithm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-CCM", nullptr);
  LANDER_CHECK(algorithm != nullptr);
  return algorithm;
}

base::Error openssl_error(base::Code code, std::string_view what) {
  const unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = last == 0 ? nullptr : ERR_reason_error_string(last);
  std::string message(what);
  if (reason != nullptr) message.append(": ").append(reason);
  return base::Error(code, std::move(message));
}

Digest sha256(base::ByteView data) {
  Digest out;
  LANDER_CHECK(
      EVP_Digest(data.data(), data.size(), out.data(), nullptr, sha256_algorithm(), nullptr) == 1);
  return out;
}

std::string sha256_hex(base::ByteView data) { return base::to_hex(sha256(data)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  LANDER_CHECK(context_ != nullptr);
  LANDER_CHECK(EVP_DigestInit_ex2(hash_context(context_), sha256_algorithm(), nullptr) == 1);
}
Sha256::~Sha256() { EVP_MD_CTX_free(hash_context(context_)); }
void Sha256::update(base::ByteView data) {
  LANDER_CHECK(EVP_DigestUpdate(hash_context(context_), data.data(), data.size()) == 1);
}
Digest Sha256::finish() {
  Digest out;
  LANDER_CHECK(EVP_DigestFinal_ex(hash_context(context_), out.data(), nullptr) == 1);
  LANDER_CHECK(EVP_DigestInit_ex2(hash_context(context_), sha256_algorithm(), nullptr) == 1);
  return out;
}

bool equal_in_constant_time(base::ByteView a, base::ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hash_password(std::string_view password, base::ByteView salt16) {
  LANDER_CHECK(salt16.size() == 16);
  LANDER_CHECK(password.size() <= kMaxPasswordBytes);
  const ScryptCost cost;
  std::uint8_t hash[kScryptHashBytes];
  LANDER_CHECK(scrypt(password, salt16, cost, hash));
  return "scrypt$" + std::to_string(cost.log2_n) + "$" + std::to_string(cost.r) + "$" +
         std::to_string(cost.p) + "$" + base::to_base64url(salt16) + "$" + base::to_base64url(hash);
}

bool verify_password(std::string_view password, std::string_view hashed) {
  ScryptCost cost;
  if (password.size() > kMaxPasswordBytes || take_field(hashed) != "scrypt" ||
      !take_number(hashed, 10, 18, cost.log2_n) || !take_number(hashed, 1, 16, cost.r) ||
      !take_number(hashed, 1, 4, cost.p)) {
    return false;
  }
  const auto salt = base::from_base64url(take_field(hashed));
  const auto expected = base::from_base64url(hashed);
  std::uint8_t hash[kScryptHashBytes];
  return salt.ok() && salt->size() == 16 && expected.ok() && expected->size() == kScryptHashBytes &&
         scrypt(password, *salt, cost, hash) && equal_in_constant_time(hash, *expected);
}

}  // namespace lander::crypto
