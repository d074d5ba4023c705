#include "carrier/https.h"

#include <algorithm>

#include "carrier/carrier.h"
#include "http/client.h"
#include "link/link.h"
#include "os/clock.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

// A contact blocks no longer, however long its message is: alerts wait for it.
constexpr base::DurationUs kLongest = base::kMinute;
constexpr int kTries = 3;  // of one piece, one after the other

base::DurationUs now_us() { return os::system_clock().monotonic_us(); }

class Https : public Carrier {
 public:
  explicit Https(std::unique_ptr<http::Client> client) : client_(std::move(client)) {}

  base::Result<Contact> exchange(base::ByteView sealed) override {
    if (sealed.size() > link::kMaxBundleBytes) {
      return Error(Code::kInvalid, "a message of " + std::to_string(sealed.size()) +
                                       " bytes: at most " + std::to_string(link::kMaxBundleBytes));
    }
    if (sealed.size() > kPieceBytes) return send_pieces(sealed);
    const base::Bytes body =
        sealed.empty() ? base::Bytes() : encode_list({{sealed.begin(), sealed.end()}});
    const auto began = now_us();
    LANDER_ASSIGN(const auto response, client_->send("POST", kBundlesPath, body, ""));
    return contact(response, began);
  }

  void cancel() override { client_->cancel(); }

 private:
  static base::Result<Contact> contact(const http::ClientResponse& response,
                                       base::DurationUs began) {
    if (response.status != 200) return http::refusal(response, "the hub");
    Contact contact;
    contact.round_trip = now_us() - began;
    LANDER_ASSIGN(contact.received, decode_list(response.body));
    return contact;
  }

  // Goes on where the hub says. The same message again, after an error, too: the hub keeps what it
  // has for Uploads::kKept.
  base::Result<Contact> send_pieces(base::ByteView sealed) {
    Piece piece;
    piece.whole = crypto::sha256(sealed);
    piece.total = static_cast<std::uint32_t>(sealed.size());
    if (piece.whole != whole_) next_ = 0;
    whole_ = piece.whole;
    const auto deadline = now_us() + kLongest;
    // The hub may forget what it has and begin again; not for ever.
    for (std::size_t left = 2 * (sealed.size() / kPieceBytes + 2); left > 0; --left) {
      piece.offset = next_;
      piece.bytes = sealed.subspan(next_).first(std::min(kPieceBytes, sealed.size() - next_));
      const auto began = now_us();
      LANDER_ASSIGN(const auto response, send_piece(encode_piece(piece), deadline));
      if (response.status != 202) return contact(response, began);
      LANDER_ASSIGN(next_, decode_want(response.body));
      if (next_ >= sealed.size())
        return Error(Code::kCorrupt, "the hub wants bytes beyond the message's end");
      if (now_us() > deadline) break;
    }
    return Error(Code::kTimeout, "the hub has " + std::to_string(next_) + " of " +
                                     std::to_string(sealed.size()) +
                                     " bytes: the same message goes on from there");
  }

  base::Result<http::ClientResponse> send_piece(const base::Bytes& body,
                                                base::DurationUs deadline) {
    for (int tries = 1;; ++tries) {
      auto response = client_->send("POST", kPiecesPath, body, "");
      const bool again = !response.ok() && response.error().code() == Code::kUnavailable;
      if (!again || tries == kTries || now_us() > deadline) return response;
    }
  }

  std::unique_ptr<http::Client> client_;
  crypto::Digest whole_{};  // of the message that went in pieces last
  std::uint32_t next_ = 0;  // where the hub wants it to go on
};

base::Result<std::unique_ptr<Carrier>> make_https(const Config&, const Peer& peer) {
  if (peer.hub_key_id.empty()) {
    return Error(Code::kInvalid,
                 "HTTPS carrier: the hub's key id is missing: enrol the site first");
  }
  http::ClientOptions client;
  client.url = peer.hub_url;
  client.pinned_key_id = peer.hub_key_id;
  client.certificate_pem = peer.certificate_pem;
  client.key_pem = peer.key_pem;
  client.max_response = kMaxListBytes;
  client.user_agent.clear();
  auto made = http::Client::make(client);
  if (!made.ok()) return made.error().context("HTTPS carrier");
  return std::unique_ptr<Carrier>(std::make_unique<Https>(std::move(*made)));
}

}  // namespace

extern const Kind kHttps;
constinit const Kind kHttps{"https",
                            "the hub's own address, over a network that reaches it",
                            {},
                            link::kMaxBundleBytes,
                            link::kMaxBundleBytes,
                            false,
                            make_https};

}  // namespace lander::carrier
