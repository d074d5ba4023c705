#include "source/mqtt_codec.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lander::source {
namespace {

using base::ByteView;
using base::Code;
using base::Error;
using base::Result;
using base::Status;

Error corrupt(const std::string& what) { return Error(Code::kCorrupt, "MQTT: " + what); }

// Reads the fields of one packet; every read is checked against its end.
class Fields {
 public:
  explicit Fields(ByteView bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size() - at_; }
  ByteView rest() const { return bytes_.subspan(at_); }
  bool u8(std::uint8_t& out) {
    if (left() < 1) return false;
    out = bytes_[at_++];
    return true;
  }
  bool u16(std::uint16_t& out) {
    if (left() < 2) return false;
    out = static_cast<std::uint16_t>(bytes_[at_] << 8 | bytes_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool skip(std::size_t count) {
    if (left() < count) return false;
    at_ += count;
    return true;
  }
  bool text(std::string_view& out) {
    std::uint16_t size = 0;
    if (!u16(size) || left() < size) return false;
    out = base::as_text(bytes_.subspan(at_, size));
    at_ += size;
    return true;
  }
  bool varint(std::uint32_t& out) {
    out = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      std::uint8_t byte = 0;
      if (!u8(byte)) return false;
      out |= static_cast<std::uint32_t>(byte & 0x7F) << shift;
      if (!(byte & 0x80)) return true;
    }
    return false;
  }
  bool section(Fields& out) {  // a length, then that many bytes
    std::uint32_t size = 0;
    if (!varint(size) || left() < size) return false;
    out = Fields(bytes_.subspan(at_, size));
    at_ += size;
    return true;
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

constexpr std::uint8_t kSubscriptionId = 0x0B, kServerKeepAlive = 0x13, kReasonString = 0x1F,
                       kTopicAlias = 0x23, kSubscriptionIdsWork = 0x29;

// 2.2.2.2: what stands behind each property identifier.
bool skip_property(std::uint8_t id, Fields& fields) {
  std::string_view text;
  switch (id) {
    case 0x01:
    case 0x17:
    case 0x19:
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2A:
      return fields.skip(1);
    case 0x13:
    case 0x21:
    case 0x22:
    case 0x23:
      return fields.skip(2);
    case 0x02:
    case 0x11:
    case 0x18:
    case 0x27:
      return fields.skip(4);
    case 0x03:
    case 0x08:
    case 0x09:
    case 0x12:
    case 0x15:
    case 0x16:
    case 0x1A:
    case 0x1C:
    case 0x1F:
      return fields.text(text);
    case 0x26:
      return fields.text(text) && fields.text(text);
    default:
      return false;
  }
}

Status read_properties(Fields& packet, MqttPacket& out) {
  Fields properties{ByteView()};
  if (!packet.section(properties)) return corrupt("the properties run over the packet's end");
  while (properties.left() > 0) {
    std::uint8_t id = 0;
    properties.u8(id);
    if (id == kTopicAlias) return corrupt("a topic alias, though none was allowed");
    bool good = false;
    if (id == kReasonString) {
      good = properties.text(out.reason_text);
    } else if (id == kServerKeepAlive) {
      good = properties.u16(out.keep_alive_s);
    } else if (id == kSubscriptionIdsWork) {
      std::uint8_t works = 0;
      good = properties.u8(works);
      out.subscription_ids_work = works != 0;
    } else if (id == kSubscriptionId) {
      std::uint32_t subscription = 0;
      good = properties.varint(subscription);
      if (out.subscription_id_count < out.subscription_ids.size())
        out.subscription_ids[out.subscription_id_count++] = subscription;
    } else {
      good = skip_property(id, properties);
    }
    if (!good) return corrupt("property " + std::to_string(id) + " is unknown or cut off");
  }
  return {};
}

// Topic and packet id: what of a PUBLISH must be known even when its payload is skipped.
Status read_publish_head(std::uint8_t flags, Fields& fields, MqttPacket& out) {
  out.type = MqttType::kPublish;
  out.duplicate = flags & 0x08;
  out.retained = flags & 0x01;
  const int qos = (flags >> 1) & 3;
  if (qos > 1) return corrupt("a message at QoS " + std::to_string(qos) + ", asked for at most 1");
  if (!fields.text(out.topic)) return corrupt("a message's topic is cut off");
  LANDER_TRY(valid_mqtt_topic(out.topic));
  if (qos == 1) {
    if (!fields.u16(out.packet_id)) return corrupt("a message's packet id is cut off");
    if (out.packet_id == 0) return corrupt("a message at QoS 1 without packet id");
  }
  return {};
}

Status read_packet(std::uint8_t first, ByteView body, MqttPacket& out) {
  Fields fields(body);
  const auto type = static_cast<MqttType>(first >> 4);
  const std::uint8_t flags = first & 0x0F;
  if (type != MqttType::kPublish && flags != 0) return corrupt("reserved flags are set");
  out.type = type;
  switch (type) {
    case MqttType::kPublish:
      LANDER_TRY(read_publish_head(flags, fields, out));
      LANDER_TRY(read_properties(fields, out));
      out.payload = fields.rest();
      return {};
    case MqttType::kConnack: {
      std::uint8_t present = 0;
      if (!fields.u8(present) || !fields.u8(out.reason)) return corrupt("CONNACK is cut off");
      out.session_present = present & 1;
      // A broker of MQTT 3.1.1 refuses us with a CONNACK that has no properties.
      return fields.left() == 0 ? Status() : read_properties(fields, out);
    }
    case MqttType::kSuback:
    case MqttType::kUnsuback:
      if (!fields.u16(out.packet_id)) return corrupt("SUBACK is cut off");
      LANDER_TRY(read_properties(fields, out));
      out.payload = fields.rest();
      return {};
    case MqttType::kDisconnect:
      if (fields.left() == 0) return {};
      fields.u8(out.reason);
      return fields.left() == 0 ? Status() : read_properties(fields, out);
    case MqttType::kPingresp:
      return {};
  }
  return corrupt("a packet of type " + std::to_string(first >> 4) + " that no broker sends");
}

void put_u16(std::size_t value, base::Bytes& out) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_text(std::string_view text, base::Bytes& out) {
  LANDER_CHECK(text.size() <= 0xFFFF);
  put_u16(text.size(), out);
  out.insert(out.end(), text.begin(), text.end());
}

void put_varint(std::size_t value, base::Bytes& out) {
  LANDER_CHECK(value < (1u << 28));
  do {
    out.push_back(static_cast<std::uint8_t>((value & 0x7F) | (value > 0x7F ? 0x80 : 0)));
    value >>= 7;
  } while (value > 0);
}

void put_packet(std::uint8_t first, const base::Bytes& body, base::Bytes& out) {
  out.push_back(first);
  put_varint(body.size(), out);
  out.insert(out.end(), body.begin(), body.end());
}

}  // namespace

void MqttReader::append(ByteView bytes) {
  if (at_ > 0) {  // what was told is no longer looked at
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  const auto skipped = std::min<std::uint64_t>(skip_bytes_, bytes.size());
  skip_bytes_ -= skipped;
  buffer_.insert(buffer_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(skipped), bytes.end());
}

Result<bool> MqttReader::next(MqttPacket& packet) {
  if (skipped_.oversized) {
    if (skip_bytes_ > 0) return false;
    packet = std::exchange(skipped_, {});
    packet.topic = skipped_topic_;
    return true;
  }
  Fields header(ByteView(buffer_).subspan(at_));
  std::uint8_t first = 0;
  std::uint32_t body_bytes = 0;
  if (!header.u8(first)) return false;
  if (!header.varint(body_bytes)) {
    if (buffered_bytes() >= 5) return corrupt("a packet's length has more than four bytes");
    return false;
  }
  const std::size_t header_bytes = buffered_bytes() - header.left();
  if (body_bytes > kMaxMqttPacketBytes) return next_oversized(packet, header_bytes, body_bytes);
  if (header.left() < body_bytes) return false;
  packet = {};
  packet.packet_bytes = header_bytes + body_bytes;
  LANDER_TRY(read_packet(first, header.rest().first(body_bytes), packet));
  at_ += header_bytes + body_bytes;
  return true;
}

Result<bool> MqttReader::next_oversized(MqttPacket& packet, std::size_t header_bytes,
                                        std::uint64_t body_bytes) {
  constexpr std::size_t kLongestHead = 2 + 0xFFFF + 2;
  const std::uint8_t first = buffer_[at_];
  if (static_cast<MqttType>(first >> 4) != MqttType::kPublish)
    return corrupt("a packet of " + std::to_string(body_bytes) + " bytes that is no message");
  const ByteView body = ByteView(buffer_).subspan(at_ + header_bytes);
  if (body.size() < kLongestHead) return false;
  Fields fields(body);
  skipped_ = {};
  LANDER_TRY(read_publish_head(first & 0x0F, fields, skipped_));
  skipped_topic_ = skipped_.topic;
  skipped_.packet_bytes = header_bytes + body_bytes;
  skipped_.oversized = true;
  const std::uint64_t here = std::min<std::uint64_t>(body.size(), body_bytes);
  at_ += header_bytes + here;
  skip_bytes_ = body_bytes - here;
  return next(packet);
}

void encode_connect(const MqttConnect& connect, base::Bytes& out) {
  base::Bytes body;
  put_text("MQTT", body);
  body.push_back(5);
  const bool named = !connect.username.empty();
  body.push_back(static_cast<std::uint8_t>((named ? 0x80 : 0) | (named ? 0x40 : 0)));
  put_u16(connect.keep_alive_s, body);
  body.push_back(8);  // bytes of properties
  body.push_back(0x11);
  put_u16(connect.session_expiry_s >> 16, body);
  put_u16(connect.session_expiry_s & 0xFFFF, body);
  body.push_back(0x21);
  put_u16(connect.receive_maximum, body);
  put_text(connect.client_id, body);
  if (named) {
    put_text(connect.username, body);
    put_text(connect.password, body);
  }
  put_packet(0x10, body, out);
}

void encode_subscribe(std::uint16_t packet_id, std::string_view filter,
                      std::uint32_t subscription_id, base::Bytes& out) {
  base::Bytes properties, body;
  if (subscription_id != 0) {
    properties.push_back(kSubscriptionId);
    put_varint(subscription_id, properties);
  }
  put_u16(packet_id, body);
  put_varint(properties.size(), body);
  body.insert(body.end(), properties.begin(), properties.end());
  put_text(filter, body);
  body.push_back(1);  // QoS 1; retained messages are sent now
  put_packet(0x82, body, out);
}

void encode_unsubscribe(std::uint16_t packet_id, std::span<const std::string> filters,
                        base::Bytes& out) {
  base::Bytes body;
  put_u16(packet_id, body);
  body.push_back(0);
  for (const std::string& filter : filters) put_text(filter, body);
  put_packet(0xA2, body, out);
}

void encode_puback(std::uint16_t packet_id, base::Bytes& out) {
  out.push_back(0x40);
  out.push_back(2);  // reason "success" is left out
  put_u16(packet_id, out);
}

void encode_pingreq(base::Bytes& out) { put_packet(0xC0, {}, out); }
void encode_disconnect(base::Bytes& out) { put_packet(0xE0, {}, out); }

std::string mqtt_reason(std::uint8_t code) {
  static constexpr std::pair<std::uint8_t, const char*> kReasons[] = {
      {0x00, "normal disconnection"},
      {0x01, "the broker does not speak MQTT 5"},
      {0x80, "unspecified error"},
      {0x81, "malformed packet"},
      {0x82, "protocol error"},
      {0x83, "implementation specific error"},
      {0x84, "the broker does not speak MQTT 5"},
      {0x85, "client identifier not valid"},
      {0x86, "bad user name or password"},
      {0x87, "not authorized"},
      {0x88, "server unavailable"},
      {0x89, "server busy"},
      {0x8A, "banned"},
      {0x8B, "server shutting down"},
      {0x8D, "keep alive timeout"},
      {0x8E, "another client connected with the same client id"},
      {0x8F, "topic filter invalid"},
      {0x93, "receive maximum exceeded"},
      {0x95, "packet too large"},
      {0x97, "quota exceeded"},
      {0x98, "administrative action"},
      {0x9C, "use another server"},
      {0x9F, "connection rate exceeded"},
      {0xA2, "wildcard subscriptions not supported"},
  };
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text = "reason";
  for (const auto& [known, words] : kReasons)
    if (known == code) text = words;
  return text + " (0x" + kHex[code >> 4] + kHex[code & 15] + ")";
}

}  // namespace lander::source
