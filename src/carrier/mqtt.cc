// The MQTT carrier: through a broker that site and hub both reach, which keeps what the other does
// not take at once.
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "carrier/carrier.h"
#include "carrier/mqtt_line.h"
#include "os/clock.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr base::DurationUs kPatience = 20 * base::kSecond;  // to connect, and until it is taken
constexpr base::DurationUs kAnswer = 2 * base::kSecond;     // for what the hub says to it
constexpr std::size_t kMaxWaiting = 64;  // beyond it messages are dropped: they come again

base::DurationUs now_us() { return os::system_clock().monotonic_us(); }

class Mqtt : public Carrier {
 public:
  Mqtt(MqttOptions options, std::string up) : options_(std::move(options)), up_(std::move(up)) {}

  base::Result<Contact> exchange(base::ByteView sealed) override {
    if (sealed.size() > kMaxMqttBytes) {
      return Error(Code::kInvalid, "a message of " + std::to_string(sealed.size()) +
                                       " bytes: at most " + std::to_string(kMaxMqttBytes));
    }
    std::unique_lock lock(mutex_);
    if (!line_ && !cancelled_) open();
    asking_ = true;
    auto contact = converse(lock, sealed);
    asking_ = false;
    return contact;
  }

  void on_news(std::function<void()> news) override { news_ = std::move(news); }

  void cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void open() {
    MqttEvents events;
    events.message = [this](std::string_view, base::ByteView payload) { arrived(payload); };
    events.acknowledged = [this](int id, const std::string& refusal) {
      const std::lock_guard lock(mutex_);
      acknowledged_[id] = refusal;
      changed_.notify_all();
    };
    events.changed = [this] {
      const std::lock_guard lock(mutex_);
      tried_ = true;
      changed_.notify_all();
    };
    line_ = MqttLine::open(options_, std::move(events));
  }

  void arrived(base::ByteView payload) {
    {
      const std::lock_guard lock(mutex_);
      if (inbox_.size() < kMaxWaiting) inbox_.emplace_back(payload.begin(), payload.end());
      changed_.notify_all();
      if (asking_) return;
    }
    if (news_) news_();
  }

  base::Result<Contact> converse(Lock& lock, base::ByteView sealed) {
    if (cancelled_) return Error(Code::kUnavailable, "cancelled");
    const base::DurationUs deadline = now_us() + kPatience;
    tried_ = false;
    if (!line_->failing().empty()) line_->hurry();
    wait(lock, deadline, [&] { return cancelled_ || tried_ || line_->failing().empty(); });
    if (cancelled_) return Error(Code::kUnavailable, "cancelled");
    if (const std::string why = line_->failing(); !why.empty())
      return Error(Code::kUnavailable, why);
    if (!sealed.empty()) LANDER_TRY(send(lock, sealed, deadline));
    wait(lock, now_us() + kAnswer, [&] { return cancelled_ || !inbox_.empty(); });
    Contact contact;
    contact.received.swap(inbox_);
    return contact;
  }

  template <class Until>
  bool wait(Lock& lock, base::DurationUs deadline, const Until& until) {
    return changed_.wait_for(lock, std::chrono::microseconds(deadline - now_us()), until);
  }

  base::Status send(Lock& lock, base::ByteView sealed, base::DurationUs deadline) {
    acknowledged_.clear();
    lock.unlock();
    const auto id = line_->publish(up_, sealed);
    lock.lock();
    if (!id.ok()) return id.error();
    std::string why;
    const bool heard = wait(lock, deadline, [&] {
      why = line_->failing();
      return cancelled_ || !why.empty() || acknowledged_.count(*id) > 0;
    });
    if (!heard) return Error(Code::kTimeout, "the MQTT broker does not acknowledge the message");
    const auto answer = acknowledged_.find(*id);
    if (answer == acknowledged_.end())
      return Error(Code::kUnavailable, cancelled_ ? "cancelled" : why);
    if (answer->second.empty()) return {};
    return Error(Code::kUnavailable, "the MQTT broker did not take the message: " + answer->second);
  }

  const MqttOptions options_;
  const std::string up_;
  std::function<void()> news_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false, asking_ = false;
  bool tried_ = false;  // to come up, since somebody waits for it
  std::vector<base::Bytes> inbox_;
  std::map<int, std::string> acknowledged_;  // by id: why it was refused, or ""
  std::unique_ptr<MqttLine> line_;           // from the first exchange on; the last to be built up
};

base::Status valid_path(std::string_view value) {
  if (value.starts_with('/')) return {};
  return Error(Code::kInvalid, "expected a path from the root, as /etc/lander/mqtt.password");
}

constexpr Setting kSettings[] = {
    {"url", "the broker, as mqtts://broker.example:8883", true, valid_mqtt_url},
    {"username", "for the broker", false, nullptr},
    {"password_file", "file that holds the password for the broker", false, valid_path},
    {"ca_file", "PEM of the authority that vouches for the broker; the system's, unless declared",
     false, valid_path},
};

base::Result<std::unique_ptr<Carrier>> make_mqtt(const Config& config, const Peer& peer) {
  LANDER_TRY(valid(config));
  const auto setting = [&](const char* name) {
    const auto at = config.settings.find(name);
    return at != config.settings.end() ? at->second : std::string();
  };
  const std::string topic = "lander/" + peer.tenant + "/" + peer.site;
  MqttOptions options{
      setting("url"), setting("username"), setting("password_file"), setting("ca_file"),
      topic,          topic + "/down"};
  if (auto status = valid(options); !status.ok())
    return status.error().context("carrier " + config.terms.id);
  return std::unique_ptr<Carrier>(std::make_unique<Mqtt>(std::move(options), topic + "/up"));
}

}  // namespace

extern const Kind kMqtt;
constinit const Kind kMqtt{"mqtt",        "an MQTT 5 broker that site and hub both reach",
                           kSettings,     kMaxMqttBytes,
                           kMaxMqttBytes, false,
                           make_mqtt};

}  // namespace lander::carrier
