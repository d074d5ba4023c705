#include "source/test_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "source/test_support.h"

namespace lander::source {
namespace {

constexpr const char* kMosquitto = "/usr/sbin/mosquitto";

bool listens(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return up;
}

}  // namespace

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool TestBroker::available() { return ::access(kMosquitto, X_OK) == 0; }

TestBroker::TestBroker() : port_(free_port()) {
  char name[] = "/tmp/lander-broker-XXXXXX";
  folder_ = ::mkdtemp(name);
  start();
}

TestBroker::~TestBroker() {
  if (publisher_) {
    mosquitto_loop_stop(static_cast<mosquitto*>(publisher_), true);
    mosquitto_destroy(static_cast<mosquitto*>(publisher_));
  }
  kill();
  std::filesystem::remove_all(folder_);
}

void TestBroker::start() {
  std::ofstream(folder_ + "/conf") << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\n"
                                   << "max_queued_messages 0\npersistence false\n";
  pid_ = ::fork();
  if (pid_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(kMosquitto, kMosquitto, "-c", (folder_ + "/conf").c_str(), nullptr);
    ::_exit(127);
  }
  ASSERT_TRUE(eventually([&] { return listens(port_); }));
}

void TestBroker::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void TestBroker::connect_publisher() {
  if (publisher_) return;
  mosquitto_lib_init();
  mosquitto* client = mosquitto_new(nullptr, true, nullptr);
  mosquitto_max_inflight_messages_set(client, 0);
  ASSERT_EQ(mosquitto_connect(client, "127.0.0.1", port_, 60), MOSQ_ERR_SUCCESS);
  mosquitto_loop_start(client);
  publisher_ = client;
}

namespace {

void publish_and_wait(mosquitto* client, int count, const std::function<int(int)>& publish) {
  static std::atomic<int> acknowledged;
  acknowledged = 0;
  mosquitto_publish_callback_set(client, [](mosquitto*, void*, int) { ++acknowledged; });
  for (int i = 0; i < count; ++i) ASSERT_EQ(publish(i), MOSQ_ERR_SUCCESS);
  ASSERT_TRUE(eventually([&] { return acknowledged >= count; }));
}

}  // namespace

void TestBroker::publish(const std::string& topic, const std::string& payload, bool retain) {
  connect_publisher();
  auto* client = static_cast<mosquitto*>(publisher_);
  publish_and_wait(client, 1, [&](int) {
    return mosquitto_publish(client, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), 1, retain);
  });
}

void TestBroker::publish_many(const std::string& topic, int first, int last) {
  connect_publisher();
  auto* client = static_cast<mosquitto*>(publisher_);
  publish_and_wait(client, last - first + 1, [&](int i) {
    const std::string number = std::to_string(first + i);
    const std::string payload = "{\"v\":" + number + ",\"seq\":" + number + "}";
    return mosquitto_publish(client, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), 1, false);
  });
}

}  // namespace lander::source
