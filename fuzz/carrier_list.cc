// The bodies of the HTTPS carrier, which a site and a hub read from each other: lists of messages,
// and pieces of one. Read or refused; what is read is written the same again; what a site sends in
// pieces never makes the hub keep more than the message it began.
#include "base/check.h"
#include "carrier/https.h"
#include "link/link.h"

namespace {

using namespace lander;

bool same(base::ByteView a, base::ByteView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void upload(base::ByteView bytes) {
  carrier::Uploads uploads;
  base::DurationUs now = 0;
  // One byte of a head: which site, which message, where; then as many bytes.
  while (bytes.size() > 4) {
    carrier::Piece piece;
    const std::size_t size = std::min<std::size_t>(1 + bytes[3] % 8, bytes.size() - 4);
    piece.offset = bytes[1] % 16;
    piece.total =
        std::max<std::uint32_t>(bytes[2] % 16, piece.offset + static_cast<unsigned>(size));
    piece.whole[0] = bytes[0];
    piece.bytes = bytes.subspan(4, size);
    if (bytes[0] % 2 != 0) piece.whole = crypto::sha256(base::Bytes(piece.total, 1));
    now += bytes[3] >> 7 != 0 ? carrier::Uploads::kKept : 0;
    const auto answer =
        uploads.step(std::string(1, static_cast<char>('a' + bytes[0] % 3)), piece, now);
    if (answer.ok() && !answer->message) LANDER_CHECK(answer->want < piece.total);
    if (answer.ok() && answer->message)
      LANDER_CHECK(crypto::sha256(*answer->message) == piece.whole);
    LANDER_CHECK(uploads.bytes() <= 3 * 32);
    bytes = bytes.subspan(4 + size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  if (const auto list = carrier::decode_list(bytes); list.ok())
    LANDER_CHECK(same(carrier::encode_list(*list), bytes));
  if (const auto piece = carrier::decode_piece(bytes); piece.ok()) {
    LANDER_CHECK(piece->offset + piece->bytes.size() <= piece->total);
    LANDER_CHECK(same(carrier::encode_piece(*piece), bytes));
  }
  if (const auto want = carrier::decode_want(bytes); want.ok())
    LANDER_CHECK(same(carrier::encode_want(*want), bytes));
  upload(bytes);
  return 0;
}
