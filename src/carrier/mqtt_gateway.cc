#include "carrier/mqtt_gateway.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "carrier/mqtt_line.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kInFlight = 20;  // published, not yet acknowledged
constexpr std::size_t kMaxName = 63;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7f && c != '/' && c != '+' && c != '#';
         });
}

class MqttGateway : public Gateway {
 public:
  MqttGateway(const MqttOptions& options, Arrived arrived) : arrived_(std::move(arrived)) {
    MqttEvents events;
    events.message = [this](std::string_view topic, base::ByteView payload) {
      if (const auto from = parse_up_topic(topic); from.ok())
        arrived_(*from, base::Bytes(payload.begin(), payload.end()));
    };
    events.acknowledged = [this](int id, const std::string&) {
      const std::lock_guard lock(mutex_);
      forget(id);
      publish_some();
    };
    events.changed = [this] {
      const std::lock_guard lock(mutex_);
      for (Letter& letter : letters_) letter.id = 0;
      publish_some();
    };
    const std::lock_guard lock(mutex_);
    line_ = MqttLine::open(options, std::move(events));
  }

  base::Status send(const Address& to, base::ByteView sealed) override {
    if (!is_name(to.tenant) || !is_name(to.site))
      return Error(Code::kInvalid, "site " + to.tenant + "/" + to.site + " has no MQTT topic");
    if (sealed.empty() || sealed.size() > kMaxMqttBytes) {
      return Error(Code::kInvalid, "a message of " + std::to_string(sealed.size()) +
                                       " bytes: expected 1 to " + std::to_string(kMaxMqttBytes));
    }
    const std::string topic = "lander/" + to.tenant + "/" + to.site + "/down";
    const std::lock_guard lock(mutex_);
    std::size_t& of_site = waiting_[topic];
    if (of_site >= kMaxMqttWaitingOfSite || letters_.size() >= kMaxMqttWaiting ||
        waiting_bytes_ + sealed.size() > kMaxMqttWaitingBytes) {
      if (of_site == 0) waiting_.erase(topic);
      return Error(Code::kExhausted, "too much waits for the MQTT broker");
    }
    ++of_site;
    waiting_bytes_ += sealed.size();
    letters_.push_back({topic, {sealed.begin(), sealed.end()}, 0});
    publish_some();
    return {};
  }

  std::string failing() const override {
    const std::lock_guard lock(mutex_);
    return line_->failing();
  }

 private:
  struct Letter {
    std::string topic;
    base::Bytes bytes;
    int id = 0;  // while it is in flight
  };

  // All below under the lock.

  void publish_some() {
    const std::size_t reach = std::min(kInFlight, letters_.size());
    for (std::size_t i = 0; i < reach; ++i) {
      Letter& letter = letters_[i];
      if (letter.id != 0) continue;
      const auto id = line_->publish(letter.topic, letter.bytes);
      if (!id.ok()) return;  // the line is down: when it is up again
      letter.id = *id;
    }
  }

  void forget(int id) {
    const auto at = std::find_if(letters_.begin(), letters_.end(),
                                 [&](const Letter& letter) { return letter.id == id; });
    if (at == letters_.end()) return;
    waiting_bytes_ -= at->bytes.size();
    if (const auto count = waiting_.find(at->topic); --count->second == 0) waiting_.erase(count);
    letters_.erase(at);
  }

  const Arrived arrived_;
  mutable std::mutex mutex_;
  std::deque<Letter> letters_;                  // those in flight stand first
  std::map<std::string, std::size_t> waiting_;  // letters of each topic
  std::size_t waiting_bytes_ = 0;
  std::unique_ptr<MqttLine> line_;  // its thread ends first
};

}  // namespace

base::Result<Address> parse_up_topic(std::string_view topic) {
  constexpr std::string_view kBefore = "lander/", kAfter = "/up";
  if (topic.starts_with(kBefore) && topic.ends_with(kAfter) &&
      topic.size() > kBefore.size() + kAfter.size()) {
    const auto names = topic.substr(kBefore.size(), topic.size() - kBefore.size() - kAfter.size());
    const auto slash = std::min(names.find('/'), names.size());
    const auto tenant = names.substr(0, slash);
    const auto site = names.substr(std::min(slash + 1, names.size()));
    if (is_name(tenant) && is_name(site)) return Address{std::string(tenant), std::string(site)};
  }
  return Error(Code::kInvalid, "not the topic of a site's messages to its hub");
}

base::Result<std::unique_ptr<Gateway>> make_mqtt_gateway(const MqttGatewayOptions& options,
                                                         Arrived arrived) {
  const MqttOptions line{options.url,     options.username,  options.password_file,
                         options.ca_file, options.client_id, "lander/+/+/up"};
  if (auto status = valid(line); !status.ok()) return status.error().context("MQTT gateway");
  if (options.client_id.empty())
    return Error(Code::kInvalid, "MQTT gateway: client_id: expected a name of the session");
  return std::unique_ptr<Gateway>(std::make_unique<MqttGateway>(line, std::move(arrived)));
}

}  // namespace lander::carrier
