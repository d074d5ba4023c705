// The HTTPS carrier against a hub of our own server.
#include <gtest/gtest.h>

#include <mutex>

#include "carrier/carrier.h"
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
  }

  HttpsOptions options() const {
    return {"https://127.0.0.1:" + std::to_string(server_->port()),
            hub_.key_id,
            site_.certificate_pem,
            site_.key_pem,
            "acme",
            "pump-1"};
  }

  void answer(int status, base::Bytes body) {
    std::lock_guard lock(mutex_);
    answer_ = {};
    answer_.status = status;
    answer_.body = std::move(body);
  }

  Identity hub_, site_;
  std::mutex mutex_;
  http::Request last_;
  http::Response answer_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpsCarrier, TakesABundleThereAndBringsBackWhatWaits) {
  auto carrier = make_https(options());
  ASSERT_TRUE(carrier.ok()) << carrier.error().message();
  const std::vector<base::Bytes> waiting = {{1, 2, 3}, base::Bytes(70'000, 9)};
  answer(200, encode_list(waiting));
  const base::Bytes sealed(link::kMaxBundleBytes, 7);
  auto contact = (*carrier)->exchange(sealed);
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  EXPECT_EQ(contact->received, waiting);
  std::lock_guard lock(mutex_);
  EXPECT_EQ(last_.headers[kTenantHeader], "acme");
  EXPECT_EQ(last_.headers[kSiteHeader], "pump-1");
  EXPECT_EQ(last_.client_key_id, site_.key_id);
  EXPECT_EQ(*decode_list(last_.body), std::vector<base::Bytes>{sealed});
}

TEST_F(HttpsCarrier, AnEmptyAnswerMeansThatNothingWaits) {
  auto carrier = make_https(options());
  answer(200, {});
  auto contact = (*carrier)->exchange(base::Bytes{1});
  ASSERT_TRUE(contact.ok());
  EXPECT_TRUE(contact->received.empty());
}

TEST_F(HttpsCarrier, SaysWhatTheHubSaidWhenItRefuses) {
  auto carrier = make_https(options());
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
  auto wrong = options();
  wrong.hub_key_id = site_.key_id;
  auto contact = (*make_https(wrong))->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kDenied);
  wrong.hub_key_id.clear();
  EXPECT_FALSE(make_https(wrong).ok());
  EXPECT_EQ(server_->stats().requests, 0u);
}

TEST_F(HttpsCarrier, IsUnavailableWhileTheHubIsDownAndStopsWhenCancelled) {
  auto carrier = make_https(options());
  (*carrier)->cancel();
  auto cancelled = (*carrier)->exchange(base::Bytes{1});
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code(), base::Code::kUnavailable);
  auto other = make_https(options());
  server_.reset();
  auto contact = (*other)->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kUnavailable);
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
