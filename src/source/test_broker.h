// A real Mosquitto on a free port and a publisher, for tests.
#pragma once

#include <memory>
#include <string>

namespace lander::source {

class TestBroker {
 public:
  static bool available();  // whether mosquitto is installed
  TestBroker();
  ~TestBroker();
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  void start();  // and waits until it listens
  void kill();   // SIGKILL: sessions are lost
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  // QoS 1; returns when the broker has it.
  void publish(const std::string& topic, const std::string& payload, bool retain = false);
  void publish_many(const std::string& topic, int first, int last);  // {"v":i,"seq":i}

 private:
  void connect_publisher();

  int port_, pid_ = -1;
  std::string folder_;
  void* publisher_ = nullptr;  // mosquitto*
};

int free_port();

}  // namespace lander::source
