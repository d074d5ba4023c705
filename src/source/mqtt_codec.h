// The part of MQTT 5.0 (OASIS standard, 7 March 2019) that a subscriber needs, as bytes in and out.
//
// We write it ourselves because no client library at hand lets its user hold back a PUBACK while it
// goes on reading (docs/adr/0001-acknowledge-after-commit.md). Pure; used by one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace lander::source {

enum class MqttType : std::uint8_t {
  kConnack = 2,
  kPublish = 3,
  kSuback = 9,
  kUnsuback = 11,
  kPingresp = 13,
  kDisconnect = 14,
};

// One packet from the broker. The views live until the reader's next call.
struct MqttPacket {
  MqttType type = MqttType::kPingresp;
  std::uint16_t packet_id = 0;  // publish: 0 at QoS 0; suback, unsuback
  bool duplicate = false;       // publish
  bool retained = false;        // publish
  bool oversized = false;       // publish: over kMaxMqttPacketBytes; `payload` was skipped
  std::uint64_t packet_bytes = 0;
  std::string_view topic;             // publish
  base::ByteView payload;             // publish; suback, unsuback: one reason code per filter
  std::uint8_t reason = 0;            // connack, disconnect: 0x80 and above is a refusal
  std::string_view reason_text;       // connack, disconnect: the broker's own words, may be empty
  bool session_present = false;       // connack
  std::uint16_t keep_alive_s = 0;     // connack: the broker's wish, 0: none
  bool subscription_ids_work = true;  // connack
  // publish: of the subscriptions that brought it; those beyond the eighth are left out
  std::array<std::uint32_t, 8> subscription_ids{};
  std::size_t subscription_id_count = 0;
};

// A longer PUBLISH is skipped without being buffered; any other longer packet is an error.
inline constexpr std::size_t kMaxMqttPacketBytes = 256u << 10;

// Cuts a byte stream into packets. Holds at most one packet and what was appended since.
class MqttReader {
 public:
  void append(base::ByteView bytes);
  // true: `packet` is filled; false: more bytes are needed. kCorrupt: not MQTT 5, drop the
  // connection and this reader.
  base::Result<bool> next(MqttPacket& packet);
  std::size_t buffered_bytes() const { return buffer_.size() - at_; }

 private:
  base::Result<bool> next_oversized(MqttPacket& packet, std::size_t header_bytes,
                                    std::uint64_t body_bytes);

  base::Bytes buffer_;
  std::size_t at_ = 0;            // the first byte of buffer_ that is not yet consumed
  std::uint64_t skip_bytes_ = 0;  // of an oversized publish, still to come
  MqttPacket skipped_;            // told when the last of its bytes is here
  std::string skipped_topic_;
};

struct MqttConnect {
  std::string client_id, username, password;
  std::uint16_t keep_alive_s = 30;
  std::uint16_t receive_maximum = 8000;  // QoS 1 messages that may wait for our acknowledgement
  std::uint32_t session_expiry_s = 0;    // how long the broker keeps our session without us
};

// Each appends one packet to `out`.
void encode_connect(const MqttConnect& connect, base::Bytes& out);  // clean start = 0
// QoS 1. `subscription_id` comes back with every message it brings; 0: none.
void encode_subscribe(std::uint16_t packet_id, std::string_view filter,
                      std::uint32_t subscription_id, base::Bytes& out);
void encode_unsubscribe(std::uint16_t packet_id, std::span<const std::string> filters,
                        base::Bytes& out);
void encode_puback(std::uint16_t packet_id, base::Bytes& out);
void encode_pingreq(base::Bytes& out);
void encode_disconnect(base::Bytes& out);  // normal

std::string mqtt_reason(std::uint8_t code);  // "not authorized (0x87)"

// 4.7: '+' is one level, '#' the rest; neither matches a topic that begins with '$'.
bool mqtt_matches(std::string_view filter, std::string_view topic);
// Whether every topic of `narrow` is a topic of `wide`: a broker may send a message once for each
// subscription that matches it, so we subscribe to no filter that another one covers.
bool mqtt_covers(std::string_view wide, std::string_view narrow);
std::vector<std::string> without_covered(std::vector<std::string> filters);  // sorted
// Stable, 1..268435455: how a message tells which of our filters, of now or of an earlier
// configuration, brought it.
std::uint32_t subscription_id(std::string_view filter);
// Every filter that could have brought `topic`, but for those in `keep`. At most 6 levels: none
// beyond.
std::vector<std::string> filters_that_match(std::string_view topic,
                                            const std::vector<std::string>& keep);
base::Status valid_mqtt_filter(std::string_view filter);
base::Status valid_mqtt_topic(std::string_view topic);  // without wildcards

}  // namespace lander::source
