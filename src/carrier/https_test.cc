// The HTTPS carrier against a hub of our own server.
#include "carrier/https.h"

#include <gtest/gtest.h>

#include <mutex>

#include "carrier/carrier.h"
#include "carrier/relay_test.h"
#include "crypto/crypto.h"
#include "http/server.h"
#include "link/link.h"

namespace lander::carrier {
namespace {

struct Identity {
  std::string certificate_pem, key_pem, key_id;
};

Identity make_identity(const std::string& name) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kP256);
  auto pem = crypto::self_signed(*key, {name, {}, {}, true, false}, 0, base::kDay);
  return {*pem, key->to_pem(), key->public_key().id()};
}

class HttpsCarrier : public testing::Test {
 protected:
  HttpsCarrier() : hub_(make_identity("hub")), site_(make_identity("acme/pump-1")) {
    http::ServerOptions options;
    options.certificate_pem = hub_.certificate_pem;
    options.key_pem = hub_.key_pem;
    options.ask_client_certificate = true;
    server_ = std::move(*http::Server::start(options));
    server_->route("POST", kBundlesPath, kMaxListBytes,
                   [this](http::Request request, http::Responder responder) {
                     std::lock_guard lock(mutex_);
                     last_ = std::move(request);
                     responder.reply(answer_);
                   });
    server_->route("POST", kPiecesPath, kMaxPieceBodyBytes,
                   [this](http::Request request, http::Responder responder) {
                     std::lock_guard lock(mutex_);
                     responder.reply(take_piece(request));
                   });
  }

  http::Response take_piece(const http::Request& request) {
    ++pieces_;
    const auto step = uploads_.step(request.client_key_id, *decode_piece(request.body), 0);
    http::Response response = answer_;
    response.status = step->message ? 200 : 202;
    if (step->message) whole_ = *step->message;
    if (!step->message) response.body = encode_want(step->want);
    return response;
  }

  Peer peer(std::uint16_t port = 0) const {
    return {"acme",
            "pump-1",
            "https://127.0.0.1:" + std::to_string(port != 0 ? port : server_->port()),
            hub_.key_id,
            site_.certificate_pem,
            site_.key_pem};
  }
  static base::Result<std::unique_ptr<Carrier>> make_https(const Peer& peer) {
    return find_kind("https")->make({}, peer);
  }

  void answer(int status, base::Bytes body) {
    std::lock_guard lock(mutex_);
    answer_ = {};
    answer_.bare = true;
    answer_.status = status;
    answer_.body = std::move(body);
  }

  Identity hub_, site_;
  std::mutex mutex_;
  http::Request last_;
  http::Response answer_;
  Uploads uploads_;
  base::Bytes whole_;
  int pieces_ = 0;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpsCarrier, TakesABundleThereAndBringsBackWhatWaits) {
  auto carrier = make_https(peer());
  ASSERT_TRUE(carrier.ok()) << carrier.error().message();
  const std::vector<base::Bytes> waiting = {{1, 2, 3}, base::Bytes(70'000, 9)};
  answer(200, encode_list(waiting));
  const base::Bytes sealed(kPieceBytes, 7);
  auto contact = (*carrier)->exchange(sealed);
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  EXPECT_EQ(contact->received, waiting);
  EXPECT_EQ(pieces_, 0);
  std::lock_guard lock(mutex_);
  EXPECT_EQ(last_.client_key_id, site_.key_id);
  EXPECT_EQ(*decode_list(last_.body), std::vector<base::Bytes>{sealed});
}

TEST_F(HttpsCarrier, WithNothingToSendAsksOnlyWhatWaits) {
  auto carrier = make_https(peer());
  answer(200, {});
  auto contact = (*carrier)->exchange({});
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  std::lock_guard lock(mutex_);
  EXPECT_TRUE(last_.body.empty());
}

TEST_F(HttpsCarrier, AWarmExchangeOfAShortAlertTakesAtMost400BytesOnTheLine) {
  Relay relay(server_->port());
  auto carrier = make_https(peer(relay.port()));
  answer(200, encode_list({base::Bytes(50, 2)}));
  const base::Bytes alert(50, 1);
  ASSERT_TRUE((*carrier)->exchange(alert).ok());
  const std::uint64_t cold = relay.wire_bytes();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE((*carrier)->exchange(alert).ok());
  const std::uint64_t before = relay.wire_bytes(), packets = relay.packets();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE((*carrier)->exchange(alert).ok());
    // Standing alone, an exchange ends with TCP's own acknowledgement.
    while (relay.wire_bytes() > 0 && relay.packets() < packets + 3 * i) std::this_thread::yield();
  }
  const std::uint64_t warm = (relay.wire_bytes() - before) / 10;
  const double warm_packets = static_cast<double>(relay.packets() - packets) / 10;
  relay.cut_now();
  while (relay.connections() == 1) ASSERT_TRUE((*carrier)->exchange(alert).ok());
  const std::uint64_t resumed = relay.wire_bytes();
  std::printf("bytes on the line: cold %lu, resumed %lu, warm %lu in %.1f packets\n", cold, resumed,
              warm, warm_packets);
  EXPECT_EQ(relay.connections(), 2u);
  EXPECT_LE(warm, 400u);
  EXPECT_LT(resumed, cold * 2 / 3);
  std::lock_guard lock(mutex_);
  EXPECT_EQ(last_.client_key_id, site_.key_id);  // the resumed session's too
}

TEST_F(HttpsCarrier, ALongMessageGoesOnWhereTheLineBroke) {
  Relay relay(server_->port());
  auto carrier = make_https(peer(relay.port()));
  answer(200, encode_list({{1, 2}}));
  base::Bytes sealed(link::kMaxBundleBytes);
  for (std::size_t i = 0; i < sealed.size(); ++i)
    sealed[i] = static_cast<std::uint8_t>(i ^ (i >> 8) ^ (i >> 16));
  // Each connection lasts for ten pieces and a part of one.
  relay.cut_after(700'000);
  auto contact = (*carrier)->exchange(sealed);
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  EXPECT_EQ(contact->received, (std::vector<base::Bytes>{{1, 2}}));
  EXPECT_EQ(whole_, sealed);
  EXPECT_GE(relay.connections(), 6u);
  EXPECT_LE(pieces_, 64 + static_cast<int>(relay.connections()));
}

TEST_F(HttpsCarrier, ALongMessageThatFailedGoesOnWhenItIsSentAgain) {
  Relay relay(server_->port());
  auto carrier = make_https(peer(relay.port()));
  answer(200, {});
  const base::Bytes sealed(1 << 20, 3);
  relay.cut_after(300'000);
  ASSERT_TRUE((*carrier)->exchange(base::Bytes(200'000, 1)).ok());
  relay.cut_after(10);  // and from now on nothing comes through
  relay.cut_now();
  ASSERT_FALSE((*carrier)->exchange(sealed).ok());
  relay.cut_after(500'000);
  relay.cut_now();
  ASSERT_TRUE((*carrier)->exchange(sealed).ok());
  EXPECT_EQ(whole_, sealed);
}

TEST_F(HttpsCarrier, AnEmptyAnswerMeansThatNothingWaits) {
  auto carrier = make_https(peer());
  answer(200, {});
  auto contact = (*carrier)->exchange(base::Bytes{1});
  ASSERT_TRUE(contact.ok());
  EXPECT_TRUE(contact->received.empty());
}

TEST_F(HttpsCarrier, SaysWhatTheHubSaidWhenItRefuses) {
  auto carrier = make_https(peer());
  const struct {
    base::Code said, heard;
  } table[] = {
      {base::Code::kUnauthenticated, base::Code::kUnauthenticated},
      {base::Code::kDenied, base::Code::kDenied},
      {base::Code::kExhausted, base::Code::kUnavailable},
      {base::Code::kUnavailable, base::Code::kUnavailable},
      {base::Code::kInternal, base::Code::kUnavailable},
      {base::Code::kInvalid, base::Code::kInvalid},
  };
  for (const auto& row : table) {
    const auto problem = http::Response::problem(base::Error(row.said, "because"));
    answer(problem.status, problem.body);
    auto contact = (*carrier)->exchange(base::Bytes{1});
    ASSERT_FALSE(contact.ok());
    EXPECT_EQ(contact.error().code(), row.heard) << base::to_string(row.said);
    EXPECT_NE(contact.error().message().find("because"), std::string::npos);
  }
  answer(200, {1, 2, 3});
  auto nonsense = (*carrier)->exchange(base::Bytes{1});
  ASSERT_FALSE(nonsense.ok());
  EXPECT_EQ(nonsense.error().code(), base::Code::kCorrupt);
}

TEST_F(HttpsCarrier, NeverSpeaksToAHubWithAnotherKey) {
  auto wrong = peer();
  wrong.hub_key_id = site_.key_id;
  auto contact = (*make_https(wrong))->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kDenied);
  wrong.hub_key_id.clear();
  EXPECT_FALSE(make_https(wrong).ok());
  EXPECT_EQ(server_->stats().requests, 0u);
}

TEST_F(HttpsCarrier, IsUnavailableWhileTheHubIsDownAndStopsWhenCancelled) {
  auto carrier = make_https(peer());
  (*carrier)->cancel();
  auto cancelled = (*carrier)->exchange(base::Bytes{1});
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code(), base::Code::kUnavailable);
  auto other = make_https(peer());
  server_.reset();
  auto contact = (*other)->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kUnavailable);
}

TEST(Pieces, AreRefusedWhenTheyDoNotFitTheirMessage) {
  const base::Bytes bytes(100, 5);
  Piece piece{crypto::sha256(bytes), 100, 200, bytes};
  const base::Bytes body = encode_piece(piece);
  ASSERT_TRUE(decode_piece(body).ok());
  // As docs/formats/carrier.md has it.
  const Piece abc{crypto::sha256(base::as_bytes("abc")), 0x01020304, 0x05060708,
                  base::as_bytes("c")};
  EXPECT_EQ(base::to_hex(encode_piece(abc)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            "04030201"
            "08070605"
            "63");
  EXPECT_EQ(decode_piece(body)->offset, 100u);
  EXPECT_EQ(decode_piece(body)->whole, piece.whole);
  for (std::size_t size = 0; size < 41; ++size)
    EXPECT_FALSE(decode_piece(base::ByteView(body).first(size)).ok());
  piece.offset = 101;
  EXPECT_FALSE(decode_piece(encode_piece(piece)).ok());
  piece.offset = 0xffffffff;
  EXPECT_FALSE(decode_piece(encode_piece(piece)).ok());
  piece.offset = 0;
  piece.total = link::kMaxBundleBytes + 1;
  EXPECT_FALSE(decode_piece(encode_piece(piece)).ok());
  EXPECT_FALSE(decode_piece(base::Bytes(kMaxPieceBodyBytes + 1)).ok());
  EXPECT_EQ(*decode_want(encode_want(0x01020304)), 0x01020304u);
  EXPECT_FALSE(decode_want(base::Bytes(3)).ok());
}

class UploadsOfSites : public testing::Test {
 protected:
  base::Result<Uploads::Answer> send(const std::string& key, const base::Bytes& message,
                                     std::size_t offset, base::DurationUs now = 0) {
    const auto size = std::min(kPieceBytes, message.size() - offset);
    return uploads.step(
        key,
        {crypto::sha256(message), static_cast<std::uint32_t>(offset),
         static_cast<std::uint32_t>(message.size()), base::ByteView(message).subspan(offset, size)},
        now);
  }
  Uploads uploads;
  const base::Bytes a = base::Bytes(3 * kPieceBytes, 1), b = base::Bytes(2 * kPieceBytes, 2);
};

TEST_F(UploadsOfSites, GoOnWhereTheHubIsWhateverIsRepeatedOrSkipped) {
  EXPECT_EQ(send("k", a, kPieceBytes)->want, 0u);  // unknown: from the start
  EXPECT_EQ(uploads.bytes(), 0u);
  EXPECT_EQ(send("k", a, 0)->want, kPieceBytes);
  EXPECT_EQ(send("k", a, 0)->want, kPieceBytes);
  EXPECT_EQ(send("k", a, 2 * kPieceBytes)->want, kPieceBytes);
  EXPECT_EQ(send("k", a, kPieceBytes)->want, 2 * kPieceBytes);
  EXPECT_EQ(send("other", a, 0)->want, kPieceBytes);
  const auto last = send("k", a, 2 * kPieceBytes);
  ASSERT_TRUE(last->message);
  EXPECT_EQ(*last->message, a);
  EXPECT_EQ(uploads.bytes(), a.size());  // the other's
}

TEST_F(UploadsOfSites, AreOneASiteAndForgottenAfterTenMinutes) {
  ASSERT_TRUE(send("k", a, 0).ok());
  EXPECT_EQ(send("k", b, 0)->want, kPieceBytes);
  EXPECT_EQ(uploads.bytes(), b.size());
  EXPECT_EQ(send("k", a, kPieceBytes)->want, 0u);
  ASSERT_TRUE(send("k", b, 0, 0).ok());
  EXPECT_EQ(send("k", b, 0, Uploads::kKept)->want, kPieceBytes);
  EXPECT_EQ(send("k", b, kPieceBytes, 2 * Uploads::kKept + 1)->want, 0u);
  EXPECT_EQ(uploads.bytes(), 0u);
}

TEST_F(UploadsOfSites, TogetherAreBoundedAndWhatIsBegunIsNotHurt) {
  const base::Bytes large(link::kMaxBundleBytes, 1);
  for (std::size_t i = 0; i < Uploads::kMaxBytes / large.size(); ++i)
    ASSERT_TRUE(send("k" + std::to_string(i), large, 0).ok());
  EXPECT_EQ(send("one more", b, 0).error().code(), base::Code::kExhausted);
  EXPECT_EQ(send("k0", large, kPieceBytes)->want, 2 * kPieceBytes);
}

TEST_F(UploadsOfSites, ThatAreNotWhatTheirDigestSaysAreDropped) {
  Piece piece{crypto::sha256(a), 0, 10, base::ByteView(a).first(10)};
  EXPECT_EQ(uploads.step("k", piece, 0).error().code(), base::Code::kCorrupt);
  EXPECT_EQ(uploads.bytes(), 0u);
}

TEST(BundleList, IsRefusedWhenCutAnywhereOrTooLong) {
  const base::Bytes list = encode_list({{1, 2, 3}, {4}});
  EXPECT_EQ(list, (base::Bytes{3, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 4}));
  for (std::size_t size = 1; size < list.size(); ++size) {
    const bool whole = size == 7;
    EXPECT_EQ(decode_list(base::ByteView(list).first(size)).ok(), whole) << size;
  }
  EXPECT_FALSE(decode_list(base::Bytes{0, 0, 0, 0}).ok());
  EXPECT_FALSE(decode_list(base::Bytes{255, 255, 255, 255, 1}).ok());
  EXPECT_FALSE(decode_list(base::Bytes(kMaxListBytes + 1, 1)).ok());
  base::Bytes many;
  for (std::size_t i = 0; i <= kMaxBundlesInList; ++i) {
    many.insert(many.end(), {1, 0, 0, 0, 5});
  }
  EXPECT_FALSE(decode_list(many).ok());
}

}  // namespace
}  // namespace lander::carrier
