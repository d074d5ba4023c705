#include <algorithm>

#include "carrier/https.h"
#include "link/link.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kDigestBytes = 32, kNumberBytes = 4;
constexpr std::size_t kPieceHeadBytes = kDigestBytes + 2 * kNumberBytes;
static_assert(kMaxPieceBodyBytes == kPieceHeadBytes + kPieceBytes);

void append_number(base::Bytes& out, std::uint32_t number) {
  for (std::size_t i = 0; i < kNumberBytes; ++i)
    out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

std::uint32_t number_at(base::ByteView bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < kNumberBytes; ++i) number |= std::uint32_t{bytes[at + i]} << (8 * i);
  return number;
}

}  // namespace

base::Bytes encode_piece(const Piece& piece) {
  LANDER_CHECK(!piece.bytes.empty() && piece.bytes.size() <= kPieceBytes);
  base::Bytes out(piece.whole.begin(), piece.whole.end());
  out.reserve(kPieceHeadBytes + piece.bytes.size());
  append_number(out, piece.offset);
  append_number(out, piece.total);
  out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
  return out;
}

base::Result<Piece> decode_piece(base::ByteView body) {
  if (body.size() <= kPieceHeadBytes || body.size() > kMaxPieceBodyBytes) {
    return Error(Code::kCorrupt, "a piece of a message: " + std::to_string(body.size()) +
                                     " bytes; expected " + std::to_string(kPieceHeadBytes + 1) +
                                     " to " + std::to_string(kMaxPieceBodyBytes));
  }
  Piece piece;
  std::copy_n(body.begin(), kDigestBytes, piece.whole.begin());
  piece.offset = number_at(body, kDigestBytes);
  piece.total = number_at(body, kDigestBytes + kNumberBytes);
  piece.bytes = body.subspan(kPieceHeadBytes);
  if (piece.total > link::kMaxBundleBytes || piece.offset > piece.total ||
      piece.bytes.size() > piece.total - piece.offset) {
    return Error(Code::kCorrupt, "a piece of a message: " + std::to_string(piece.bytes.size()) +
                                     " bytes from " + std::to_string(piece.offset) +
                                     " on do not lie within " + std::to_string(piece.total) +
                                     ", or that is over " + std::to_string(link::kMaxBundleBytes));
  }
  return piece;
}

base::Bytes encode_want(std::uint32_t offset) {
  base::Bytes out;
  append_number(out, offset);
  return out;
}

base::Result<std::uint32_t> decode_want(base::ByteView body) {
  if (body.size() != kNumberBytes) {
    return Error(Code::kCorrupt, "the answer to a piece: " + std::to_string(body.size()) +
                                     " bytes; expected an offset of four");
  }
  return number_at(body, 0);
}

base::Result<Uploads::Answer> Uploads::step(const std::string& key_id, const Piece& piece,
                                            base::DurationUs monotonic_now) {
  drop_old(monotonic_now);
  auto at = uploads_.find(key_id);
  if (at != uploads_.end() &&
      (at->second.whole != piece.whole || at->second.total != piece.total)) {
    drop(at);
    at = uploads_.end();
  }
  if (at == uploads_.end()) {
    if (piece.offset != 0) return Answer{};
    // What is begun can be ended: the whole is counted from its first piece on.
    if (bytes_ + piece.total > kMaxBytes) {
      return Error(Code::kExhausted,
                   "too many messages are under way in pieces: try again in a minute");
    }
    bytes_ += piece.total;
    at = uploads_.emplace(key_id, Upload{piece.whole, piece.total, {}, monotonic_now}).first;
  }
  Upload& upload = at->second;
  upload.heard = monotonic_now;
  if (piece.offset == upload.bytes.size())
    upload.bytes.insert(upload.bytes.end(), piece.bytes.begin(), piece.bytes.end());
  if (upload.bytes.size() < upload.total)
    return Answer{static_cast<std::uint32_t>(upload.bytes.size()), {}};
  base::Bytes message = std::move(upload.bytes);
  drop(at);
  if (crypto::sha256(message) != piece.whole) {
    return Error(Code::kCorrupt,
                 "the message that came in pieces is not the one that its digest says");
  }
  return Answer{0, std::move(message)};
}

void Uploads::drop(Map::iterator at) {
  bytes_ -= at->second.total;
  uploads_.erase(at);
}

void Uploads::drop_old(base::DurationUs monotonic_now) {
  for (auto at = uploads_.begin(); at != uploads_.end();) {
    const auto next = std::next(at);
    if (monotonic_now - at->second.heard > kKept) drop(at);
    at = next;
  }
}

}  // namespace lander::carrier
