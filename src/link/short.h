// The short envelope: pairwise authenticated encryption with an implicit nonce, for carriers that
// count bytes. 10 bytes over the plain text: AES-CCM with an 8-byte tag (RFC 3610; COSE algorithm
// AES-CCM-16-64-256, RFC 9053 §4.2), as OSCORE does (RFC 8613 §5.2). Pure. Format:
// docs/formats/short.md.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "link/link.h"

namespace lander::link {

inline constexpr std::size_t kShortOverhead = 10;
inline constexpr std::size_t kMaxShortPlain = crypto::kMaxCcm8Bytes;

// Of one epoch of the site, derived from the two ends' X25519 keys, which both know since the
// enrolment: HKDF-SHA-256 over their agreement, for tenant, site, epoch and way.
struct ShortKeys {
  std::uint64_t epoch = 0;
  crypto::SymmetricKey up, down;
};
// kInvalid, kCorrupt: as crypto::agree().
base::Result<ShortKeys> short_keys(const Keys& keys, std::string_view tenant, std::string_view site,
                                   std::uint64_t epoch);

// `counter`: from 1, of this way and epoch. Never twice: the owner makes it durable that it is
// spent before the message leaves. `plain`: at most kMaxShortPlain.
base::Bytes seal_short(const ShortKeys& keys, bool from_hub, std::uint64_t counter,
                       base::ByteView plain);

bool is_short(base::ByteView message);  // by its first byte; a bundle is not

struct OpenedShort {
  std::uint64_t epoch = 0, counter = 0;
  base::Bytes plain;
};
// `newest`: the highest counter that came under each of `keys` (the same order; 0: none yet). The
// message's own is the nearest to it that its 12 bits allow, or one of the next: one may come
// late by 2,047 others, 63,487 may be lost in a row. One that was opened before opens again.
// kUnauthenticated: no key opens it (an epoch that is not known yet, or it is not ours); kCorrupt:
// not a short message at all.
base::Result<OpenedShort> open_short(std::span<const ShortKeys> keys,
                                     std::span<const std::uint64_t> newest, bool from_hub,
                                     base::ByteView message);

}  // namespace lander::link
