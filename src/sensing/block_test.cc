#include "sensing/block.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "sensing/testing.h"

namespace lander::sensing {
namespace {

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

void expect_same(const Block& a, const Block& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.times, b.times);
  EXPECT_EQ(a.qualities, b.qualities);
  EXPECT_TRUE(same_bits(a.numbers, b.numbers));
  EXPECT_EQ(a.integers, b.integers);
  EXPECT_EQ(a.booleans, b.booleans);
  EXPECT_EQ(a.strings, b.strings);
}

double awkward_number(std::mt19937_64& random) {
  if (random() % 10 < 8) return odd_number(random);
  return static_cast<double>(static_cast<std::int64_t>(random() % 20001) - 10000) / 100;
}

std::int64_t awkward_integer(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return INT64_MIN;
    case 1:
      return INT64_MAX;
    case 2:
      return static_cast<std::int64_t>(random());
    default:
      return static_cast<std::int64_t>(random() % 100) - 50;
  }
}

std::string awkward_text(std::mt19937_64& random) {
  std::string out(random() % 8 == 0 ? kMaxTextBytes : random() % 12, 'x');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

void add_value(Block& block, std::mt19937_64& random, bool calm) {
  switch (block.kind) {
    case Kind::kNumber:
      block.numbers.push_back(calm ? static_cast<double>(random() % 1000) / 10
                                   : awkward_number(random));
      break;
    case Kind::kInteger:
      block.integers.push_back(awkward_integer(random));
      break;
    case Kind::kBoolean:
      block.booleans.push_back(random() % 2);
      break;
    case Kind::kText:
    case Kind::kWaveform:
    case Kind::kObject:
    case Kind::kInterval:
      block.strings.push_back(awkward_text(random));
      break;
  }
}

Block random_block(std::mt19937_64& random, std::size_t count) {
  Block block;
  block.kind = static_cast<Kind>(random() % 4);
  const bool calm = random() % 2;
  std::int64_t time = calm ? 1'700'000'000'000'000 : static_cast<std::int64_t>(random());
  for (std::size_t i = 0; i < count; ++i) {
    block.times.push_back(time);
    const std::uint64_t step = calm ? 100'000 : random() >> (random() % 64);
    if (step <= static_cast<std::uint64_t>(INT64_MAX) - static_cast<std::uint64_t>(time)) {
      time = static_cast<std::int64_t>(static_cast<std::uint64_t>(time) + step);
    }
    block.qualities.push_back(calm ? Quality::kGood : static_cast<Quality>(random() % 3 << 30));
    add_value(block, random, calm);
  }
  return block;
}

TEST(Block, EverySampleComesBackToTheBit) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    const Block block = random_block(random, random() % 40);
    auto back = decode_block(encode(block));
    ASSERT_TRUE(back.ok()) << back.error().message();
    expect_same(block, *back);
  }
}

TEST(Block, TheLargestBlockComesBack) {
  std::mt19937_64 random(2);
  const Block block = random_block(random, kMaxBlockSamples);
  auto back = decode_block(encode(block));
  ASSERT_TRUE(back.ok()) << back.error().message();
  expect_same(block, *back);
}

TEST(Block, ReadingsWithFewDecimalsTakeFewBytes) {
  Block block;
  std::mt19937_64 random(3);
  double value = 20;
  for (int i = 0; i < 1000; ++i) {
    value += static_cast<double>(random() % 21) / 100 - 0.1;
    block.times.push_back(1'700'000'000'000'000 + i * base::kSecond);
    block.qualities.push_back(Quality::kGood);
    block.numbers.push_back(std::nearbyint(value * 100) / 100);
  }
  EXPECT_LT(encode(block).size(), 2'100u);
}

TEST(Block, EveryFlippedBitIsFound) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 16; ++round) {
    const base::Bytes good = encode(random_block(random, 1 + random() % 20));
    if (good.size() > 2000) continue;  // long texts only make it slow
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        base::Bytes bad = good;
        bad[i] ^= static_cast<std::uint8_t>(1u << bit);
        EXPECT_FALSE(decode_block(bad).ok()) << "byte " << i << " bit " << bit;
      }
    }
  }
}

TEST(Block, EveryTruncationIsFound) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 20; ++round) {
    const base::Bytes good = encode(random_block(random, random() % 30));
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_FALSE(decode_block(base::ByteView(good).first(size)).ok()) << size;
    }
  }
}

// A forger can make the sum right; what it sums must still be bounded and never crash.
TEST(Block, GarbageWithARightSumNeverCrashesNorAllocatesMuch) {
  std::mt19937_64 random(6);
  const auto sealed = [](base::Bytes bytes) {
    const std::uint32_t crc = base::crc32c(bytes);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
    return bytes;
  };
  for (int round = 0; round < 20000; ++round) {
    base::Bytes bytes = encode(random_block(random, random() % 12));
    bytes.resize(bytes.size() - 4);
    for (int k = 0; k < 3; ++k)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    auto block = decode_block(sealed(bytes));
    if (!block.ok()) continue;
    const std::size_t value_bytes = block->kind == Kind::kText      ? sizeof(std::string)
                                    : block->kind == Kind::kBoolean ? 1
                                                                    : 8;
    EXPECT_LE(block->size() * (12 + value_bytes), bytes.size() * 16);
  }
  EXPECT_FALSE(decode_block(sealed({'L', 'B', 1, 0, 0xFF, 0xFF, 0x03})).ok());  // 65,535 of nothing
}

TEST(Block, AnotherVersionIsToldApartFromDamage) {
  base::Bytes bytes = encode(Block());
  bytes.resize(bytes.size() - 4);
  bytes[2] = 9;
  const std::uint32_t crc = base::crc32c(bytes);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  EXPECT_EQ(decode_block(bytes).error().code(), base::Code::kUnsupported);
}

// docs/formats/block.md shows this block; a program written after the page must read it.
TEST(Block, TheGoldenBlockOfTheDocumentIsWhatWeWrite) {
  Block block;
  block.times = {1'000'000, 2'000'000, 3'000'000};
  block.qualities = {Quality::kGood, Quality::kGood, Quality::kBadOutOfRange};
  block.numbers = {20.5, 20.6, 99};
  EXPECT_EQ(base::to_hex(encode(block)),
            "4c4201000380897a80897a000200018080f0810801019a0302a00c56d19f78");
}

TEST(SeriesBlocks, ComeBackAndRefuseDamage) {
  std::vector<SeriesBlock> blocks = {
      {"p1-pressure", 3, -5'000'000, 12, encode(Block())},
      {"p1-flow", 1, 0, INT64_MAX, {}},
  };
  const base::Bytes body = encode_blocks(blocks);
  auto back = decode_blocks(body);
  ASSERT_TRUE(back.ok()) << back.error().message();
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ((*back)[0].datastream, "p1-pressure");
  EXPECT_EQ((*back)[0].revision, 3u);
  EXPECT_EQ((*back)[0].utc_offset, -5'000'000);
  EXPECT_EQ((*back)[0].block, blocks[0].block);
  EXPECT_EQ((*back)[1].utc_error, INT64_MAX);
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode_blocks(base::ByteView(body).first(size)).ok()) << size;
  }
  blocks[1].datastream = "No Such Id";
  EXPECT_FALSE(decode_blocks(encode_blocks(blocks)).ok());
}

TEST(Summary, CountsOnlyGoodNumbersAndMergesLikeOne) {
  std::mt19937_64 random(7);
  Summary whole, left, right;
  for (int i = 0; i < 1000; ++i) {
    const double value = static_cast<double>(random() % 1000) - 500;
    const Quality quality = random() % 5 == 0 ? Quality::kBad : Quality::kGood;
    whole.add(value, quality);
    (random() % 2 ? left : right).add(value, quality);
  }
  whole.add(std::nan(""), Quality::kGood);
  right.add(std::nan(""), Quality::kGood);
  left.add(right);
  EXPECT_EQ(left.count, whole.count);
  EXPECT_EQ(left.others, whole.others);
  EXPECT_EQ(left.least, whole.least);
  EXPECT_EQ(left.most, whole.most);
  EXPECT_EQ(left.sum, whole.sum);
}

TEST(Block, KindsThatOnlyChunksHoldAreRefusedAsUnsupported) {
  std::mt19937_64 random(5);
  base::Bytes bytes = encode(random_block(random, 3));
  for (std::uint8_t kind = 4; kind < 8; ++kind) {
    bytes[3] = kind;
    bytes.resize(bytes.size() - 4);
    const std::uint32_t crc = base::crc32c(bytes);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
    const auto read = decode_block(bytes);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), kind < 7 ? base::Code::kUnsupported : base::Code::kCorrupt);
  }
}

}  // namespace
}  // namespace lander::sensing
