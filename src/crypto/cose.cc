#include <openssl/rand.h>

#include <algorithm>

#include "base/cbor.h"
#include "crypto/openssl.h"

// The bytes are described in docs/formats/cose.md.
namespace lander::crypto {
namespace {

using base::Bytes;
using base::ByteView;
using base::CborReader;
using base::CborWriter;
using base::Code;
using base::Error;

// RFC 9052 and 9053: tags, header labels, algorithms.
constexpr std::uint64_t kTagSign1 = 18, kTagEncrypt = 96;
constexpr std::int64_t kAlg = 1, kKid = 4, kIv = 5, kEphemeralKey = -1;
constexpr std::int64_t kEs256 = -7, kEdDsa = -8, kA256Gcm = 3, kEcdhEsHkdf256 = -25;
constexpr std::int64_t kKty = 1, kKtyOkp = 1, kCrv = -1, kCrvX25519 = 4, kX = -2;
constexpr std::size_t kKidBytes = 8, kSignatureBytes = 64, kIvBytes = 12, kTagBytes = 16,
                      kX25519Bytes = 32;
constexpr std::size_t kMaxMessageBytes = std::size_t{256} << 20;

Error corrupt(std::string message) { return Error(Code::kCorrupt, std::move(message)); }

base::Status small_enough(std::size_t bytes) {
  if (bytes <= kMaxMessageBytes) return {};
  return Error(Code::kExhausted,
               "a message has at most 256 MiB, not " + std::to_string(bytes) + " bytes");
}

// Reads the exact integer that has to stand there.
base::Status expect(CborReader& reader, std::int64_t value, const char* what) {
  LANDER_ASSIGN(const std::int64_t found, reader.integer());
  if (found == value) return {};
  return corrupt(std::string("COSE: expected ") + what + " " + std::to_string(value) + ", found " +
                 std::to_string(found));
}

base::Status expect_map(CborReader& reader, std::uint64_t pairs) {
  LANDER_ASSIGN(const std::uint64_t found, reader.map());
  if (found == pairs) return {};
  return corrupt("COSE: expected a header of " + std::to_string(pairs) + " entries, found " +
                 std::to_string(found));
}

base::Status expect_tag(CborReader& reader, std::uint64_t tag) {
  LANDER_ASSIGN(const std::uint64_t found, reader.tag());
  if (found == tag) return {};
  return corrupt("COSE: expected tag " + std::to_string(tag) + ", found " + std::to_string(found));
}

// --- COSE_Sign1 ---------------------------------------------------------------------------------

struct Sign1 {
  ByteView protected_header, kid, payload, signature;
  std::int64_t algorithm = 0;
};

base::Result<Sign1> parse_sign1(ByteView message) {
  LANDER_TRY(small_enough(message.size()));
  Sign1 out;
  CborReader reader(message);
  LANDER_TRY(expect_tag(reader, kTagSign1));
  LANDER_TRY(reader.array_of(4, "a COSE structure"));
  LANDER_ASSIGN(out.protected_header, reader.bytes());
  LANDER_TRY(expect_map(reader, 0));
  LANDER_ASSIGN(out.payload, reader.bytes());
  LANDER_ASSIGN(out.signature, reader.bytes_of(kSignatureBytes, kSignatureBytes, "a signature"));
  LANDER_TRY(reader.end());

  CborReader header(out.protected_header);
  LANDER_TRY(expect_map(header, 2));
  LANDER_TRY(expect(header, kAlg, "label"));
  LANDER_ASSIGN(out.algorithm, header.integer());
  LANDER_TRY(expect(header, kKid, "label"));
  LANDER_ASSIGN(out.kid, header.bytes_of(kKidBytes, kKidBytes, "a key id"));
  LANDER_TRY(header.end());
  return out;
}

// Sig_structure of RFC 9052 §4.4.
Bytes to_be_signed(ByteView protected_header, std::string_view context, ByteView payload) {
  CborWriter writer;
  writer.array(4).text("Signature1").bytes(protected_header).bytes(base::as_bytes(context));
  return writer.bytes(payload).take();
}

base::Result<std::int64_t> signing_algorithm(KeyType type) {
  if (type == KeyType::kP256) return kEs256;
  if (type == KeyType::kEd25519) return kEdDsa;
  return Error(Code::kInvalid, "an X25519 key receives sealed messages; it cannot sign");
}

// ECDSA's DER SEQUENCE {r, s} <-> the two 32-byte integers of RFC 9053 §2.1.
base::Result<Bytes> raw_from_der(ByteView der) {
  const std::uint8_t* at = der.data();
  const EcdsaSigPtr parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Bytes out(kSignatureBytes);
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out.data() + 32, 32) != 32) {
    return openssl_error(Code::kInternal, "encoding a signature");
  }
  return out;
}

Bytes der_from_raw(ByteView raw) {
  const EcdsaSigPtr parsed(ECDSA_SIG_new());
  BigNumPtr r(BN_bin2bn(raw.data(), 32, nullptr)), s(BN_bin2bn(raw.data() + 32, 32, nullptr));
  LANDER_CHECK(parsed && r && s && ECDSA_SIG_set0(parsed.get(), r.get(), s.get()) == 1);
  r.release();  // NOLINT: `parsed` owns them now
  s.release();  // NOLINT
  std::uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &der);
  LANDER_CHECK(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

const EVP_MD* digest_for(KeyType type) {
  return type == KeyType::kP256 ? sha256_algorithm() : nullptr;  // Ed25519 hashes by itself
}

// --- COSE_Encrypt -------------------------------------------------------------------------------

struct Encrypted {
  ByteView protected_header, iv, ciphertext, recipient_header, recipient_kid, ephemeral;
};

base::Result<Encrypted> parse_encrypted(ByteView message) {
  LANDER_TRY(small_enough(message.size()));
  Encrypted out;
  CborReader reader(message);
  LANDER_TRY(expect_tag(reader, kTagEncrypt));
  LANDER_TRY(reader.array_of(4, "a COSE structure"));
  LANDER_ASSIGN(out.protected_header, reader.bytes());
  LANDER_TRY(expect_map(reader, 1));
  LANDER_TRY(expect(reader, kIv, "label"));
  LANDER_ASSIGN(out.iv, reader.bytes_of(kIvBytes, kIvBytes, "an IV"));
  LANDER_ASSIGN(out.ciphertext, reader.bytes());
  LANDER_TRY(reader.array_of(1, "a COSE structure"));
  LANDER_TRY(reader.array_of(3, "a COSE structure"));
  LANDER_ASSIGN(out.recipient_header, reader.bytes());
  LANDER_TRY(expect_map(reader, 0));
  LANDER_TRY(reader.bytes_of(0, 0, "a wrapped key"));
  LANDER_TRY(reader.end());
  if (out.ciphertext.size() < kTagBytes) return corrupt("COSE: the ciphertext is cut short");

  CborReader header(out.protected_header);
  LANDER_TRY(expect_map(header, 1));
  LANDER_TRY(expect(header, kAlg, "label"));
  LANDER_TRY(expect(header, kA256Gcm, "algorithm"));
  LANDER_TRY(header.end());

  CborReader recipient(out.recipient_header);
  LANDER_TRY(expect_map(recipient, 3));
  LANDER_TRY(expect(recipient, kAlg, "label"));
  LANDER_TRY(expect(recipient, kEcdhEsHkdf256, "algorithm"));
  LANDER_TRY(expect(recipient, kKid, "label"));
  LANDER_ASSIGN(out.recipient_kid, recipient.bytes_of(kKidBytes, kKidBytes, "a key id"));
  LANDER_TRY(expect(recipient, kEphemeralKey, "label"));
  LANDER_TRY(expect_map(recipient, 3));
  LANDER_TRY(expect(recipient, kKty, "label"));
  LANDER_TRY(expect(recipient, kKtyOkp, "key type"));
  LANDER_TRY(expect(recipient, kCrv, "label"));
  LANDER_TRY(expect(recipient, kCrvX25519, "curve"));
  LANDER_TRY(expect(recipient, kX, "label"));
  LANDER_ASSIGN(out.ephemeral, recipient.bytes_of(kX25519Bytes, kX25519Bytes, "an X25519 key"));
  LANDER_TRY(recipient.end());
  return out;
}

// The key stands in the *protected* header: X25519 ignores one bit of it, the KDF context does not.
Bytes recipient_header(ByteView recipient_kid, ByteView ephemeral) {
  CborWriter writer;
  writer.map(3).integer(kAlg).integer(kEcdhEsHkdf256).integer(kKid).bytes(recipient_kid);
  writer.integer(kEphemeralKey).map(3).integer(kKty).integer(kKtyOkp);
  return writer.integer(kCrv).integer(kCrvX25519).integer(kX).bytes(ephemeral).take();
}

// COSE_KDF_Context of RFC 9053 §5.2, without party information.
Bytes kdf_context(ByteView recipient_header) {
  CborWriter writer;
  writer.array(4).integer(kA256Gcm);
  for (int party = 0; party < 2; ++party) writer.array(3).null().null().null();
  return writer.array(2).integer(256).bytes(recipient_header).take();
}

// Enc_structure of RFC 9052 §5.3.
Bytes authenticated(ByteView protected_header, std::string_view context) {
  CborWriter writer;
  writer.array(3).text("Encrypt").bytes(protected_header).bytes(base::as_bytes(context));
  return writer.take();
}

base::Result<Bytes> encrypt(const SymmetricKey& key, ByteView iv, ByteView aad, ByteView plain) {
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  Bytes out(plain.size() + kTagBytes);
  int size = 0, last = 0;
  if (!cipher ||
      EVP_EncryptInit_ex2(cipher.get(), aes256_gcm_algorithm(), key.bytes.data(), iv.data(),
                          nullptr) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, aad.data(), static_cast<int>(aad.size())) !=
          1 ||
      EVP_EncryptUpdate(cipher.get(), out.data(), &size, plain.data(),
                        static_cast<int>(plain.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), out.data() + size, &last) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                          out.data() + plain.size()) != 1) {
    return openssl_error(Code::kInternal, "encrypting");
  }
  return out;
}

base::Result<Bytes> decrypt(const SymmetricKey& key, ByteView iv, ByteView aad,
                            ByteView ciphertext) {
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  const ByteView body = ciphertext.first(ciphertext.size() - kTagBytes);
  Bytes tag(ciphertext.end() - kTagBytes, ciphertext.end());
  Bytes out(body.size() + kTagBytes);  // never empty: OpenSSL takes a null output for "AAD"
  int size = 0, last = 0;
  if (!cipher ||
      EVP_DecryptInit_ex2(cipher.get(), aes256_gcm_algorithm(), key.bytes.data(), iv.data(),
                          nullptr) != 1 ||
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, aad.data(), static_cast<int>(aad.size())) !=
          1 ||
      EVP_DecryptUpdate(cipher.get(), out.data(), &size, body.data(),
                        static_cast<int>(body.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(cipher.get(), out.data() + size, &last) != 1) {
    return openssl_error(Code::kCorrupt,
                         "a sealed message does not open: it was altered, or is for another use");
  }
  out.resize(body.size());
  return out;
}

}  // namespace

base::Result<Bytes> sign1(const PrivateKey& key, ByteView payload, std::string_view context) {
  LANDER_TRY(small_enough(payload.size()));
  LANDER_ASSIGN(const std::int64_t algorithm, signing_algorithm(key.type()));
  CborWriter header;
  header.map(2).integer(kAlg).integer(algorithm).integer(kKid).bytes(kid(key.impl->public_key));
  const Bytes signed_bytes = to_be_signed(header.out(), context, payload);

  const MdContextPtr signer(EVP_MD_CTX_new());
  Bytes signature(128);
  std::size_t size = signature.size();
  if (!signer ||
      EVP_DigestSignInit(signer.get(), nullptr, digest_for(key.type()), nullptr, native(key)) !=
          1 ||
      EVP_DigestSign(signer.get(), signature.data(), &size, signed_bytes.data(),
                     signed_bytes.size()) != 1) {
    return openssl_error(Code::kInternal, "signing");
  }
  signature.resize(size);
  if (key.type() == KeyType::kP256) {
    LANDER_ASSIGN(signature, raw_from_der(signature));
  }
  CborWriter writer;
  writer.tag(kTagSign1).array(4).bytes(header.out()).map(0).bytes(payload).bytes(signature);
  return writer.take();
}

base::Result<ByteView> verify1(const PublicKey& key, ByteView message, std::string_view context) {
  LANDER_ASSIGN(const Sign1 parsed, parse_sign1(message));
  LANDER_ASSIGN(const std::int64_t algorithm, signing_algorithm(key.type()));
  const ByteView own = kid(key);
  if (parsed.algorithm != algorithm || !std::equal(own.begin(), own.end(), parsed.kid.begin())) {
    return corrupt("a message was signed with key " + base::to_hex(parsed.kid) + "..., not with " +
                   base::to_hex(own) + "...");
  }
  const Bytes signed_bytes = to_be_signed(parsed.protected_header, context, parsed.payload);
  const Bytes signature = key.type() == KeyType::kP256
                              ? der_from_raw(parsed.signature)
                              : Bytes(parsed.signature.begin(), parsed.signature.end());
  const MdContextPtr verifier(EVP_MD_CTX_new());
  if (!verifier ||
      EVP_DigestVerifyInit(verifier.get(), nullptr, digest_for(key.type()), nullptr, native(key)) !=
          1 ||
      EVP_DigestVerify(verifier.get(), signature.data(), signature.size(), signed_bytes.data(),
                       signed_bytes.size()) != 1) {
    return openssl_error(Code::kCorrupt, "the signature with key " + base::to_hex(own) +
                                             "... does not verify: altered, or for another use");
  }
  return parsed.payload;
}

base::Result<Bytes> kid_of(ByteView message) {
  LANDER_ASSIGN(const Sign1 parsed, parse_sign1(message));
  return Bytes(parsed.kid.begin(), parsed.kid.end());
}

base::Result<Bytes> seal(const PublicKey& recipient, ByteView plain, std::string_view context) {
  LANDER_TRY(small_enough(plain.size()));
  if (recipient.type() != KeyType::kX25519) {
    return Error(Code::kInvalid, "messages are sealed to an X25519 key, not to a signing key");
  }
  const PkeyPtr ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  std::array<std::uint8_t, kX25519Bytes> point;
  std::array<std::uint8_t, kIvBytes> iv;
  std::size_t size = point.size();
  if (!ephemeral || EVP_PKEY_get_raw_public_key(ephemeral.get(), point.data(), &size) != 1 ||
      RAND_bytes(iv.data(), iv.size()) != 1) {
    return openssl_error(Code::kUnavailable, "making a key for a sealed message");
  }
  const Bytes for_recipient = recipient_header(kid(recipient), point);
  SymmetricKey key;
  LANDER_TRY(derive(ephemeral.get(), native(recipient), kdf_context(for_recipient), key));
  CborWriter header;
  header.map(1).integer(kAlg).integer(kA256Gcm);
  LANDER_ASSIGN(const Bytes ciphertext,
                encrypt(key, iv, authenticated(header.out(), context), plain));
  CborWriter writer;
  writer.tag(kTagEncrypt).array(4).bytes(header.out()).map(1).integer(kIv).bytes(iv);
  writer.bytes(ciphertext).array(1).array(3).bytes(for_recipient).map(0).bytes({});
  return writer.take();
}

base::Result<Bytes> open(const PrivateKey& recipient, ByteView message, std::string_view context) {
  LANDER_ASSIGN(const Encrypted parsed, parse_encrypted(message));
  if (recipient.type() != KeyType::kX25519) {
    return Error(Code::kInvalid, "sealed messages are opened with an X25519 key");
  }
  const ByteView own = kid(recipient.impl->public_key);
  if (!std::equal(own.begin(), own.end(), parsed.recipient_kid.begin())) {
    return corrupt("a message is sealed to key " + base::to_hex(parsed.recipient_kid) +
                   "..., not to " + base::to_hex(own) + "...");
  }
  const PkeyPtr ephemeral(EVP_PKEY_new_raw_public_key_ex(
      nullptr, "X25519", nullptr, parsed.ephemeral.data(), parsed.ephemeral.size()));
  if (!ephemeral) return openssl_error(Code::kCorrupt, "reading a sealed message's key");
  SymmetricKey key;
  LANDER_TRY(derive(native(recipient), ephemeral.get(), kdf_context(parsed.recipient_header), key));
  return decrypt(key, parsed.iv, authenticated(parsed.protected_header, context),
                 parsed.ciphertext);
}

}  // namespace lander::crypto
