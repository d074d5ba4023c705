// Private to src/crypto: owners of OpenSSL's objects, and what stands behind the keys' handles.
// Include only from this folder's .cc files.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "crypto/crypto.h"

namespace lander::crypto {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, FreeWith<kFree>>;

using BioPtr = Owned<BIO, BIO_free_all>;
using PkeyPtr = Owned<EVP_PKEY, EVP_PKEY_free>;
using PkeyContextPtr = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdContextPtr = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherContextPtr = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using KdfContextPtr = Owned<EVP_KDF_CTX, EVP_KDF_CTX_free>;
using EcdsaSigPtr = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using X509Ptr = Owned<X509, X509_free>;
using X509ReqPtr = Owned<X509_REQ, X509_REQ_free>;
using X509NamePtr = Owned<X509_NAME, X509_NAME_free>;
using X509ExtensionPtr = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using BigNumPtr = Owned<BIGNUM, BN_free>;
using Asn1TimePtr = Owned<ASN1_TIME, ASN1_TIME_free>;

// Fetched once for the process: an implicit fetch costs a lock and a search at every call.
const EVP_MD* sha256_algorithm();
EVP_KDF* hkdf_algorithm();
EVP_KDF* scrypt_algorithm();
const EVP_CIPHER* aes256_gcm_algorithm();
const EVP_CIPHER* aes256_ccm_algorithm();

// "what: OpenSSL's reason"; empties OpenSSL's queue of errors for this thread.
base::Error openssl_error(base::Code code, std::string_view what);

// A read-only BIO over text that the caller keeps; refuses more than 64 KiB: no key or certificate
// of ours comes near.
base::Result<BioPtr> open_pem(std::string_view pem);
std::string text_of(BIO* bio);

struct PublicKey::Impl {
  PkeyPtr key;
  KeyType type;
  base::Bytes der;
  Digest digest;  // SHA-256 of der; its first 8 bytes are the kid
};
struct PrivateKey::Impl {
  PkeyPtr key;
  PublicKey public_key;
};

// Takes a key over, whatever its source: refuses other types and other curves than ours.
base::Result<PublicKey> adopt_public(PkeyPtr key);
inline EVP_PKEY* native(const PublicKey& key) {
  LANDER_CHECK(key.impl != nullptr);
  return key.impl->key.get();
}
inline EVP_PKEY* native(const PrivateKey& key) {
  LANDER_CHECK(key.impl != nullptr);
  return key.impl->key.get();
}
inline base::ByteView kid(const PublicKey& key) {
  LANDER_CHECK(key.impl != nullptr);
  return base::ByteView(key.impl->digest).first(8);
}

// HKDF-SHA-256 over the two X25519 keys' agreement, without salt. kCorrupt: the peer's key is a
// point of low order, whose agreement everybody knows.
base::Status derive(EVP_PKEY* own, EVP_PKEY* peer, base::ByteView info, SymmetricKey& out);

}  // namespace lander::crypto
