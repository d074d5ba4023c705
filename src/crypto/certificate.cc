#include <openssl/pem.h>

#include <algorithm>

#include "crypto/openssl.h"

namespace lander::crypto {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 appendix A

base::Result<X509NamePtr> name_of(std::string_view common_name) {
  if (common_name.empty() || common_name.size() > kMaxCommonName) {
    return Error(Code::kInvalid, "a certificate's name has 1 to 64 bytes, not " +
                                     std::to_string(common_name.size()) + ": \"" +
                                     std::string(common_name) + "\"");
  }
  X509NamePtr name(X509_NAME_new());
  if (!name ||
      X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return openssl_error(Code::kInvalid, "a certificate's name");
  }
  return name;
}

base::Result<std::string> common_name_of(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
    return Error(Code::kInvalid, "a certificate must have exactly one common name");
  }
  std::uint8_t* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return openssl_error(Code::kInvalid, "reading a certificate's name");
  std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  // A NUL within would be another name to whoever compares C strings.
  if (out.empty() || out.find('\0') != std::string::npos) {
    return Error(Code::kInvalid, "a certificate's common name is empty or holds a NUL");
  }
  return out;
}

// Names go into OpenSSL's own little language of extensions; a comma would start another entry.
base::Result<std::string> alternative_names(const Subject& subject) {
  std::string out;
  const auto add = [&out](const char* kind, const std::string& value) -> base::Status {
    const bool plain = !value.empty() && value.size() <= 253 &&
                       value.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789.:*_-") == std::string::npos;
    if (!plain) return Error(Code::kInvalid, "not a host name or address: \"" + value + "\"");
    out.append(out.empty() ? "" : ",").append(kind).append(":").append(value);
    return {};
  };
  for (const std::string& dns : subject.dns) LANDER_TRY(add("DNS", dns));
  for (const std::string& ip : subject.ip) LANDER_TRY(add("IP", ip));
  return out;
}

base::Status add_extension(X509* certificate, X509V3_CTX* context, int nid, const char* value) {
  const X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, context, nid, value));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return openssl_error(Code::kInvalid,
                         std::string("a certificate's extension \"") + value + "\"");
  }
  return {};
}

base::Status add_extensions(X509* certificate, X509* issuer, const Subject& subject) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const auto add = [&](int nid, const char* value) {
    return add_extension(certificate, &context, nid, value);
  };
  LANDER_TRY(add(NID_basic_constraints,
                 subject.authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE"));
  LANDER_TRY(add(NID_key_usage, subject.authority ? "critical,digitalSignature,keyCertSign"
                                                  : "critical,digitalSignature"));
  if (!subject.authority) {
    LANDER_TRY(add(NID_ext_key_usage, subject.server ? "serverAuth,clientAuth" : "clientAuth"));
  }
  LANDER_ASSIGN(const std::string names, alternative_names(subject));
  if (!names.empty()) LANDER_TRY(add(NID_subject_alt_name, names.c_str()));
  LANDER_TRY(add(NID_subject_key_identifier, "hash"));
  return add(NID_authority_key_identifier, "keyid");
}

std::int64_t whole_seconds(base::TimeUs time) {  // towards the past, also before 1970
  const std::int64_t seconds = time / base::kSecond;
  return seconds - (time % base::kSecond < 0 ? 1 : 0);
}

base::Result<std::string> pem_of(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return openssl_error(Code::kInternal, "writing a certificate");
  }
  return text_of(bio.get());
}

base::Status require_p256(KeyType type) {
  if (type == KeyType::kP256) return {};
  return Error(Code::kInvalid, "certificates hold P-256 keys");
}

struct Order {
  const PublicKey& key;
  const Subject& subject;
  base::TimeUs from, to;
  base::ByteView serial16;
};

// `issuer` null: self-signed.
base::Result<std::string> make_certificate(const Order& order, const PrivateKey& signer,
                                           X509* issuer) {
  LANDER_TRY(require_p256(order.key.type()));
  LANDER_TRY(require_p256(signer.type()));
  if (order.serial16.size() != 16) return Error(Code::kInvalid, "a serial has 16 bytes");
  if (order.from >= order.to) {
    return Error(Code::kInvalid, "a certificate's end must follow its start");
  }
  std::array<std::uint8_t, 16> serial;
  std::copy(order.serial16.begin(), order.serial16.end(), serial.begin());
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7F) | 0x40);  // positive, never zero

  LANDER_ASSIGN(const X509NamePtr name, name_of(order.subject.common_name));
  const X509Ptr certificate(X509_new());
  const BigNumPtr number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  if (!certificate || !number || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_subject_name(certificate.get(), name.get()) != 1 ||
      X509_set_issuer_name(certificate.get(),
                           issuer == nullptr ? name.get() : X509_get_subject_name(issuer)) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), whole_seconds(order.from)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), whole_seconds(order.to)) == nullptr ||
      X509_set_pubkey(certificate.get(), native(order.key)) != 1) {
    return openssl_error(Code::kInvalid, "making a certificate");
  }
  LANDER_TRY(add_extensions(certificate.get(), issuer == nullptr ? certificate.get() : issuer,
                            order.subject));
  if (X509_sign(certificate.get(), native(signer), sha256_algorithm()) <= 0) {
    return openssl_error(Code::kInternal, "signing a certificate");
  }
  return pem_of(certificate.get());
}

base::Result<X509Ptr> parse_certificate(std::string_view pem) {
  LANDER_ASSIGN(const BioPtr bio, open_pem(pem));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return openssl_error(Code::kInvalid, "reading a certificate (PEM)");
  return certificate;
}

base::Result<base::TimeUs> to_time_us(const ASN1_TIME* time) {
  const Asn1TimePtr epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds = 0;
  if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) {
    return openssl_error(Code::kInvalid, "reading a certificate's dates");
  }
  return days * base::kDay + seconds * base::kSecond;
}

base::Result<PublicKey> shared_key(EVP_PKEY* borrowed) {
  if (borrowed == nullptr) return openssl_error(Code::kInvalid, "reading a public key");
  LANDER_CHECK(EVP_PKEY_up_ref(borrowed) == 1);
  return adopt_public(PkeyPtr(borrowed));
}

}  // namespace

base::Result<std::string> self_signed(const PrivateKey& key, const Subject& subject,
                                      base::TimeUs from, base::TimeUs to) {
  // The serial must only differ between the certificates of one authority: here, of one key.
  base::Bytes seed = key.public_key().to_der();
  const std::string dates = std::to_string(from) + "/" + std::to_string(to);
  seed.insert(seed.end(), dates.begin(), dates.end());
  const Digest serial = sha256(seed);
  const PublicKey public_key = key.public_key();
  return make_certificate({public_key, subject, from, to, base::ByteView(serial).first(16)}, key,
                          nullptr);
}

base::Result<std::string> make_csr(const PrivateKey& key, const Subject& subject) {
  LANDER_TRY(require_p256(key.type()));
  LANDER_ASSIGN(const X509NamePtr name, name_of(subject.common_name));
  const X509ReqPtr request(X509_REQ_new());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!request || !bio || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), native(key.public_key())) != 1 ||
      X509_REQ_sign(request.get(), native(key), sha256_algorithm()) <= 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return openssl_error(Code::kInternal, "making a certificate request");
  }
  return text_of(bio.get());
}

base::Result<Csr> verify_csr(std::string_view pem) {
  LANDER_ASSIGN(const BioPtr bio, open_pem(pem));
  const X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!request) return openssl_error(Code::kInvalid, "reading a certificate request (PEM)");
  Csr out;
  LANDER_ASSIGN(out.key, shared_key(X509_REQ_get0_pubkey(request.get())));
  LANDER_TRY(require_p256(out.key.type()));
  if (X509_REQ_verify(request.get(), native(out.key)) != 1) {
    return openssl_error(Code::kCorrupt, "a certificate request is not signed with its own key");
  }
  LANDER_ASSIGN(out.common_name, common_name_of(X509_REQ_get_subject_name(request.get())));
  return out;
}

base::Result<std::string> issue(const PrivateKey& authority_key, std::string_view authority_pem,
                                const PublicKey& key, const Subject& subject, base::TimeUs from,
                                base::TimeUs to, base::ByteView serial16) {
  LANDER_ASSIGN(const X509Ptr authority, parse_certificate(authority_pem));
  if (X509_check_private_key(authority.get(), native(authority_key)) != 1) {
    return openssl_error(Code::kInvalid,
                         "the authority's certificate is not of the authority's key");
  }
  return make_certificate({key, subject, from, to, serial16}, authority_key, authority.get());
}

base::Result<Certificate> read_certificate(std::string_view pem) {
  LANDER_ASSIGN(const X509Ptr certificate, parse_certificate(pem));
  Certificate out;
  LANDER_ASSIGN(out.common_name, common_name_of(X509_get_subject_name(certificate.get())));
  LANDER_ASSIGN(const PublicKey key, shared_key(X509_get0_pubkey(certificate.get())));
  out.key_id = key.id();
  LANDER_ASSIGN(out.from, to_time_us(X509_get0_notBefore(certificate.get())));
  LANDER_ASSIGN(out.to, to_time_us(X509_get0_notAfter(certificate.get())));
  return out;
}

}  // namespace lander::crypto
