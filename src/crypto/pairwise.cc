#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/openssl.h"

// Keys that two ends share without a message: agreement, and the cipher under them.
namespace lander::crypto {
namespace {

constexpr int kNonceBytes = 13;

// RFC 3610 §2: tag and nonce have their sizes before the key is set, the text's length comes first.
bool begin(EVP_CIPHER_CTX* cipher, const SymmetricKey& key, const Ccm8Nonce& nonce,
           base::ByteView aad, std::size_t size, const std::uint8_t* tag) {
  const int encrypt = tag == nullptr ? 1 : 0;
  int out = 0;
  return cipher != nullptr &&
         EVP_CipherInit_ex2(cipher, aes256_ccm_algorithm(), nullptr, nullptr, encrypt, nullptr) ==
             1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, kNonceBytes, nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, kCcm8TagBytes,
                             const_cast<std::uint8_t*>(tag)) == 1 &&
         EVP_CipherInit_ex2(cipher, nullptr, key.bytes.data(), nonce.data(), encrypt, nullptr) ==
             1 &&
         EVP_CipherUpdate(cipher, nullptr, &out, nullptr, static_cast<int>(size)) == 1 &&
         (aad.empty() ||
          EVP_CipherUpdate(cipher, nullptr, &out, aad.data(), static_cast<int>(aad.size())) == 1);
}

}  // namespace

SymmetricKey::~SymmetricKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

base::Status derive(EVP_PKEY* own, EVP_PKEY* peer, base::ByteView info, SymmetricKey& out) {
  const PkeyContextPtr agreement(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
  SymmetricKey secret;
  std::size_t size = secret.bytes.size();
  if (!agreement || EVP_PKEY_derive_init(agreement.get()) != 1 ||
      EVP_PKEY_derive_set_peer(agreement.get(), peer) != 1 ||
      EVP_PKEY_derive(agreement.get(), secret.bytes.data(), &size) != 1 ||
      size != secret.bytes.size()) {
    return openssl_error(base::Code::kCorrupt, "agreeing on a key (X25519)");
  }
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.bytes.data(), size),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<std::uint8_t*>(info.data()),
                                        info.size()),
      OSSL_PARAM_construct_end()};
  const KdfContextPtr kdf(EVP_KDF_CTX_new(hkdf_algorithm()));
  if (!kdf || EVP_KDF_derive(kdf.get(), out.bytes.data(), out.bytes.size(), params) != 1) {
    return openssl_error(base::Code::kInternal, "deriving a key (HKDF)");
  }
  return {};
}

base::Result<SymmetricKey> agree(const PrivateKey& own, const PublicKey& peer,
                                 base::ByteView info) {
  if (own.type() != KeyType::kX25519 || peer.type() != KeyType::kX25519) {
    return base::Error(base::Code::kInvalid, "two ends agree by X25519 keys, not by signing keys");
  }
  SymmetricKey out;
  LANDER_TRY(derive(native(own), native(peer), info, out));
  return out;
}

base::Bytes ccm8_seal(const SymmetricKey& key, const Ccm8Nonce& nonce, base::ByteView aad,
                      base::ByteView plain) {
  LANDER_CHECK(plain.size() <= kMaxCcm8Bytes);
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  base::Bytes out(plain.size() + kCcm8TagBytes);
  const std::uint8_t nothing = 0;  // of no bytes too: OpenSSL takes a null text for its length
  int size = 0;
  LANDER_CHECK(begin(cipher.get(), key, nonce, aad, plain.size(), nullptr));
  LANDER_CHECK(EVP_CipherUpdate(cipher.get(), out.data(), &size,
                                plain.empty() ? &nothing : plain.data(),
                                static_cast<int>(plain.size())) == 1);
  LANDER_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kCcm8TagBytes,
                                   out.data() + plain.size()) == 1);
  return out;
}

base::Result<base::Bytes> ccm8_open(const SymmetricKey& key, const Ccm8Nonce& nonce,
                                    base::ByteView aad, base::ByteView sealed) {
  const base::Error refused(base::Code::kUnauthenticated,
                            "a short message does not open: altered, or of another key or use");
  if (sealed.size() < kCcm8TagBytes || sealed.size() > kMaxCcm8Bytes + kCcm8TagBytes) {
    return refused;
  }
  const std::size_t plain = sealed.size() - kCcm8TagBytes;
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  base::Bytes out(sealed.size());  // never empty, as above
  int size = 0;
  LANDER_CHECK(begin(cipher.get(), key, nonce, aad, plain, sealed.data() + plain));
  // The tag is compared here; a text whose tag differs is not handed out.
  if (EVP_CipherUpdate(cipher.get(), out.data(), &size, sealed.data(), static_cast<int>(plain)) !=
      1) {
    ERR_clear_error();
    return refused;
  }
  out.resize(plain);
  return out;
}

}  // namespace lander::crypto
