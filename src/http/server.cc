#include "http/server.h"

#include <algorithm>
#include <thread>

#include "http/connection.h"
#include "http/socket.h"
#include "os/clock.h"
#include "os/log.h"

namespace lander::http {
namespace {

// Connections beyond max_connections that are let in to be told so.
constexpr std::size_t kOverflow = 32;
constexpr int kAcceptTurn = 64;

base::DurationUs tick_interval(const ServerOptions& options) {
  const auto shortest = std::min(
      {options.head_timeout, options.body_timeout, options.idle_timeout, options.event_keep_alive});
  return std::clamp(shortest / 4, 5 * base::kMillisecond, base::kSecond);
}

class RunningServer : public Server {
 public:
  explicit RunningServer(const ServerOptions& options) {
    core_.options = options;
    core_.reactor = std::make_shared<Reactor>();
  }

  base::Status begin() {
    const ServerOptions& options = core_.options;
    if (!options.plain) {
      LANDER_ASSIGN(core_.tls, Tls::server(options.certificate_pem, options.key_pem,
                                           options.ask_client_certificate));
    }
    LANDER_ASSIGN(os::Descriptor listener, listen_on(options.host, options.port));
    port_ = local_port(listener.get());
    listener_ = core_.reactor->watch(std::move(listener));
    if (!listener_) return base::Error(base::Code::kIo, "the kernel watches no more descriptors");
    await_connection();
    core_.reactor->every(tick_interval(options), [this] { tick(); });
    thread_ = std::thread([this] { core_.reactor->run(); });
    return {};
  }

  ~RunningServer() override {
    if (!thread_.joinable()) return;  // it never began
    LANDER_CHECK(std::this_thread::get_id() != thread_.get_id());
    core_.reactor->post([this] {
      listener_.reset();
      for (const auto& connection : snapshot()) connection->close();
      core_.reactor->finish();
    });
    thread_.join();
  }

  void route(std::string method, std::string pattern, std::size_t max_body,
             Handler handler) override {
    core_.router.add(std::move(method), pattern, max_body, std::move(handler));
  }

  std::uint16_t port() const override { return port_; }

  Stats stats() const override { return {core_.open, core_.requests, core_.refused}; }

 private:
  // Closing takes a connection out of the set: walk over a copy.
  std::vector<std::shared_ptr<Connection>> snapshot() const {
    return {core_.connections.begin(), core_.connections.end()};
  }

  void await_connection() {
    awaiting_ = true;
    listener_->when_readable([this] {
      awaiting_ = false;
      accept_some();
    });
  }

  void accept_some() {
    for (int turn = 0; listener_ && turn < kAcceptTurn; ++turn) {
      auto accepted = accept_from(listener_->fd());
      if (!accepted.ok()) {
        // Out of descriptors: the longest idle one makes room; if none is, the next tick tries
        // again.
        if (close_longest_idle()) continue;
        os::log_warn("http", "not accepting", {{"error", accepted.error().message()}});
        return;
      }
      if (!accepted->socket.valid()) break;
      take(std::move(*accepted));
    }
    if (listener_) await_connection();
  }

  void take(Accepted accepted) {
    bool overflow = core_.connections.size() >= core_.options.max_connections;
    if (overflow && close_longest_idle()) overflow = false;
    if (core_.connections.size() >= core_.options.max_connections + kOverflow) {
      ++core_.refused;
      return;
    }
    auto watch = core_.reactor->watch(std::move(accepted.socket));
    if (!watch) {
      ++core_.refused;
      return;
    }
    auto connection =
        std::make_shared<Connection>(core_, std::move(watch), std::move(accepted.peer), overflow);
    core_.connections.insert(connection);
    ++core_.open;
    connection->start();
  }

  bool close_longest_idle() {
    std::shared_ptr<Connection> longest;
    for (const auto& connection : core_.connections) {
      const auto since = connection->idle_since();
      if (since && (!longest || *since < *longest->idle_since())) longest = connection;
    }
    if (longest) longest->close();
    return longest != nullptr;
  }

  void tick() {
    const auto now = os::system_clock().monotonic_us();
    for (const auto& connection : snapshot()) connection->tick(now);
    if (listener_ && !awaiting_) await_connection();
  }

  ServerCore core_;
  std::unique_ptr<Watch> listener_;
  bool awaiting_ = false;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  auto server = std::make_unique<RunningServer>(options);
  auto status = server->begin();
  if (!status.ok()) return status.error().context("starting the HTTP server");
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace lander::http
