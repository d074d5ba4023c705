#include "base/cbor.h"
#include "link/link.h"

namespace lander::link {
namespace {

// What a signature or a ciphertext is for: one use, one direction, one peer, tenant and site. CBOR,
// so that no two ways of cutting it up give the same bytes.
std::string context(const Expected& what) {
  base::CborWriter out;
  out.array(5).text("lander bundle 2").text(what.to_site ? "to site" : "from site");
  out.text(what.peer).text(what.tenant).text(what.site);
  return std::string(base::as_text(out.out()));
}

std::string name(const Expected& what) {
  const std::string site = std::string(what.tenant) + "/" + std::string(what.site);
  const std::string peer = what.peer == kHub ? "the hub" : "\"" + std::string(what.peer) + "\"";
  return "bundle of " + (what.to_site ? peer : site) + " for " + (what.to_site ? site : peer);
}

Expected names_of(const Bundle& bundle) {
  return {bundle.tenant, bundle.site, bundle.to_site, bundle.peer};
}

}  // namespace

base::Result<base::Bytes> seal(const Bundle& bundle, const Keys& keys) {
  const std::string what = name(names_of(bundle));
  const base::Bytes plain = encode(bundle);
  // Read it back as the peer will: an item that it refuses would be sent for ever.
  if (const auto readable = decode_bundle(plain); !readable.ok()) {
    return base::Error(base::Code::kInvalid,
                       what + " would not be accepted: " + readable.error().message());
  }
  const std::string use = context(names_of(bundle));
  const auto inner = crypto::sign1(keys.signing, plain, use);
  if (!inner.ok()) return inner.error().context(what);
  auto sealed = crypto::seal(keys.peer_sealing, *inner, use);
  if (!sealed.ok()) return sealed.error().context(what);
  if (sealed->size() > kMaxBundleBytes) {
    return base::Error(base::Code::kExhausted, what + " has " + std::to_string(sealed->size()) +
                                                   " bytes; at most 4 MiB are sent at once");
  }
  return sealed;
}

base::Result<Bundle> open(base::ByteView message, const Keys& keys, const Expected& expected) {
  const std::string what = name(expected);
  if (message.size() > kMaxBundleBytes) {
    return base::Error(base::Code::kCorrupt, what + " has " + std::to_string(message.size()) +
                                                 " bytes; expected at most 4 MiB");
  }
  const std::string use = context(expected);
  const auto inner = crypto::open(keys.sealing, message, use);
  if (!inner.ok()) return inner.error().context(what);
  const auto plain = crypto::verify1(keys.peer_signing, *inner, use);
  if (!plain.ok()) return plain.error().context(what);
  auto bundle = decode_bundle(*plain);
  if (!bundle.ok()) return bundle.error().context(what);
  const Expected found = names_of(*bundle);
  if (found.tenant != expected.tenant || found.site != expected.site ||
      found.to_site != expected.to_site || found.peer != expected.peer) {
    return base::Error(base::Code::kUnauthenticated, what + " calls itself " + name(found));
  }
  return bundle;
}

}  // namespace lander::link
