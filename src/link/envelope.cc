#include "base/cbor.h"
#include "link/link.h"

namespace lander::link {
namespace {

// What a signature or a ciphertext is for: one use, one direction, one tenant, one site. CBOR, so
// that no two ways of cutting it up give the same bytes.
std::string context(std::string_view tenant, std::string_view site, bool from_hub) {
  base::CborWriter out;
  out.array(4).text("lander bundle 1").text(from_hub ? "hub to site" : "site to hub");
  out.text(tenant).text(site);
  return std::string(base::as_text(out.out()));
}

std::string name(std::string_view tenant, std::string_view site, bool from_hub) {
  return std::string("bundle ") + (from_hub ? "of the hub for " : "of ") + std::string(tenant) +
         "/" + std::string(site);
}

}  // namespace

base::Result<base::Bytes> seal(const Bundle& bundle, const Keys& keys) {
  const std::string what = name(bundle.tenant, bundle.site, bundle.from_hub);
  const base::Bytes plain = encode(bundle);
  // Read it back as the peer will: an item that it refuses would be sent for ever.
  if (const auto readable = decode_bundle(plain); !readable.ok()) {
    return base::Error(base::Code::kInvalid,
                       what + " would not be accepted: " + readable.error().message());
  }
  const std::string use = context(bundle.tenant, bundle.site, bundle.from_hub);
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

base::Result<Bundle> open(base::ByteView message, const Keys& keys, std::string_view tenant,
                          std::string_view site, bool from_hub) {
  const std::string what = name(tenant, site, from_hub);
  if (message.size() > kMaxBundleBytes) {
    return base::Error(base::Code::kCorrupt, what + " has " + std::to_string(message.size()) +
                                                 " bytes; expected at most 4 MiB");
  }
  const std::string use = context(tenant, site, from_hub);
  const auto inner = crypto::open(keys.sealing, message, use);
  if (!inner.ok()) return inner.error().context(what);
  const auto plain = crypto::verify1(keys.peer_signing, *inner, use);
  if (!plain.ok()) return plain.error().context(what);
  auto bundle = decode_bundle(*plain);
  if (!bundle.ok()) return bundle.error().context(what);
  if (bundle->tenant != tenant || bundle->site != site || bundle->from_hub != from_hub) {
    return base::Error(
        base::Code::kUnauthenticated,
        what + " calls itself " + name(bundle->tenant, bundle->site, bundle->from_hub));
  }
  return bundle;
}

}  // namespace lander::link
