// What 5,000 sites would cost the hub while they say nothing.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "http/loopback_test.h"

namespace lander::http {
namespace {

constexpr int kConnections = 1000;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long total = 0, resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// The other process: connects, asks each connection something, says so, and waits to be let go.
[[noreturn]] void be_the_clients(int from_parent, int to_parent, const TestIdentity& identity) {
  std::uint16_t port = 0;
  bool fine = ::read(from_parent, &port, sizeof(port)) == sizeof(port);
  ClientOptions options;
  options.url = "https://127.0.0.1:" + std::to_string(port);
  options.pinned_key_id = server_identity().key_id;
  options.certificate_pem = identity.certificate_pem;
  options.key_pem = identity.key_pem;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; fine && i < kConnections; ++i) {
    auto client = Client::make(options);
    fine = client.ok() && (*client)->send("POST", "/echo", base::Bytes(900), "").ok();
    if (fine) clients.push_back(std::move(*client));
  }
  char word = fine ? 'y' : 'n';
  fine = ::write(to_parent, &word, 1) == 1 && ::read(from_parent, &word, 1) >= 0;
  ::_exit(fine ? 0 : 1);
}

TEST(Footprint, AnIdleConnectionWithMutualTlsCostsTheServerAtMost30Kilobytes) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's own memory would be measured";
  const TestIdentity identity = client_identity();
  server_identity();
  int down[2], up[2];
  ASSERT_EQ(::pipe(down), 0);
  ASSERT_EQ(::pipe(up), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(down[1]);
    ::close(up[0]);
    be_the_clients(down[0], up[1], identity);
  }
  ::close(down[0]);
  ::close(up[1]);
  auto options = tls_options();
  options.ask_client_certificate = true;
  options.max_connections = kConnections;
  auto server = start_server(options);
  const std::uint16_t port = server->port();
  const std::size_t before = resident_bytes();
  ASSERT_EQ(::write(down[1], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
  char word = 'n';
  ASSERT_EQ(::read(up[0], &word, 1), 1);
  ASSERT_EQ(word, 'y') << "the clients could not connect";
  ASSERT_EQ(server->stats().connections, static_cast<std::size_t>(kConnections));
  const std::size_t each = (resident_bytes() - before) / kConnections;
  std::printf("[          ] %zu bytes resident for each of %d idle connections\n", each,
              kConnections);
  RecordProperty("bytes_per_connection", static_cast<int>(each));
  EXPECT_LE(each, 30u << 10);
  ::close(down[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ::close(up[0]);
}

}  // namespace
}  // namespace lander::http
