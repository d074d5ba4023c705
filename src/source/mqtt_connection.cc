#include "source/mqtt_connection.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "source/payload_offers.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Status;

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kMaxBatch = 4096;  // observations offered at once
constexpr base::DurationUs kHeldRetry = 2 * base::kMillisecond;
constexpr base::DurationUs kKeepRetry = base::kSecond;  // of an object that the disk refused
constexpr base::DurationUs kConnackTimeout = 10 * base::kSecond;
constexpr base::DurationUs kLeaveTimeout = 1500 * base::kMillisecond;
constexpr std::uint16_t kUnsubscribeId = 0xFFFF;  // subscriptions count from 1

}  // namespace

void Commits::add(Result result) {
  {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
  }
  wakeup_.signal();
}

std::vector<Commits::Result> Commits::take() {
  wakeup_.clear();
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

MqttConnection::MqttConnection(const MqttPlan& plan, TcpStream stream, Runner& runner,
                               CandidateTable& candidates, Sink& sink)
    : plan_(plan),
      stream_(std::move(stream)),
      runner_(runner),
      candidates_(candidates),
      sink_(sink),
      input_(kReadBytes),
      last_sent_(runner.clock().monotonic_us()),
      last_heard_(last_sent_),
      keep_alive_us_(plan.connect.keep_alive_s * base::kSecond) {
  for (const std::string& filter : plan.filters) subscription_ids_.insert(subscription_id(filter));
}

Status MqttConnection::serve() {
  encode_connect(plan_.connect, output_);
  while (!runner_.stopping()) {
    if (held_) {
      offer_batch();
    } else if (held_back_) {
      try_again();
    } else if (listens()) {
      if (!more_buffered_) LANDER_TRY(read_some());
      LANDER_TRY(decode_some());
    }
    LANDER_TRY(acknowledge());
    LANDER_TRY(keep_alive());
    LANDER_TRY(write_some());
    wait();
  }
  return leave();
}

Status MqttConnection::read_some() {
  auto count = stream_.read(input_);
  if (!count.ok()) return count.error();
  if (*count == 0) return {};
  last_heard_ = runner_.clock().monotonic_us();
  reader_.append(base::ByteView(input_).first(*count));
  return {};
}

Status MqttConnection::decode_some() {
  MqttPacket packet;
  more_buffered_ = true;
  while (batch_.size() < kMaxBatch && listens()) {
    auto ready = reader_.next(packet);
    if (!ready.ok()) return ready.error();
    if (!*ready) {
      more_buffered_ = false;
      break;
    }
    LANDER_TRY(handle(packet));
  }
  if (messages_ > 0) runner_.board().received(std::exchange(messages_, 0));
  offer_batch();
  return {};
}

Status MqttConnection::handle(const MqttPacket& packet) {
  if (!connected_ && packet.type != MqttType::kConnack)
    return Error(Code::kCorrupt, "MQTT: the first packet is no CONNACK");
  switch (packet.type) {
    case MqttType::kConnack:
      return handle_connack(packet);
    case MqttType::kSuback:
      return handle_suback(packet);
    case MqttType::kPublish:
      ++messages_;
      handle_publish(packet);
      return {};
    case MqttType::kUnsuback:
    case MqttType::kPingresp:
      return {};
    case MqttType::kDisconnect:
      return Error(Code::kUnavailable,
                   "the broker ended the connection: " + mqtt_reason(packet.reason) + " " +
                       printable(packet.reason_text, 200));
  }
  return {};
}

Status MqttConnection::handle_connack(const MqttPacket& packet) {
  if (connected_) return Error(Code::kCorrupt, "MQTT: a second CONNACK");
  if (packet.reason != 0)
    return Error(Code::kDenied, "the broker refused client \"" + plan_.connect.client_id +
                                    "\": " + mqtt_reason(packet.reason) + " " +
                                    printable(packet.reason_text, 200));
  connected_ = true;
  if (packet.keep_alive_s > 0) keep_alive_us_ = packet.keep_alive_s * base::kSecond;
  std::uint16_t packet_id = 1;
  for (const std::string& filter : plan_.filters)
    encode_subscribe(packet_id++, filter,
                     packet.subscription_ids_work ? subscription_id(filter) : 0, output_);
  if (plan_.filters.empty()) {
    subscribed_ = true;
    runner_.board().state(Health::State::kConnected, "connected; nothing is subscribed");
  }
  return {};
}

Status MqttConnection::handle_suback(const MqttPacket& packet) {
  const std::size_t index = packet.packet_id - 1u;
  if (index >= plan_.filters.size() || packet.payload.size() != 1)
    return Error(Code::kCorrupt, "MQTT: a SUBACK for a subscription we did not make");
  if (packet.payload[0] >= 0x80)
    refused_filter_ = "the broker refused the subscription \"" + plan_.filters[index] +
                      "\": " + mqtt_reason(packet.payload[0]);
  if (++subacks_ < plan_.filters.size()) return {};
  subscribed_ = true;
  tell_subscribed();
  return {};
}

void MqttConnection::tell_subscribed() {
  if (refused_filter_.empty()) {
    runner_.board().state(Health::State::kConnected, "connected");
  } else {
    runner_.board().state(Health::State::kDegraded, refused_filter_);
  }
}

void MqttConnection::handle_publish(const MqttPacket& packet) {
  const std::size_t before = batch_.size();
  if (packet.oversized) {
    runner_.board().malformed(1, "topic " + printable(packet.topic, 200) + ": a message of " +
                                     std::to_string(packet.packet_bytes) +
                                     " bytes, expected at most " +
                                     std::to_string(kMaxPayloadBytes));
  } else {
    const Message message{packet.topic, packet.payload, packet.retained, runner_.clock().wall_us()};
    std::string problem;
    const auto keep = [&](base::ByteView content, std::string_view media_type) {
      return sink_.keep(content, media_type);
    };
    const auto decoded = plan_.table.decode(message, keep, batch_, problem);
    if (!decoded.ok()) return hold_back(packet, decoded.error());
    const int problems = *decoded;
    if (problems > 0) runner_.board().malformed(static_cast<std::uint64_t>(problems), problem);
    offer_candidates(packet);
  }
  if (is_stray(packet)) unsubscribe_stray(packet.topic);
  // What brought no observation is done: the broker must not send it again and again.
  if (packet.packet_id != 0)
    unacked_.push_back({packet.packet_id, batch_.size() > before ? batch_number_ : 0});
}

void MqttConnection::hold_back(const MqttPacket& packet, const Error& why) {
  auto held = std::make_unique<HeldBack>();
  held->packet = packet;
  held->topic = packet.topic;
  held->payload.assign(packet.payload.begin(), packet.payload.end());
  held->packet.topic = held->topic;
  held->packet.payload = held->payload;
  held->due = runner_.clock().monotonic_us() + kKeepRetry;
  held_back_ = std::move(held);
  runner_.board().state(Health::State::kDegraded, "messages wait: " + why.message());
}

void MqttConnection::try_again() {
  if (runner_.clock().monotonic_us() < held_back_->due) return;
  const auto held = std::move(held_back_);
  handle_publish(held->packet);
  if (!held_back_ && subscribed_) tell_subscribed();
  offer_batch();
}

void MqttConnection::offer_candidates(const MqttPacket& packet) {
  if (candidates_.count(packet.topic, runner_.clock().monotonic_us()))
    offer_payload(candidates_, std::string(packet.topic), packet.payload);
}

bool MqttConnection::is_stray(const MqttPacket& packet) const {
  if (packet.retained || !subscribed_) return false;
  if (packet.subscription_id_count > 0) {
    const auto* ids = packet.subscription_ids.data();
    return std::none_of(ids, ids + packet.subscription_id_count,
                        [&](std::uint32_t id) { return subscription_ids_.contains(id); });
  }
  return !plan_.table.contains(packet.topic) &&
         std::none_of(plan_.filters.begin(), plan_.filters.end(), [&](const std::string& filter) {
           return mqtt_matches(filter, packet.topic);
         });
}

void MqttConnection::unsubscribe_stray(std::string_view topic) {
  const base::DurationUs now = runner_.clock().monotonic_us();
  if (last_stray_ != 0 && now - last_stray_ < base::kSecond) return;
  last_stray_ = now;
  const auto filters = filters_that_match(topic, plan_.filters);
  if (!filters.empty()) encode_unsubscribe(kUnsubscribeId, filters, output_);
}

void MqttConnection::offer_batch() {
  if (batch_.empty()) return;
  const std::size_t count = batch_.size();
  const auto durable = [commits = commits_, batch = batch_number_](const Status& status) {
    commits->add({batch, status.ok(), status.ok() ? std::string() : status.error().message()});
  };
  if (sink_.accept(batch_, durable)) {
    held_ = false;
    batch_.clear();
    ++batch_number_;
  } else if (!std::exchange(held_, true)) {
    runner_.board().refused(count);
  }
}

// Mosquitto 2.0.11 sends more than the receive maximum under load. To call that an error, as the
// standard allows, would end the connection again and again: TCP holds the rest back as well.
bool MqttConnection::listens() const {
  return !held_ && !held_back_ && unacked_.size() < 2u * plan_.connect.receive_maximum;
}

bool MqttConnection::is_durable(std::uint64_t batch) const {
  return batch <= durable_through_ || durable_.contains(batch);
}

Status MqttConnection::acknowledge() {
  for (Commits::Result& result : commits_->take()) {
    if (!result.durable)
      return Error(Code::kUnavailable, "the store could not keep a batch (" + result.error +
                                           "); the broker will send it again");
    durable_.insert(result.batch);
  }
  while (durable_.erase(durable_through_ + 1) > 0) ++durable_through_;
  // In the order of arrival [MQTT-4.6.0-2]; batch 0 is always durable.
  for (; !unacked_.empty() && is_durable(unacked_.front().batch); unacked_.pop_front())
    encode_puback(unacked_.front().packet_id, output_);
  return {};
}

Status MqttConnection::write_some() {
  if (output_.empty()) return {};
  auto count = stream_.write(output_);
  if (!count.ok()) return count.error();
  if (*count == 0) return {};
  last_sent_ = runner_.clock().monotonic_us();
  output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(*count));
  return {};
}

Status MqttConnection::keep_alive() {
  const base::DurationUs now = runner_.clock().monotonic_us();
  if (!listens()) last_heard_ = now;  // its silence means nothing then
  if (!connected_) {
    if (now - last_heard_ > kConnackTimeout)
      return Error(Code::kTimeout,
                   "the broker did not answer CONNECT within " + base::to_text(kConnackTimeout));
    return {};
  }
  if (now - last_heard_ > keep_alive_us_ * 3 / 2)
    return Error(Code::kTimeout,
                 "the broker has been silent for " + base::to_text(keep_alive_us_ * 3 / 2));
  // The broker's patience is counted from what we send, ours from what it sends: ask at the half.
  const base::DurationUs half = keep_alive_us_ / 2;
  if (now - std::min(last_sent_, last_heard_) > half && now - last_ping_ > half) {
    encode_pingreq(output_);
    last_ping_ = now;
  }
  return {};
}

// What is on its way to the disk is worth a moment: else the broker sends it again.
Status MqttConnection::leave() {
  const base::DurationUs until = runner_.clock().monotonic_us() + kLeaveTimeout;
  for (;;) {
    LANDER_TRY(acknowledge());
    LANDER_TRY(write_some());
    const base::DurationUs left = until - runner_.clock().monotonic_us();
    const bool waiting = !unacked_.empty() && unacked_.front().batch < batch_number_;
    if (left <= 0 || (!waiting && output_.empty())) break;
    commits_->wakeup().wait(std::min<base::DurationUs>(left, 20 * base::kMillisecond));
  }
  encode_disconnect(output_);
  return write_some();
}

void MqttConnection::wait() {
  if (more_buffered_ && listens()) return;
  const short reading = listens() ? POLLIN : 0;
  const short writing = output_.empty() ? 0 : POLLOUT;
  pollfd waiting[] = {{stream_.fd(), static_cast<short>(reading | writing), 0},
                      {commits_->wakeup().fd(), POLLIN, 0},
                      {runner_.wakeup().fd(), POLLIN, 0}};
  const base::DurationUs most = held_ ? kHeldRetry : std::min(keep_alive_us_ / 4, base::kSecond);
  ::poll(waiting, 3, static_cast<int>(std::max<base::DurationUs>(1, most / 1000)));
}

}  // namespace lander::source
