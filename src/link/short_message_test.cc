#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "link/brief_fixture.h"
#include "link/short.h"

namespace lander::link {
namespace {

using base::Bytes;
using base::Code;
using base::kSecond;

constexpr std::uint64_t kEpoch = 0xE90C;

Ranges some_ranges(std::mt19937_64& random, std::size_t most, bool wide) {
  Ranges out;
  std::uint64_t last = 0;
  for (std::size_t i = random() % (most + 1); i > 0; --i) {
    const std::uint64_t first = last + (last == 0 ? 1 : 2) + random() % (wide ? 1'000'000 : 2);
    last = first + random() % (wide ? 1'000'000 : 3);
    const auto more = Ranges::from({{first, last}});
    out.merge(*more);
  }
  return out;
}

ShortMessage some_message(std::mt19937_64& random) {
  constexpr const char* kSomeTypes[] = {"alert-event", "dictionary", "desired", "of-tomorrow"};
  ShortMessage out;
  for (int i = static_cast<int>(random() % 4); i > 0; --i) {
    out.briefs[1 + random() % (random() % 2 ? 20 : INT64_MAX)] = Bytes(1 + random() % 64, 7);
  }
  for (int i = static_cast<int>(random() % 4); i > 0; --i) {
    Item item;
    item.lane = static_cast<std::uint8_t>(random() % kLanes);
    item.number = 1 + random() % (random() % 2 ? 20 : INT64_MAX);
    item.type = kSomeTypes[random() % 4];
    item.created = (static_cast<std::int64_t>(random() % 4'000'000'000) - 1'000'000'000) * kSecond;
    item.body = Bytes(random() % 40, 9);
    out.items.push_back(item);
  }
  for (std::uint8_t lane = 0; lane < kLanes; ++lane) {
    if (random() % 2) continue;
    // The range from 1 does not count: most + 1 only where there is one.
    Ranges held = some_ranges(random, kMaxShortReceiptRanges, random() % 2);
    out.receipts.push_back({kEpoch, lane, held});
  }
  if (random() % 2) out.noticed = some_ranges(random, kMaxShortNoticedRanges, random() % 2);
  if (random() % 2) out.desired_revision = random() >> random() % 64;
  if (random() % 2) out.sent = static_cast<std::int64_t>(random() % UINT32_MAX) * kSecond;
  return out;
}

void expect_same(const ShortMessage& a, const ShortMessage& b) {
  EXPECT_EQ(a.briefs, b.briefs);
  EXPECT_EQ(a.sent, b.sent);
  EXPECT_EQ(a.desired_revision, b.desired_revision);
  EXPECT_EQ(a.noticed.ranges(), b.noticed.ranges());
  ASSERT_EQ(a.receipts.size(), b.receipts.size());
  for (std::size_t i = 0; i < a.receipts.size(); ++i) {
    EXPECT_EQ(a.receipts[i].lane, b.receipts[i].lane);
    EXPECT_EQ(a.receipts[i].epoch, b.receipts[i].epoch);
    EXPECT_EQ(a.receipts[i].held.ranges(), b.receipts[i].held.ranges());
  }
  ASSERT_EQ(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    const Item &x = a.items[i], &y = b.items[i];
    EXPECT_EQ(std::tie(x.lane, x.number, x.type, x.created, x.body),
              std::tie(y.lane, y.number, y.type, y.created, y.body));
  }
}

TEST(ShortMessage, ComesBackAsItWas) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    std::mt19937_64 random(seed);
    const ShortMessage message = some_message(random);
    const Bytes bytes = encode(message);
    const auto back = decode_short_message(bytes, kEpoch);
    ASSERT_TRUE(back.ok()) << seed << ": " << back.error().message();
    expect_same(message, *back);
    ASSERT_EQ(encode(*back), bytes);
  }
}

TEST(ShortMessage, TimesComeToTheSecondAndWhatIsNoTimeOf32BitsNotAtAll) {
  ShortMessage message;
  message.sent = 5 * kSecond + 999'999;
  message.items = {{kLaneState, 1, "desired", -1, {}}, {kLaneState, 2, "desired", 7 * kSecond, {}}};
  auto back = decode_short_message(encode(message), kEpoch);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->sent, 5 * kSecond);
  EXPECT_EQ(back->items[0].created, -kSecond);
  EXPECT_EQ(back->items[1].created, 7 * kSecond);
  for (const base::TimeUs sent : {base::TimeUs{-1}, base::TimeUs{1} << 62}) {
    message.sent = sent;
    back = decode_short_message(encode(message), kEpoch);
    ASSERT_TRUE(back.ok());
    EXPECT_FALSE(back->sent);
  }
}

TEST(ShortMessage, AReceiptOfManyRangesClaimsTheFirstOnly) {
  ShortMessage message;
  Ranges scattered;
  for (std::uint64_t i = 1; i < 200; i += 2) scattered.add(i);
  message.receipts = {{kEpoch, kLaneState, scattered}};
  message.noticed = scattered;
  const auto back = decode_short_message(encode(message), kEpoch);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->receipts[0].held.ranges().size(), 1 + kMaxShortReceiptRanges);
  EXPECT_EQ(back->noticed.ranges().size(), 1 + kMaxShortNoticedRanges);
  EXPECT_TRUE(back->receipts[0].held.contains(15));
  EXPECT_FALSE(back->receipts[0].held.contains(16));
}

TEST(ShortMessage, CutOrFlippedItIsRefusedOrMeansWhatItSays) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const Bytes good = encode(some_message(random));
    for (std::size_t size = 0; size < good.size(); ++size) {
      const auto cut = decode_short_message(base::ByteView(good).first(size), kEpoch);
      ASSERT_FALSE(cut.ok()) << size;
    }
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto decoded = decode_short_message(bad, kEpoch);
      if (!decoded.ok()) continue;
      ASSERT_EQ(encode(*decoded), bad) << bit;
    }
  }
}

TEST(ShortMessage, RefusesWhatIsNoneAndSaysWhy) {
  EXPECT_EQ(decode_short_message(Bytes{0x80}, kEpoch).error().code(), Code::kUnsupported);
  for (const Bytes& bad :
       {Bytes{}, Bytes{0x41, 1, 2, 3}, Bytes{0x42}, Bytes{0x44, 6}, Bytes{0x44, 0},
        Bytes{0x48, 0, 0}, Bytes{0x48, 1, 5}, Bytes{0x50, 0}, Bytes{0x50, 0xFF, 0xFF, 0xFF, 0x7F},
        Bytes{0x50, 1, 0, 0}, Bytes{0x60, 0}, Bytes{0x40, 0}, Bytes(65'536, 0x40)}) {
    EXPECT_EQ(decode_short_message(bad, kEpoch).error().code(), Code::kCorrupt);
  }
}

TEST(ShortMessage, SixAlertsWithReceiptsFitIntoOneSatelliteMessage) {
  Dictionary dictionary;
  ShortMessage message;
  message.sent = kNow;
  message.desired_revision = 300;
  message.receipts = {{kEpoch, kLaneAlert, *Ranges::from({{1, 90'000}})},
                      {kEpoch, kLaneState, *Ranges::from({{1, 300}, {302, 310}})},
                      {kEpoch, kLaneBulk, *Ranges::from({{1, 5'000}})}};
  const auto sealed = [&] { return encode(message).size() + kShortOverhead; };
  std::size_t last = sealed();
  std::printf("[ bytes    ] sealed, without alerts: %zu\n", last);
  int alerts = 0;
  for (; alerts < 32; ++alerts) {  // with numbers up to 127
    const alert::Event event = brief_raise(1, alerts);
    dictionary.add(event);
    const Bytes brief = *encode_brief(event, kTenant, kPlant, dictionary);
    ASSERT_LE(brief.size(), 24u);
    message.briefs[90'001 + static_cast<std::uint64_t>(alerts)] = brief;
    if (sealed() > 340) break;
    last = sealed();
    std::printf("[ bytes    ] sealed, with %d: %zu\n", alerts + 1, last);
  }
  EXPECT_GE(alerts, 6);
  // Alone, an alert with its explanation is one credit of 50 bytes.
  ShortMessage one;
  one.briefs[1'000] = message.briefs.begin()->second;
  std::printf("[ bytes    ] sealed, one alone: %zu\n", encode(one).size() + kShortOverhead);
  EXPECT_LE(encode(one).size() + kShortOverhead, 40u);
}

// --- What docs/formats/short.md shows, byte for byte ---------------------------------------------

std::string golden_lines() {
  std::ostringstream out;
  const auto line = [&](const char* name, const Bytes& bytes) {
    out << name << ' ' << base::to_hex(bytes) << '\n';
  };
  const alert::Event raise = brief_raise(0xBEEF);
  const alert::Event clear = brief_event(alert::EventKind::kClear, 0xBEF0, 0xBEEF, base::kMinute);
  alert::Event seen = brief_event(alert::EventKind::kAcknowledge, 1, 0xBEEF, base::kHour);
  seen.actor = "user:anna@site";
  out << "alert " << raise.alert << "\nevent " << raise.id << '\n';
  Dictionary dictionary;
  const Bytes item = *dictionary.add(raise);
  line("dictionary-item", item);
  line("dictionary-record", dictionary.encode());
  ShortMessage site;
  for (const auto& [name, number, event] : {std::tuple{"brief-raise", 41, raise},
                                            {"brief-clear", 42, clear},
                                            {"brief-seen", 44, seen}}) {
    site.briefs[static_cast<std::uint64_t>(number)] =
        *encode_brief(event, kTenant, kPlant, dictionary);
    line(name, site.briefs.rbegin()->second);
  }
  site.sent = kNow + base::kHour;
  site.desired_revision = 7;
  site.receipts = {{kEpoch, kLaneState, *Ranges::from({{1, 12}, {14, 15}})}};
  line("message-site", encode(site));
  ShortMessage hub;
  hub.sent = kNow + base::kHour;
  hub.desired_revision = 8;
  hub.receipts = {{kEpoch, kLaneAlert, *Ranges::from({{1, 40}})}, {kEpoch, kLaneState, {}}};
  hub.noticed = *Ranges::from({{41, 42}, {44, 44}});
  hub.items = {{kLaneState, 13, "trust", kNow, {1, 2, 3}}, {kLaneState, 16, "next", kNow, {4}}};
  line("message-hub", encode(hub));
  ShortKeys keys;
  keys.epoch = kEpoch;
  for (std::uint8_t i = 0; i < 32; ++i) keys.up.bytes[i] = i;
  line("sealed", seal_short(keys, false, 4'098, encode(site)));
  return out.str();
}

TEST(ShortMessage, TheGoldenBytesOfTheDocumentAreWhatWeWrite) {
  std::ifstream file("src/link/golden/short.txt");
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(golden_lines(), golden.str());
}

}  // namespace
}  // namespace lander::link
