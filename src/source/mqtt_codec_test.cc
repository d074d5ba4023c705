#include "source/mqtt_codec.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lander::source {
namespace {

base::Bytes publish(std::string_view topic, std::string_view payload, std::uint16_t id,
                    base::Bytes properties = {}) {
  base::Bytes body = {static_cast<std::uint8_t>(topic.size() >> 8),
                      static_cast<std::uint8_t>(topic.size())};
  body.insert(body.end(), topic.begin(), topic.end());
  if (id)
    body.insert(body.end(), {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)});
  body.push_back(static_cast<std::uint8_t>(properties.size()));
  body.insert(body.end(), properties.begin(), properties.end());
  body.insert(body.end(), payload.begin(), payload.end());
  base::Bytes out = {static_cast<std::uint8_t>(id ? 0x32 : 0x30)};
  for (std::size_t size = body.size(), more = 1; more; size >>= 7) {
    more = size > 0x7F;
    out.push_back(static_cast<std::uint8_t>((size & 0x7F) | (more ? 0x80 : 0)));
  }
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

struct Seen {
  std::string topic, payload;
  std::uint16_t id;
  bool oversized;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> read_in_pieces(base::ByteView bytes, std::size_t piece) {
  MqttReader reader;
  std::vector<Seen> out;
  MqttPacket packet;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.append(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    for (;;) {
      const auto ready = reader.next(packet);
      EXPECT_TRUE(ready.ok());
      if (!ready.ok() || !*ready) break;
      out.push_back({std::string(packet.topic), std::string(base::as_text(packet.payload)),
                     packet.packet_id, packet.oversized});
    }
    EXPECT_LE(reader.buffered_bytes(), kMaxMqttPacketBytes + piece + 8);
  }
  return out;
}

TEST(MqttReader, CutsTheStreamIntoTheSamePacketsWhereverTheNetworkCutsIt) {
  base::Bytes stream;
  for (const auto& one :
       {publish("a", "1", 1), publish("b/c", "", 0, {0x0B, 7}),
        publish("d", std::string(300, 'x'), 65535, {0x01, 1, 0x23 - 0x21, 0, 0, 0, 9})})
    stream.insert(stream.end(), one.begin(), one.end());
  const auto whole = read_in_pieces(stream, stream.size());
  ASSERT_EQ(whole.size(), 3u);
  EXPECT_EQ(whole[2].payload.size(), 300u);
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(read_in_pieces(stream, piece), whole);
}

TEST(MqttReader, SkipsAMessageOfTwoMebibytesWithoutHoldingItAndStillKnowsItsName) {
  base::Bytes stream = publish("big", std::string(2u << 20, 'x'), 5);
  const auto after = publish("next", "1", 6);
  stream.insert(stream.end(), after.begin(), after.end());
  const std::vector<Seen> expected = {{"big", "", 5, true}, {"next", "1", 6, false}};
  EXPECT_EQ(read_in_pieces(stream, 4096), expected);
  EXPECT_EQ(read_in_pieces(stream, stream.size()), expected);
}

TEST(MqttReader, RefusesWhatNoBrokerMaySend) {
  const std::vector<base::Bytes> wrong = {
      {0x10, 0},                             // CONNECT
      {0x34, 5, 0, 1, 'a', 0, 1},            // QoS 2
      {0x32, 6, 0, 1, 'a', 0, 0, 0},         // QoS 1 without a packet id
      {0x30, 4, 0, 1, '+', 0},               // a wildcard as topic
      {0x30, 7, 0, 1, 'a', 3, 0x23, 0, 1},   // a topic alias
      {0x30, 4, 0, 9, 'a', 0},               // a topic beyond the packet
      {0x30, 4, 0, 1, 'a', 9},               // properties beyond the packet
      {0x30, 6, 0, 1, 'a', 2, 0x7F, 0},      // an unknown property
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},  // a length of five bytes
      {0x20, 0x81, 0x80, 0x80, 0x01},        // a CONNACK of 2 MiB
      {0x21, 2, 0, 0},                       // reserved flags
  };
  for (const auto& bytes : wrong) {
    MqttReader reader;
    MqttPacket packet;
    reader.append(bytes);
    EXPECT_FALSE(reader.next(packet).ok()) << base::to_hex(bytes);
  }
}

TEST(MqttReader, SurvivesEveryFlippedBit) {
  const base::Bytes good = publish("a/b", "{\"v\":1}", 77, {0x0B, 7, 0x1F, 0, 1, 'r'});
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1 << (i % 8)));
    MqttReader reader;
    MqttPacket packet;
    reader.append(bad);
    while (true) {
      const auto ready = reader.next(packet);
      if (!ready.ok() || !*ready) break;
    }
  }
}

TEST(MqttReader, TellsWhyABrokerRefused) {
  MqttReader reader;
  MqttPacket packet;
  reader.append(base::Bytes{0x20, 10, 0, 0x86, 7, 0x1F, 0, 4, 'n', 'o', 'p', 'e'});
  ASSERT_TRUE(*reader.next(packet));
  EXPECT_EQ(packet.type, MqttType::kConnack);
  EXPECT_EQ(packet.reason_text, "nope");
  EXPECT_EQ(mqtt_reason(packet.reason), "bad user name or password (0x86)");
}

TEST(MqttTopics, MatchAsTheStandardSays) {
  EXPECT_TRUE(mqtt_matches("a/b", "a/b"));
  EXPECT_TRUE(mqtt_matches("a/+", "a/b"));
  EXPECT_TRUE(mqtt_matches("a/#", "a"));
  EXPECT_TRUE(mqtt_matches("a/#", "a/b/c"));
  EXPECT_TRUE(mqtt_matches("#", "a"));
  EXPECT_TRUE(mqtt_matches("+/+", "/x"));
  EXPECT_FALSE(mqtt_matches("a/+", "a"));
  EXPECT_FALSE(mqtt_matches("a/+", "a/b/c"));
  EXPECT_FALSE(mqtt_matches("a", "a/b"));
  EXPECT_FALSE(mqtt_matches("#", "$SYS/x"));
  EXPECT_TRUE(mqtt_matches("$SYS/#", "$SYS/x"));
}

TEST(MqttTopics, CoveringFiltersHoldEveryTopicOfTheCovered) {
  const std::vector<std::string> filters = {"#",   "a",   "a/b",   "a/+", "a/#",
                                            "+/b", "+/+", "a/+/#", "+",   "+/#"};
  const std::vector<std::string> topics = {"a",     "b",     "a/b", "a/c", "b/b",
                                           "a/b/c", "c/d/e", "/",   "a/"};
  for (const auto& wide : filters)
    for (const auto& narrow : filters)
      for (const auto& topic : topics)
        if (mqtt_covers(wide, narrow) && mqtt_matches(narrow, topic)) {
          EXPECT_TRUE(mqtt_matches(wide, topic)) << wide << " " << narrow << " " << topic;
        }
  EXPECT_EQ(without_covered({"a/b", "a/+", "c", "c", "a/b/c"}),
            (std::vector<std::string>{"a/+", "a/b/c", "c"}));
  EXPECT_EQ(without_covered({"x/y", "#"}), std::vector<std::string>{"#"});
}

TEST(MqttTopics, EveryFilterOfAStrayTopicIsFound) {
  const auto filters = filters_that_match("a/b", {"a/b"});
  for (const auto& filter : {"#", "+/#", "a/#", "a/+", "+/b", "+/+", "a/b/#"})
    EXPECT_NE(std::find(filters.begin(), filters.end(), filter), filters.end()) << filter;
  for (const auto& filter : filters) {
    EXPECT_TRUE(mqtt_matches(filter, "a/b")) << filter;
    EXPECT_NE(filter, "a/b");
    EXPECT_TRUE(valid_mqtt_filter(filter).ok());
  }
}

TEST(MqttTopics, FiltersWithMisplacedWildcardsAreRefused) {
  for (const char* wrong : {"", "a#", "a/#/b", "a+/b", "+a", "#/"})
    EXPECT_FALSE(valid_mqtt_filter(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace lander::source
