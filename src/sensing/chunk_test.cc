#include "sensing/chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "sensing/decimal.h"
#include "sensing/testing.h"
#include "sensing/value.h"

namespace lander::sensing {
namespace {

using Random = std::mt19937_64;

void expect_same(const Block& a, const Block& b) {
  ASSERT_EQ(a.kind, b.kind);
  ASSERT_EQ(a.times, b.times);
  ASSERT_EQ(a.qualities, b.qualities);
  ASSERT_EQ(a.numbers.size(), b.numbers.size());
  for (std::size_t i = 0; i < a.numbers.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(a.numbers[i]),
              std::bit_cast<std::uint64_t>(b.numbers[i]))
        << i << ": " << a.numbers[i] << " and " << b.numbers[i];
  }
  ASSERT_EQ(a.integers, b.integers);
  ASSERT_EQ(a.booleans, b.booleans);
  ASSERT_EQ(a.strings, b.strings);
}

void expect_back(const Block& block) {
  const base::Bytes bytes = encode_chunk(block);
  Block back;
  const auto status = decode_chunk(bytes, back);
  ASSERT_TRUE(status.ok()) << status.error().message();
  expect_same(block, back);
}

double below(Random& random, double most) {
  return static_cast<double>(random() >> 11) / 9007199254740992.0 * most;
}

constexpr int kShapes = 14;
// What sensors give, and worse.
double number_of_shape(int shape, std::size_t i, Random& random) {
  const double level = 20 + 3 * std::sin(static_cast<double>(i) / 50) + below(random, 0.5);
  switch (shape) {
    case 0:
      return std::nearbyint(level * 100) / 100;
    case 1:
      return random() % 20 == 0 ? odd_number(random) : std::nearbyint(level * 1000) / 1000;
    case 2:
      return level;
    case 3:
      return static_cast<double>(static_cast<float>(level));
    case 4:
      return static_cast<double>(static_cast<float>(std::nearbyint(level * 10) / 10));
    case 5:
      return odd_number(random);
    case 6:
      return std::bit_cast<double>(random());
    case 7:
      return 0.327927 * static_cast<double>(random() % 9);
    case 8:
      return static_cast<double>(random() % 4096) * (5.0 / 4095) - 1.0 / 3;
    case 9:
      return std::stod(std::to_string(random() % 1000000) + "e" +
                       std::to_string(static_cast<int>(random() % 9) - 6));
    case 10:
      return 42.5;
    case 11:
      return static_cast<double>(i) * 0.25 - 7;
    case 12:
      return i % 100 < 97 ? 1.5 : -std::nan("7");
    default:
      return (random() % 2 ? 1 : -1) *
             std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 60) - 40);
  }
}

std::int64_t integer_of_shape(int shape, std::size_t i, Random& random) {
  switch (shape % 7) {
    case 0:
      return static_cast<std::int64_t>(random());
    case 1:
      return random() % 2 ? INT64_MIN : INT64_MAX;
    case 2:
      return static_cast<std::int64_t>(random() % 100) - 50;
    case 3:
      return static_cast<std::int64_t>(i) * 1000;
    case 4:
      return static_cast<std::int64_t>(i / 40);
    case 5:
      return random() % 2 ? INT64_MIN : 0;
    default:
      return static_cast<std::int64_t>(random() % 3) * 4096 + 7;
  }
}

std::string string_of_shape(Kind kind, int shape, Random& random) {
  if (shape % 3 == 0) return random() % 3 ? "running" : "stopped";
  const std::size_t most = max_value_bytes(kind);
  std::string out(random() % 300 == 0 ? std::min<std::size_t>(most, 60000) : random() % 12, 'x');
  if (shape % 3 == 1) {
    for (char& c : out) c = static_cast<char>(random());
  }
  return out;
}

void add_times(Block& block, std::size_t count, int shape, Random& random) {
  std::int64_t time =
      shape == 4 ? INT64_MIN : 1'700'000'000'000'000 + static_cast<std::int64_t>(random() % 1000);
  for (std::size_t i = 0; i < count; ++i) {
    block.times.push_back(time);
    std::uint64_t step = 100'000;
    if (shape == 1) step = random() % 4 == 0 ? 2'000'000 : 1'000'000;
    if (shape == 2) step = 99'900 + random() % 200;
    if (shape == 3) step = 0;
    if (shape == 4) step = random() >> random() % 64;
    if (step <= static_cast<std::uint64_t>(INT64_MAX) - static_cast<std::uint64_t>(time)) {
      time = static_cast<std::int64_t>(static_cast<std::uint64_t>(time) + step);
    }
  }
}

Block random_block(Random& random, Kind kind, std::size_t count) {
  Block block;
  block.kind = kind;
  add_times(block, count, static_cast<int>(random() % 5), random);
  const bool calm = random() % 2;
  const int shape = static_cast<int>(random() % kShapes);
  for (std::size_t i = 0; i < count; ++i) {
    block.qualities.push_back(calm ? Quality::kGood : static_cast<Quality>(random() % 3 << 30));
    if (kind == Kind::kNumber) {
      block.numbers.push_back(number_of_shape(shape, i, random));
    } else if (kind == Kind::kInteger) {
      block.integers.push_back(integer_of_shape(shape, i, random));
    } else if (kind == Kind::kBoolean) {
      block.booleans.push_back(shape % 2 ? random() % 2 == 0 : i % 90 < 80);
    } else {
      block.strings.push_back(string_of_shape(kind, shape, random));
    }
  }
  return block;
}

Kind any_kind(Random& random) { return static_cast<Kind>(random() % 7); }

Block numbers_of(std::vector<double> numbers) {
  Block block;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    block.times.push_back(1'700'000'000'000'000 + static_cast<std::int64_t>(i) * base::kSecond);
  }
  block.qualities.assign(numbers.size(), Quality::kGood);
  block.numbers = std::move(numbers);
  return block;
}

base::Bytes sealed(base::Bytes bytes) {
  const std::uint32_t crc = base::crc32c(bytes);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  return bytes;
}

TEST(Chunk, EverySampleOfEveryKindComesBackToTheBit) {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    ASSERT_NO_FATAL_FAILURE(expect_back(random_block(random, any_kind(random), 1 + random() % 80)))
        << round;
  }
}

TEST(Chunk, LongOnesComeBackToTheBit) {
  Random random(2);
  for (int round = 0; round < 150; ++round) {
    const std::size_t count = kChunkSamples - random() % 3000;
    ASSERT_NO_FATAL_FAILURE(expect_back(random_block(random, any_kind(random), count))) << round;
  }
}

TEST(Chunk, EveryShapeOfNumbersComesBackToTheBit) {
  Random random(3);
  for (int shape = 0; shape < kShapes; ++shape) {
    for (const std::size_t count : {1, 2, 3, 5, 17, 300, 1000, 4096}) {
      std::vector<double> numbers;
      for (std::size_t i = 0; i < count; ++i) numbers.push_back(number_of_shape(shape, i, random));
      ASSERT_NO_FATAL_FAILURE(expect_back(numbers_of(numbers))) << shape << ", " << count;
    }
  }
}

TEST(Chunk, TheLargestComesBackIntoABlockThatHeldAnother) {
  Random random(4);
  Block back;
  for (const Kind kind :
       {Kind::kNumber, Kind::kText, Kind::kInteger, Kind::kBoolean, Kind::kNumber}) {
    const Block block = random_block(random, kind, kMaxBlockSamples);
    ASSERT_TRUE(decode_chunk(encode_chunk(block), back).ok());
    ASSERT_NO_FATAL_FAILURE(expect_same(block, back));
  }
}

TEST(Chunk, IsNeverMuchLargerThanItsSamples) {
  constexpr std::size_t kMore = 64;
  Random random(5);
  for (int round = 0; round < 500; ++round) {
    const Block block = random_block(random, any_kind(random), 1 + random() % 1000);
    std::size_t raw = block.size() * 12;
    for (const std::string& text : block.strings) raw += text.size() + 2;
    if (block.kind == Kind::kBoolean) raw += block.size();
    if (block.kind < Kind::kBoolean) raw += block.size() * 8;
    EXPECT_LE(encode_chunk(block).size(), raw + kMore) << round;
  }
}

TEST(Chunk, OneRegularReadingTakesFewBytes) {
  EXPECT_LE(encode_chunk(numbers_of({21.5})).size(), 26u);
}

TEST(Chunk, ARegularCadenceIsNearlyFree) {
  const std::size_t many = encode_chunk(numbers_of(std::vector<double>(4096, 21.5))).size();
  EXPECT_LE(many, encode_chunk(numbers_of({21.5})).size() + 8);
}

TEST(Chunk, SixSignificantDigitsCostNoMoreBelowADecadeThanAbove) {
  Random random(6);
  std::vector<double> numbers;
  for (int i = 0; i < 4096; ++i) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", 0.5 + below(random, 1));
    numbers.push_back(std::stod(text));
  }
  EXPECT_LE(encode_chunk(numbers_of(numbers)).size(),
            4096u * 19 / 8);  // log2(500,000 + 50,000) = 19.07 at most
}

// A converter of 16 bits whose counts were scaled and shifted, and an odd number among them.
TEST(Chunk, CalibratedCountsTakeTheBitsOfTheirCounts) {
  Random random(13);
  std::vector<double> scaled, shifted;
  for (int i = 0; i < 4096; ++i) {
    const auto count = static_cast<double>(random() % 65536);
    scaled.push_back(count * (10.0 / 32768));
    shifted.push_back(count * 0.00371 * 1.8 - 4.2 / 7);
  }
  scaled[17] = shifted[17] = std::nan("");
  for (const auto& numbers : {scaled, shifted}) {
    ASSERT_NO_FATAL_FAILURE(expect_back(numbers_of(numbers)));
    EXPECT_LE(encode_chunk(numbers_of(numbers)).size(),
              4096u * 19 / 8);  // 16 bits, and 1 to 2 for roundings
  }
}

TEST(Chunk, AFewOddNumbersDoNotSpoilTheOthers) {
  Random random(7);
  std::vector<double> numbers;
  for (int i = 0; i < 4000; ++i) numbers.push_back(static_cast<double>(random() % 256) / 10);
  const std::size_t without = encode_chunk(numbers_of(numbers)).size();
  numbers[0] = std::nan("");
  numbers[1000] = -1.18e42;
  numbers[3999] = 0.1 + 0.2;
  ASSERT_NO_FATAL_FAILURE(expect_back(numbers_of(numbers)));
  EXPECT_LE(encode_chunk(numbers_of(numbers)).size(), without + 3 * 12 + 16);
}

TEST(Chunk, EveryFlippedBitIsFound) {
  Random random(8);
  for (int round = 0; round < 30; ++round) {
    const base::Bytes good =
        encode_chunk(random_block(random, any_kind(random), 1 + random() % 40));
    if (good.size() > 2000) continue;  // long texts only make it slow
    Block block;
    for (std::size_t i = 0; i < 8 * good.size(); ++i) {
      base::Bytes bad = good;
      bad[i / 8] ^= static_cast<std::uint8_t>(1u << i % 8);
      ASSERT_EQ(decode_chunk(bad, block).error().code(), base::Code::kCorrupt) << "bit " << i;
    }
  }
}

TEST(Chunk, EveryCutIsFound) {
  Random random(9);
  for (int round = 0; round < 30; ++round) {
    const base::Bytes good =
        encode_chunk(random_block(random, any_kind(random), 1 + random() % 40));
    Block block;
    for (std::size_t size = 0; size < good.size() && size < 2000; ++size) {
      const auto status = decode_chunk(base::ByteView(good).first(size), block);
      ASSERT_FALSE(status.ok()) << size;
      ASSERT_EQ(status.error().code(), base::Code::kCorrupt);
    }
  }
}

// A forger can make the sum right; what it sums must still be bounded and never crash.
TEST(Chunk, GarbageWithARightSumNeverCrashes) {
  Random random(10);
  Block block;
  for (int round = 0; round < 40000; ++round) {
    base::Bytes bytes = encode_chunk(random_block(random, any_kind(random), 1 + random() % 60));
    bytes.resize(bytes.size() - 4);
    for (int k = 0; k < 3; ++k)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    if (!decode_chunk(sealed(bytes), block).ok()) continue;
    EXPECT_LE(block.size(), kMaxBlockSamples);
    EXPECT_EQ(block.qualities.size(), block.size());
  }
}

TEST(Chunk, AnotherVersionIsToldApartFromDamage) {
  base::Bytes bytes = encode_chunk(numbers_of({1}));
  bytes.resize(bytes.size() - 4);
  bytes[2] = 9;
  Block block;
  EXPECT_EQ(decode_chunk(sealed(bytes), block).error().code(), base::Code::kUnsupported);
}

TEST(Chunk, IsABlockToWhoReadsBlocks) {
  Random random(11);
  const Block block = random_block(random, Kind::kWaveform, 30);
  auto back = decode_block(encode_chunk(block));
  ASSERT_TRUE(back.ok());
  expect_same(block, *back);
}

Block integers_of(std::vector<std::int64_t> integers) {
  Block block = numbers_of(std::vector<double>(integers.size()));
  block.kind = Kind::kInteger;
  block.numbers.clear();
  block.integers = std::move(integers);
  return block;
}

Block three_readings() {
  Block block;
  block.times = {1'000'000, 2'000'000, 3'000'000};
  block.qualities = {Quality::kGood, Quality::kGood, Quality::kBadOutOfRange};
  block.numbers = {20.5, 20.6, 99};
  return block;
}

// Small ones and now and then a large one: two bins.
Block two_levels() {
  std::vector<std::int64_t> integers;
  for (int i = 0; i < 24; ++i) integers.push_back(i % 8 == 5 ? 100'000 : i % 3);
  return integers_of(integers);
}

Block two_states() {
  Block block = three_readings();
  block.kind = Kind::kText;
  block.numbers.clear();
  block.strings = {"on", "off", "on"};
  return block;
}

// docs/formats/chunk.md shows these; a program written after the page must read them.
TEST(Chunk, TheGoldenChunksOfTheDocumentAreWhatWeWrite) {
  EXPECT_EQ(base::to_hex(encode_chunk(three_readings())),
            "4c430100030880897a80897a408080f081080001010001020201119a0302019e0c006ce279f9");
  EXPECT_EQ(base::to_hex(encode_chunk(two_levels())),
            "4c43010118088080f2818389850680897a0000010203000203205043884a26995832a9046dfff0c8");
  EXPECT_EQ(
      base::to_hex(encode_chunk(two_states())),
      "4c430103030880897a80897a408080f0810800010100010202080402010100010100056f6e6f666687f33a5d");
}

TEST(Decimals, OrderIsKeptAndEveryStepComesBack) {
  Random random(12);
  for (int round = 0; round < 100000; ++round) {
    const unsigned digits = 1 + static_cast<unsigned>(random() % kMaxDigits);
    const unsigned more = static_cast<unsigned>(random() % (16 - digits));
    std::int64_t n =
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kWholePowers[digits])) *
        kWholePowers[more];
    if (random() % 2) n = -n;
    if (n >= kExact || n <= -kExact) continue;
    std::int64_t back = 0;
    ASSERT_TRUE(expanded(compressed(n, digits), digits, back));
    ASSERT_EQ(back, n);
    ASSERT_TRUE(expanded(compressed(n, digits) + 1, digits, back));
    ASSERT_GT(back, n);
    ASSERT_EQ(compressed(back, digits), compressed(n, digits) + 1);
  }
  std::int64_t ignored = 0;
  for (int round = 0; round < 100000; ++round) {
    (void)expanded(static_cast<std::int64_t>(random() >> random() % 64),
                   1 + static_cast<unsigned>(random() % kMaxDigits), ignored);
  }
  EXPECT_FALSE(expanded(INT64_MIN, 6, ignored));
}

}  // namespace
}  // namespace lander::sensing
