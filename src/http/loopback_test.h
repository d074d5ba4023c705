// What the tests here share: identities, a server on a free port, and a raw connection that says
// exactly what a test wants said. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "crypto/crypto.h"
#include "http/client.h"
#include "http/server.h"
#include "http/socket.h"
#include "http/stream.h"
#include "http/tls.h"
#include "os/clock.h"

namespace lander::http {

struct TestIdentity {
  std::string certificate_pem, key_pem, key_id;
};

inline TestIdentity make_identity(const std::string& name, bool server) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kP256);
  crypto::Subject subject{name, {"localhost"}, {"127.0.0.1"}, server, false};
  // Long expired: a certificate's dates decide nothing where keys are pinned.
  auto pem = crypto::self_signed(*key, subject, 0, base::kDay);
  return {*pem, key->to_pem(), key->public_key().id()};
}

inline const TestIdentity& server_identity() {
  static const TestIdentity identity = make_identity("hub", true);
  return identity;
}
inline const TestIdentity& client_identity() {
  static const TestIdentity identity = make_identity("acme/pump-1", false);
  return identity;
}

inline ServerOptions plain_options() {
  ServerOptions options;
  options.plain = true;
  return options;
}

inline ServerOptions tls_options() {
  ServerOptions options;
  options.certificate_pem = server_identity().certificate_pem;
  options.key_pem = server_identity().key_pem;
  return options;
}

// A server with a few routes: GET /hello, POST /echo (1 KiB), GET /who, PUT /sites/{site}/x,
// /files/*.
inline std::unique_ptr<Server> start_server(const ServerOptions& options) {
  auto server = Server::start(options);
  EXPECT_TRUE(server.ok()) << server.error().message();
  (*server)->route("GET", "/hello", 0, [](Request, Responder responder) {
    responder.reply(Response::text(200, "hello"));
  });
  (*server)->route("POST", "/echo", 1024, [](Request request, Responder responder) {
    Response response;
    response.content_type = "application/octet-stream";
    response.body = std::move(request.body);
    responder.reply(std::move(response));
  });
  (*server)->route("GET", "/who", 0, [](Request request, Responder responder) {
    responder.reply(Response::text(200, request.client_key_id + " " + request.client_name));
  });
  (*server)->route("PUT", "/sites/{site}/x", 64, [](Request request, Responder responder) {
    responder.reply(Response::text(200, request.params["site"] + "|" + request.query["q"]));
  });
  (*server)->route("GET", "/files/*", 0, [](Request request, Responder responder) {
    responder.reply(Response::text(200, request.params["*"]));
  });
  return std::move(*server);
}

inline std::unique_ptr<Client> make_client(const Server& server, bool tls,
                                           const TestIdentity* identity = nullptr) {
  ClientOptions options;
  options.url = (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(server.port());
  if (tls) options.pinned_key_id = server_identity().key_id;
  if (identity != nullptr) {
    options.certificate_pem = identity->certificate_pem;
    options.key_pem = identity->key_pem;
  }
  auto client = Client::make(options);
  EXPECT_TRUE(client.ok()) << client.error().message();
  return std::move(*client);
}

// A plain TCP connection that blocks.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) {
    auto socket = connect_to("127.0.0.1", port, deadline(), -1);
    EXPECT_TRUE(socket.ok());
    if (socket.ok()) socket_ = std::move(*socket);
  }

  bool say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN) return false;
      if (put < 0 && !wait_for(socket_.get(), POLLOUT, deadline(), -1).ok()) return false;
      if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  void say_no_more() { ::shutdown(socket_.get(), SHUT_WR); }

  // Until the text holds `wanted`, or the server closes.
  std::string hear(std::string_view wanted) {
    std::string heard;
    while (heard.find(wanted) == std::string::npos && hear_some(heard)) {
    }
    return heard;
  }
  std::string hear_all() {
    std::string heard;
    while (hear_some(heard)) {
    }
    return heard;
  }

 private:
  static base::DurationUs deadline() {
    return os::system_clock().monotonic_us() + 60 * base::kSecond;
  }
  bool hear_some(std::string& heard) {
    if (!wait_for(socket_.get(), POLLIN, deadline(), -1).ok()) return false;
    char buffer[4096];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got > 0) heard.append(buffer, static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EAGAIN);
  }
  os::Descriptor socket_;
};

inline std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

}  // namespace lander::http
