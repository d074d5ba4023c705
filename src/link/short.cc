#include "link/short.h"

#include <algorithm>

#include "base/cbor.h"

namespace lander::link {
namespace {

constexpr std::size_t kHeaderBytes = 2;
constexpr std::uint64_t kWindow = 4096;  // of the counter's 12 bits
constexpr int kWindows = 16;             // that are tried, the nearest and those ahead of it
constexpr std::uint8_t kHintBits = 7;    // of the epoch

crypto::Ccm8Nonce nonce_of(bool from_hub, std::uint64_t counter) {
  crypto::Ccm8Nonce nonce{};
  nonce[0] = from_hub ? 1 : 0;
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[5 + i] = static_cast<std::uint8_t>(counter >> (8 * (7 - i)));
  }
  return nonce;
}

base::Result<crypto::SymmetricKey> key_of(const Keys& keys, std::string_view tenant,
                                          std::string_view site, std::uint64_t epoch,
                                          std::string_view way) {
  // Both ends' keys, in an order that both ends find: RFC 7748 §6.1 wants them in the derivation.
  std::string own = keys.sealing.public_key().id(), peer = keys.peer_sealing.id();
  if (peer < own) std::swap(own, peer);
  base::CborWriter info;
  info.array(7).text("lander short 1").text(way).text(tenant).text(site).unsigned_integer(epoch);
  return crypto::agree(keys.sealing, keys.peer_sealing, info.text(own).text(peer).out());
}

// The counter with these 12 bits that is nearest to the one expected next.
std::uint64_t nearest(std::uint64_t newest, std::uint64_t low) {
  const std::uint64_t next = newest + 1;
  const std::uint64_t ahead = (low - next) % kWindow;
  if (ahead < kWindow / 2 || next + ahead < kWindow) return next + ahead;
  return next + ahead - kWindow;
}

}  // namespace

base::Result<ShortKeys> short_keys(const Keys& keys, std::string_view tenant, std::string_view site,
                                   std::uint64_t epoch) {
  ShortKeys out;
  out.epoch = epoch;
  LANDER_ASSIGN(out.up, key_of(keys, tenant, site, epoch, "site to hub"));
  LANDER_ASSIGN(out.down, key_of(keys, tenant, site, epoch, "hub to site"));
  return out;
}

base::Bytes seal_short(const ShortKeys& keys, bool from_hub, std::uint64_t counter,
                       base::ByteView plain) {
  LANDER_CHECK(counter != 0);
  base::Bytes out = {static_cast<std::uint8_t>((keys.epoch & kHintBits) << 4 | (counter >> 8 & 15)),
                     static_cast<std::uint8_t>(counter)};
  const base::Bytes sealed =
      crypto::ccm8_seal(from_hub ? keys.down : keys.up, nonce_of(from_hub, counter), out, plain);
  out.insert(out.end(), sealed.begin(), sealed.end());
  return out;
}

bool is_short(base::ByteView message) {
  return message.size() >= kShortOverhead && message[0] < 0x80;
}

base::Result<OpenedShort> open_short(std::span<const ShortKeys> keys,
                                     std::span<const std::uint64_t> newest, bool from_hub,
                                     base::ByteView message) {
  LANDER_CHECK(keys.size() == newest.size());
  if (!is_short(message) || message.size() > kMaxShortPlain + kShortOverhead) {
    return base::Error(base::Code::kCorrupt,
                       "not a short message: expected a first bit of 0 and "
                       "10 to 65545 bytes, not " +
                           std::to_string(message.size()));
  }
  const base::ByteView header = message.first(kHeaderBytes), sealed = message.subspan(kHeaderBytes);
  const std::uint64_t low = (message[0] & 15u) << 8 | message[1];
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((keys[i].epoch & kHintBits) != message[0] >> 4) continue;
    std::uint64_t counter = nearest(newest[i], low);
    for (int window = 0; window < kWindows; ++window, counter += kWindow) {
      auto plain = crypto::ccm8_open(from_hub ? keys[i].down : keys[i].up,
                                     nonce_of(from_hub, counter), header, sealed);
      if (plain.ok()) return OpenedShort{keys[i].epoch, counter, *std::move(plain)};
    }
  }
  return base::Error(base::Code::kUnauthenticated,
                     "no key opens a short message of " + std::to_string(message.size()) +
                         " bytes: an epoch that is not known yet, or it is not ours");
}

}  // namespace lander::link
