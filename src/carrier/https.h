// What a site and its hub say to each other over HTTPS, for both ends; docs/formats/carrier.md.
// Mutual TLS: the site's key is who it is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "crypto/crypto.h"

namespace lander::carrier {

// One POST of one message, and what waits comes back. Paths are short: on a metered line each byte
// of every request is paid for.
inline constexpr char kBundlesPath[] = "/b";
inline constexpr std::size_t kMaxBundlesInList = 64;
inline constexpr std::size_t kMaxListBytes = 8 << 20;  // of the answer

// Each message behind its length; nothing waits: no bytes.
base::Bytes encode_list(const std::vector<base::Bytes>& bundles);
base::Result<std::vector<base::Bytes>> decode_list(base::ByteView body);  // kCorrupt, kExhausted

// --- A longer message goes in pieces, so that a line that breaks does not begin again

inline constexpr char kPiecesPath[] = "/p";
inline constexpr std::size_t kPieceBytes = 64 << 10;
inline constexpr std::size_t kMaxPieceBodyBytes = kPieceBytes + 40;  // encoded

struct Piece {
  crypto::Digest whole{};  // SHA-256 of the message
  std::uint32_t offset = 0, total = 0;
  base::ByteView bytes;  // borrowed
};
base::Bytes encode_piece(const Piece& piece);
// kCorrupt unless there are 1 to kPieceBytes bytes that lie within a message of at most
// link::kMaxBundleBytes.
base::Result<Piece> decode_piece(base::ByteView body);
// The answer to a piece that does not complete its message (status 202): the offset wanted next.
base::Bytes encode_want(std::uint32_t offset);
base::Result<std::uint32_t> decode_want(base::ByteView body);

// The hub's side of it: what sites have sent of messages that are not whole yet, in memory only.
// One message a site; a piece of another one takes its place. Pure; one thread.
class Uploads {
 public:
  static constexpr std::size_t kMaxBytes = 256 << 20;  // of all messages, when they are whole
  static constexpr base::DurationUs kKept = 10 * base::kMinute;  // after its last piece

  struct Answer {
    std::uint32_t want = 0;              // from where to go on, while there is no message
    std::optional<base::Bytes> message;  // whole, and as its digest says; forgotten here
  };
  // Takes the piece where it fits; one that does not changes nothing but is told what is wanted.
  // kExhausted: too many are under way; kCorrupt: whole, and not what its digest says: dropped.
  base::Result<Answer> step(const std::string& key_id, const Piece& piece,
                            base::DurationUs monotonic_now);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Upload {
    crypto::Digest whole{};
    std::uint32_t total = 0;
    base::Bytes bytes;
    base::DurationUs heard = 0;
  };
  using Map = std::map<std::string, Upload>;
  void drop(Map::iterator at);
  void drop_old(base::DurationUs monotonic_now);

  Map uploads_;
  std::size_t bytes_ = 0;
};

}  // namespace lander::carrier
