// Server and client together over TLS, and the client against peers that misbehave.
#include <atomic>
#include <thread>

#include "http/loopback_test.h"

namespace lander::http {
namespace {

std::string text_of(const base::Result<ClientResponse>& response) {
  return response.ok() ? std::string(base::as_text(response->body)) : response.error().message();
}

TEST(Tls, TheServerKnowsTheKeyThatAClientHoldsThoughItsCertificateIsExpired) {
  auto options = tls_options();
  options.ask_client_certificate = true;
  auto server = start_server(options);
  auto site = make_client(*server, true, &client_identity());
  EXPECT_EQ(text_of(site->send("GET", "/who", {}, "")), client_identity().key_id + " acme/pump-1");
  auto anonymous = make_client(*server, true);
  EXPECT_EQ(text_of(anonymous->send("GET", "/who", {}, "")), " ");
}

TEST(Tls, AServerWithAnotherKeyIsRefusedBeforeAnythingIsSent) {
  auto server = start_server(tls_options());
  ClientOptions options;
  options.url = "https://localhost:" + std::to_string(server->port());
  options.pinned_key_id = client_identity().key_id;
  auto client = Client::make(options);
  auto response = (*client)->send("GET", "/hello", {}, "");
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), base::Code::kDenied);
  EXPECT_NE(response.error().message().find("pinned"), std::string::npos);
  EXPECT_EQ(server->stats().requests, 0u);

  options.pinned_key_id.clear();  // and no authority of the system vouches for it
  response = (*Client::make(options))->send("GET", "/hello", {}, "");
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), base::Code::kDenied);
}

TEST(Tls, SomeoneWhoSpeaksHttpToTheHttpsPortIsToldSo) {
  auto server = start_server(tls_options());
  RawConnection peer(server->port());
  peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(peer.hear_all().find("use https://"), std::string::npos);
  RawConnection garbage(server->port());
  garbage.say(std::string(1000, '\x17'));
  garbage.say_no_more();
  EXPECT_EQ(garbage.hear_all().find("HTTP/1.1"), std::string::npos);
}

TEST(Tls, AHandshakeThatStallsIsCutOff) {
  auto options = tls_options();
  options.head_timeout = 50 * base::kMillisecond;
  auto server = start_server(options);
  RawConnection peer(server->port());
  peer.say("\x16\x03\x01");
  EXPECT_EQ(peer.hear_all(), "");
  EXPECT_EQ(server->stats().refused, 1u);
}

TEST(Tls, AClientThatComesBackIsKnownByItsSessionAndPaysLess) {
  auto options = tls_options();
  options.ask_client_certificate = true;
  options.max_connections = 1;  // whoever comes next takes an idle one's place
  auto server = start_server(options);
  auto site = make_client(*server, true, &client_identity());
  const auto asked = [&] {
    const std::uint64_t before = site->bytes_sent() + site->bytes_received();
    EXPECT_EQ(text_of(site->send("GET", "/who", {}, "")),
              client_identity().key_id + " acme/pump-1");
    auto other = make_client(*server, true);
    EXPECT_EQ(text_of(other->send("GET", "/who", {}, "")), " ");
    return site->bytes_sent() + site->bytes_received() - before;
  };
  const std::uint64_t first = asked();
  EXPECT_LT(asked(), first * 2 / 3);
  EXPECT_LT(asked(), first * 2 / 3);
}

TEST(Client, KeepsOneConnectionForManyRequestsOfEverySize) {
  auto server = start_server(tls_options());
  server->route("POST", "/big", 8 << 20, [](Request request, Responder responder) {
    Response response;
    response.body = std::move(request.body);
    responder.reply(std::move(response));
  });
  auto client = make_client(*server, true);
  for (std::size_t size : {0u, 1u, 16'383u, 16'384u, 16'385u, 100'000u, 5'000'000u}) {
    base::Bytes body(size);
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
    auto response = client->send("POST", "/big", body, "application/octet-stream");
    ASSERT_TRUE(response.ok()) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, body);
  }
  EXPECT_EQ(server->stats().connections, 1u);
  EXPECT_GT(client->bytes_sent(), 5'000'000u);
  EXPECT_GT(client->bytes_received(), 5'000'000u);
}

TEST(Client, GetsTheRefusalOfABodyThatIsTooLargeThoughTheServerDoesNotReadIt) {
  auto server = start_server(tls_options());
  auto client = make_client(*server, true);
  const base::Bytes body(900'000, 'x');
  for (int i = 0; i < 5; ++i) {
    auto response = client->send("POST", "/echo", body, "text/plain");
    ASSERT_TRUE(response.ok()) << response.error().message();
    EXPECT_EQ(response->status, 413);
  }
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
}

TEST(Client, GoesOnWithANewConnectionWhenTheServerHadClosedTheKeptOne) {
  auto options = tls_options();
  auto server = start_server(options);
  auto client = make_client(*server, true);
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
  options.port = server->port();
  server.reset();
  auto nobody = client->send("GET", "/hello", {}, "");
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code(), base::Code::kUnavailable);
  server = start_server(options);
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
  server.reset();
  server = start_server(options);
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
}

TEST(Client, AHeadHasNoBodyAndTheConnectionGoesOn) {
  auto server = start_server(plain_options());
  auto client = make_client(*server, false);
  auto head = client->send("HEAD", "/hello", {}, "");
  ASSERT_TRUE(head.ok());
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
  EXPECT_EQ(server->stats().connections, 1u);
}

TEST(Client, RefusesToBuildARequestThatWouldSmuggleAnother) {
  auto server = start_server(plain_options());
  auto client = make_client(*server, false);
  EXPECT_FALSE(client->send("GET", "/hello HTTP/1.1\r\nX: y", {}, "").ok());
  EXPECT_FALSE(client->send("GET", "hello", {}, "").ok());
  EXPECT_FALSE(client->send("GE T", "/hello", {}, "").ok());
  EXPECT_FALSE(client->send("GET", "/hello", {}, "", {{"A", "b\r\nC: d"}}).ok());
  EXPECT_FALSE(client->send("GET", "/hello", {}, "", {{"A:", "b"}}).ok());
  EXPECT_EQ(server->stats().requests, 0u);
}

TEST(Client, RefusesOptionsThatCannotBeKept) {
  EXPECT_FALSE(Client::make({.url = "http://h", .pinned_key_id = "ab"}).ok());
  EXPECT_FALSE(Client::make({.url = "https://h/path"}).ok());
  EXPECT_FALSE(Client::make({.url = "https://h", .certificate_pem = "x", .key_pem = "y"}).ok());
}

// Listens, and answers the first connection with `answer`, then closes; or never answers.
class StrangePeer {
 public:
  explicit StrangePeer(std::string answer) : listener_(*listen_on("127.0.0.1", 0)) {
    thread_ = std::thread([this, answer = std::move(answer)] {
      const auto far = os::system_clock().monotonic_us() + 60 * base::kSecond;
      if (!wait_for(listener_.get(), POLLIN, far, -1).ok()) return;
      auto accepted = accept_from(listener_.get());
      char buffer[4096];
      if (!wait_for(accepted->socket.get(), POLLIN, far, -1).ok()) return;
      [[maybe_unused]] auto got = ::recv(accepted->socket.get(), buffer, sizeof(buffer), 0);
      if (answer.empty()) {
        // Waits for the client to give up.
        while (wait_for(accepted->socket.get(), POLLIN, far, -1).ok() &&
               ::recv(accepted->socket.get(), buffer, sizeof(buffer), 0) > 0) {
        }
        return;
      }
      [[maybe_unused]] auto put =
          ::send(accepted->socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    });
  }
  ~StrangePeer() {
    RawConnection(local_port(listener_.get())).say("nobody else came");
    thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(local_port(listener_.get()));
  }

 private:
  os::Descriptor listener_;
  std::thread thread_;
};

TEST(Client, SaysWhatIsWrongWithAStrangeAnswer) {
  const struct {
    const char* answer;
    base::Code code;
  } table[] = {
      {"220 mail ready\r\n", base::Code::kCorrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", base::Code::kUnavailable},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", base::Code::kExhausted},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", base::Code::kUnavailable},
  };
  for (const auto& row : table) {
    StrangePeer peer(row.answer);
    auto client = Client::make({.url = peer.url(), .max_response = 1000});
    auto response = (*client)->send("GET", "/", {}, "");
    ASSERT_FALSE(response.ok()) << row.answer;
    EXPECT_EQ(response.error().code(), row.code) << row.answer << response.error().message();
  }
}

TEST(Client, PassesOverInterimAnswersAndReadsChunks) {
  StrangePeer peer(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
      "X-Thing: y\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  auto client = Client::make({.url = peer.url()});
  auto response = (*client)->send("GET", "/", {}, "");
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(base::as_text(response->body), "abcde");
}

TEST(Client, ARedirectIsAnAnswerNotAnOrder) {
  StrangePeer peer(
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  auto client = Client::make({.url = peer.url()});
  EXPECT_EQ((*client)->send("GET", "/", {}, "")->status, 302);
}

TEST(Client, AServerThatNeverAnswersTimesOut) {
  StrangePeer peer("");
  auto client = Client::make({.url = peer.url(), .total_timeout = 50 * base::kMillisecond});
  auto response = (*client)->send("GET", "/", {}, "");
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), base::Code::kTimeout);
}

TEST(Client, IsCancelledFromAnotherThread) {
  StrangePeer peer("");
  auto client = Client::make({.url = peer.url()});
  std::thread canceller([&] { (*client)->cancel(); });
  auto response = (*client)->send("GET", "/", {}, "");
  canceller.join();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), base::Code::kUnavailable);
}

TEST(Client, ReadsServerSentEventsUntilItHasEnoughOrTheyEnd) {
  auto server = start_server(tls_options());
  server->route("GET", "/events", 0, [](Request, Responder responder) {
    auto stream = responder.stream();
    for (int i = 0; i < 10; ++i) stream->send("n", std::to_string(i) + "\nx");
  });
  auto client = make_client(*server, true);
  std::string seen;
  auto visit = [&](std::string_view event, std::string_view data) {
    seen += std::string(event) + std::string(data.substr(0, 1));
    return seen.size() < 8;
  };
  ASSERT_TRUE(client->events("/events", {}, visit).ok());
  EXPECT_EQ(seen, "n0n1n2n3");
  seen.clear();
  auto all = client->events("/events", {}, [&](auto, auto data) {
    seen += data.substr(0, 1);
    return true;
  });
  EXPECT_TRUE(all.ok()) << all.error().message();
  EXPECT_EQ(seen, "0123456789");
  auto missing = client->events("/nothing", {}, visit);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), base::Code::kNotFound);
  EXPECT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
}

TEST(Server, ServesAThousandConnectionsAtOnce) {
  auto options = tls_options();
  options.ask_client_certificate = true;
  options.max_connections = 1000;
  auto server = start_server(options);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(make_client(*server, true, &client_identity()));
    ASSERT_EQ(text_of(clients.back()->send("GET", "/hello", {}, "")), "hello") << i;
  }
  EXPECT_EQ(server->stats().connections, 1000u);
  for (auto& client : clients) ASSERT_EQ(text_of(client->send("GET", "/hello", {}, "")), "hello");
  EXPECT_EQ(server->stats().connections, 1000u);
  EXPECT_EQ(server->stats().requests, 2000u);
}

}  // namespace
}  // namespace lander::http
