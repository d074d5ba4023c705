#include "carrier/mqtt_line.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "http/url.h"
#include "os/clock.h"
#include "os/files.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::uint32_t kDayInSeconds = 86'400;
constexpr int kKeepAliveSeconds = 60;
constexpr int kLoopMs = 1000;
constexpr base::DurationUs kConnectTime = 15 * base::kSecond;  // until the broker subscribed us
constexpr base::DurationUs kFirstRetry = base::kSecond, kLastRetry = 30 * base::kSecond;
constexpr std::uint64_t kMaxPasswordBytes = 1024;
constexpr std::size_t kMaxHeadBytes = 1024;  // of a packet, beside its payload

struct FreeClient {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};
using ClientPtr = std::unique_ptr<mosquitto, FreeClient>;

struct Properties {
  ~Properties() { mosquitto_property_free_all(&list); }
  mosquitto_property* list = nullptr;
};

std::string text_of(int rc) {
  return rc == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(rc);
}

base::Result<http::Url> parse(std::string_view text) {
  const bool tls = text.starts_with("mqtts://");
  if (!tls && !text.starts_with("mqtt://"))
    return Error(Code::kInvalid, "expected mqtt://host:port or mqtts://host:port");
  const std::string_view place = text.substr(tls ? 8 : 7);
  const bool has_port = place.rfind(':') != place.npos && place.back() != ']';
  std::string as_http = (tls ? "https://" : "http://") + std::string(place);
  if (!has_port) as_http += tls ? ":8883" : ":1883";
  auto url = http::parse_url(as_http);
  if (!url.ok() || url->target != "/" || text.find('/', tls ? 8 : 7) != text.npos)
    return Error(Code::kInvalid, "expected mqtt://host:port or mqtts://host:port");
  return url;
}

class MosquittoLine : public MqttLine {
 public:
  MosquittoLine(const MqttOptions& options, MqttEvents events)
      : options_(options), url_(*parse(options.url)), events_(std::move(events)) {
    static const int initialized = mosquitto_lib_init();
    LANDER_CHECK(initialized == MOSQ_ERR_SUCCESS);
    thread_ = std::thread([this] { run(); });
  }

  ~MosquittoLine() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (client_) mosquitto_disconnect_v5(client_.get(), 0, nullptr);  // wakes its loop, too
    }
    pause_.notify_all();
    thread_.join();
  }

  base::Result<int> publish(const std::string& topic, base::ByteView payload) override {
    LANDER_CHECK(!payload.empty() && payload.size() <= kMaxMqttBytes);
    Properties properties;
    mosquitto_property_add_int32(&properties.list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                 kDayInSeconds);
    const std::lock_guard lock(mutex_);
    if (!failing_.empty()) return Error(Code::kUnavailable, failing_);
    int id = 0;
    const int rc =
        mosquitto_publish_v5(client_.get(), &id, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), 1, false, properties.list);
    if (rc != MOSQ_ERR_SUCCESS) return Error(Code::kUnavailable, "MQTT: " + text_of(rc));
    return id;
  }

  std::string failing() const override {
    const std::lock_guard lock(mutex_);
    return failing_;
  }

  void hurry() override {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
    pause_.notify_all();
  }

 private:
  // --- the line's thread

  void run() {
    base::DurationUs delay = kFirstRetry;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const base::Status ended = serve();
      lock.lock();
      if (failing_.empty()) delay = kFirstRetry;
      failing_ =
          "MQTT broker " + options_.url + ": " + (ended.ok() ? "stopped" : ended.error().message());
      client_.reset();
      lock.unlock();
      events_.changed();
      lock.lock();
      pause_.wait_for(lock, std::chrono::microseconds(delay),
                      [this] { return stopping_ || hurry_; });
      hurry_ = false;
      delay = std::min(2 * delay, kLastRetry);
    }
  }

  // One connection, to its end.
  base::Status serve() {
    reason_.clear();
    LANDER_ASSIGN(ClientPtr made, connect());
    mosquitto* client = made.get();
    {
      const std::lock_guard lock(mutex_);
      client_ = std::move(made);
    }
    const base::DurationUs deadline = os::system_clock().monotonic_us() + kConnectTime;
    while (true) {
      const int rc = mosquitto_loop(client, kLoopMs, 1);
      const std::lock_guard lock(mutex_);
      if (stopping_) return {};
      if (!reason_.empty()) return Error(Code::kUnavailable, reason_);
      if (rc != MOSQ_ERR_SUCCESS) return Error(Code::kUnavailable, text_of(rc));
      if (!failing_.empty() && os::system_clock().monotonic_us() > deadline)
        return Error(Code::kUnavailable, "it does not answer");
    }
  }

  base::Result<ClientPtr> connect() {
    ClientPtr client(mosquitto_new(options_.client_id.c_str(), false, this));
    if (!client) return Error(Code::kInternal, "no MQTT client can be made");
    mosquitto_threaded_set(client.get(), true);  // publish() is another thread's
    mosquitto_int_option(client.get(), MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client.get(), MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(client.get(), on_connect);
    mosquitto_subscribe_callback_set(client.get(), on_subscribe);
    mosquitto_publish_v5_callback_set(client.get(), on_publish);
    mosquitto_message_callback_set(client.get(), on_message);
    mosquitto_disconnect_callback_set(client.get(), on_disconnect);
    LANDER_TRY(log_in(client.get()));
    Properties properties;
    mosquitto_property_add_int32(&properties.list, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                 kDayInSeconds);
    mosquitto_property_add_int32(&properties.list, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                 kMaxMqttBytes + kMaxHeadBytes);
    // libmosquitto has no call that takes properties and does not block: the one that blocks keeps
    // them before it refuses the port.
    mosquitto_connect_bind_v5(client.get(), url_.host.c_str(), -1, kKeepAliveSeconds, nullptr,
                              properties.list);
    const int rc = mosquitto_connect_bind_async(client.get(), url_.host.c_str(), url_.port,
                                                kKeepAliveSeconds, nullptr);
    if (rc != MOSQ_ERR_SUCCESS) return Error(Code::kUnavailable, text_of(rc));
    return client;
  }

  base::Status log_in(mosquitto* client) {
    std::string password;
    if (!options_.password_file.empty()) {
      LANDER_ASSIGN(const auto bytes,
                    os::system_files().read(options_.password_file, kMaxPasswordBytes));
      password = base::as_text(bytes);
      while (!password.empty() && (password.back() == '\n' || password.back() == '\r'))
        password.pop_back();
    }
    if (!options_.username.empty())
      mosquitto_username_pw_set(client, options_.username.c_str(), password.c_str());
    if (!url_.tls) return {};
    const int rc = options_.ca_file.empty()
                       ? mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1)
                       : mosquitto_tls_set(client, options_.ca_file.c_str(), nullptr, nullptr,
                                           nullptr, nullptr);
    if (rc == MOSQ_ERR_SUCCESS) return {};
    return Error(Code::kUnavailable, "ca_file " + options_.ca_file + ": " + text_of(rc));
  }

  static MosquittoLine& self(void* object) { return *static_cast<MosquittoLine*>(object); }

  static void on_connect(mosquitto* client, void* object, int reason, int,
                         const mosquitto_property*) {
    if (reason != 0) return self(object).give_up(mosquitto_reason_string(reason));
    const int rc = mosquitto_subscribe(client, nullptr, self(object).options_.filter.c_str(), 1);
    if (rc != MOSQ_ERR_SUCCESS) self(object).give_up(text_of(rc));
  }

  static void on_subscribe(mosquitto*, void* object, int, int count, const int* granted) {
    if (count != 1 || granted[0] >= 0x80)
      return self(object).give_up("it does not let us subscribe to " +
                                  self(object).options_.filter);
    {
      const std::lock_guard lock(self(object).mutex_);
      self(object).failing_.clear();
    }
    self(object).events_.changed();
  }

  static void on_publish(mosquitto*, void* object, int id, int reason, const mosquitto_property*) {
    std::string refusal;
    if (reason >= 0x80) refusal = mosquitto_reason_string(reason);
    if (reason == MQTT_RC_NO_MATCHING_SUBSCRIBERS) refusal = "nobody listens there";
    self(object).events_.acknowledged(id, refusal);
  }

  // Before it returns, the broker is not told that we have it: the loop writes afterwards.
  static void on_message(mosquitto*, void* object, const mosquitto_message* message) {
    if (message->retain || message->payloadlen <= 0) return;
    const auto size = static_cast<std::size_t>(message->payloadlen);
    if (size > kMaxMqttBytes) return;
    self(object).events_.message(message->topic,
                                 {static_cast<const std::uint8_t*>(message->payload), size});
  }

  static void on_disconnect(mosquitto*, void* object, int reason) {
    if (reason != 0) self(object).give_up(text_of(reason));
  }

  void give_up(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (reason_.empty()) reason_ = reason;
  }

  const MqttOptions options_;
  const http::Url url_;
  const MqttEvents events_;

  mutable std::mutex mutex_;
  std::condition_variable pause_;
  bool stopping_ = false, hurry_ = false;
  std::string failing_ = "not connected yet";
  std::string reason_;  // why this connection ends
  ClientPtr client_;
  std::thread thread_;
};

}  // namespace

base::Status valid_mqtt_url(std::string_view url) {
  const auto parsed = parse(url);
  return parsed.ok() ? base::Status() : base::Status(parsed.error());
}

base::Status valid(const MqttOptions& options) {
  if (auto status = valid_mqtt_url(options.url); !status.ok()) return status.error().context("url");
  if (!options.ca_file.empty() && !options.url.starts_with("mqtts://"))
    return Error(Code::kInvalid, "ca_file: only for mqtts://");
  if (!options.password_file.empty() && options.username.empty())
    return Error(Code::kInvalid, "password_file: only with a username");
  return {};
}

std::unique_ptr<MqttLine> MqttLine::open(const MqttOptions& options, MqttEvents events) {
  return std::make_unique<MosquittoLine>(options, std::move(events));
}

}  // namespace lander::carrier
