#include "site/identity.h"

#include "base/cbor.h"
#include "http/client.h"

namespace lander::site {
namespace {

constexpr std::uint64_t kMaxFile = 1 << 20;

struct Paths {
  explicit Paths(const std::string& folder)
      : device(folder + "/device.key"),
        sealing(folder + "/sealing.key"),
        enrolled(folder + "/enrolled.cbor") {}
  std::string device, sealing, enrolled;
};

base::Result<crypto::PrivateKey> load_key(os::Files& files, const std::string& path) {
  LANDER_ASSIGN(const base::Bytes pem, files.read(path, kMaxFile));
  auto key = crypto::PrivateKey::from_pem(base::as_text(pem));
  if (!key.ok()) return key.error().context(path);
  return key;
}

base::Result<crypto::PrivateKey> load_or_make_key(os::Files& files, const std::string& path,
                                                  crypto::KeyType type) {
  if (files.exists(path)) return load_key(files, path);
  LANDER_ASSIGN(crypto::PrivateKey key, crypto::PrivateKey::generate(type));
  LANDER_TRY(files.write_durably(path, base::as_bytes(key.to_pem()), 0600));
  return key;
}

base::Bytes encode_enrolled(const std::string& hub_url, const trust::Token& token,
                            const trust::EnrolReply& reply) {
  base::CborWriter out;
  out.array(6);
  out.text(hub_url)
      .text(token.hub_key_id)
      .text(token.tenant)
      .text(token.site)
      .text(token.root_key_id);
  out.bytes(trust::encode(reply));
  return out.take();
}

base::Result<Identity> assemble(os::Files& files, const Paths& paths, base::ByteView stored) {
  base::CborReader in(stored);
  LANDER_TRY(in.array_of(6, "an identity"));
  Identity id;
  LANDER_ASSIGN(id.hub_url, in.text());
  LANDER_ASSIGN(id.hub_key_id, in.text());
  LANDER_ASSIGN(id.tenant, in.text());
  LANDER_ASSIGN(id.site, in.text());
  LANDER_ASSIGN(const std::string_view root_key_id, in.text());
  LANDER_ASSIGN(const base::ByteView reply_bytes, in.bytes());
  LANDER_TRY(in.end());
  LANDER_ASSIGN(const trust::EnrolReply reply, trust::decode_enrol_reply(reply_bytes));
  LANDER_ASSIGN(id.root, crypto::PublicKey::from_der(reply.root_key_der));
  if (id.root.id() != root_key_id) {
    return base::Error(base::Code::kDenied,
                       "the tenant's root key is not the one that the token names");
  }
  LANDER_TRY(trust::verify_document(reply.trust_document, id.root, 0));
  id.trust_document = reply.trust_document;
  id.certificate_pem = reply.certificate_pem;
  LANDER_ASSIGN(id.keys.signing, load_key(files, paths.device));
  LANDER_ASSIGN(id.keys.sealing, load_key(files, paths.sealing));
  id.device_key_pem = id.keys.signing.to_pem();
  LANDER_ASSIGN(id.keys.peer_signing, crypto::PublicKey::from_der(reply.hub_signing_key_der));
  LANDER_ASSIGN(id.keys.peer_sealing, crypto::PublicKey::from_der(reply.hub_sealing_key_der));
  return id;
}

}  // namespace

base::Result<std::optional<Identity>> load_identity(os::Files& files, const std::string& folder) {
  const Paths paths(folder);
  if (!files.exists(paths.enrolled)) return std::optional<Identity>();
  LANDER_ASSIGN(const base::Bytes stored, files.read(paths.enrolled, kMaxFile));
  auto identity = assemble(files, paths, stored);
  if (!identity.ok()) return identity.error().context(paths.enrolled);
  return std::optional<Identity>(std::move(*identity));
}

base::Result<Identity> enrol(os::Files& files, const std::string& folder,
                             const std::string& hub_url, std::string_view token_text) {
  LANDER_ASSIGN(const trust::Token token, trust::parse_token(token_text));
  LANDER_TRY(files.make_folders(folder, 0700));
  const Paths paths(folder);
  LANDER_ASSIGN(const crypto::PrivateKey device,
                load_or_make_key(files, paths.device, crypto::KeyType::kP256));
  LANDER_ASSIGN(const crypto::PrivateKey sealing,
                load_or_make_key(files, paths.sealing, crypto::KeyType::kX25519));

  trust::EnrolRequest request{token.tenant, token.site, token.secret, "",
                              sealing.public_key().to_der()};
  LANDER_ASSIGN(request.csr_pem,
                crypto::make_csr(device, {.common_name = token.tenant + "/" + token.site}));

  LANDER_ASSIGN(auto client,
                http::Client::make({.url = hub_url, .pinned_key_id = token.hub_key_id}));
  auto response =
      client->send("POST", "/link/v1/enrol", trust::encode(request), "application/cbor");
  if (!response.ok()) return response.error().context("enrolling at " + hub_url);
  if (response->status != 200) return http::refusal(*response, "the hub").context("enrolling");
  LANDER_ASSIGN(const trust::EnrolReply reply, trust::decode_enrol_reply(response->body));
  LANDER_ASSIGN(const crypto::PublicKey root, crypto::PublicKey::from_der(reply.root_key_der));
  if (root.id() != token.root_key_id) {
    return base::Error(
        base::Code::kDenied,
        "the hub's reply names another tenant root than the token: do not trust this hub");
  }
  LANDER_ASSIGN(const crypto::Certificate certificate,
                crypto::read_certificate(reply.certificate_pem));
  if (certificate.key_id != device.public_key().id()) {
    return base::Error(base::Code::kDenied, "the hub's certificate is for another key than ours");
  }
  // All of it is checked before it is kept: a site with half an identity would not start.
  const base::Bytes enrolled = encode_enrolled(hub_url, token, reply);
  auto identity = assemble(files, paths, enrolled);
  if (!identity.ok()) return identity.error().context("the hub's reply");
  LANDER_TRY(files.write_durably(paths.enrolled, enrolled, 0600));
  return identity;
}

}  // namespace lander::site
