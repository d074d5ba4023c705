#include "base/cbor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace lander::base {
namespace {

// Writes a random item, at most `depth` deep.
void write_any(CborWriter& out, std::mt19937_64& random, int depth) {
  switch (random() % (depth > 0 ? 10 : 7)) {
    case 0:
      out.unsigned_integer(random() >> (random() % 64));
      return;
    case 1:
      out.integer(static_cast<std::int64_t>(random()) >> (random() % 64));
      return;
    case 2:
      out.real(std::bit_cast<double>(static_cast<std::uint64_t>(random())));
      return;
    case 3:
      out.boolean(random() % 2 == 0);
      return;
    case 4:
      out.null();
      return;
    case 5:
      out.text(std::string(random() % 40, 'x') + "Ω");
      return;
    case 6:
      out.bytes(Bytes(random() % 300, 7));
      return;
    case 7: {
      const auto length = random() % 5;
      out.array(length);
      for (std::uint64_t i = 0; i < length; ++i) write_any(out, random, depth - 1);
      return;
    }
    case 8: {
      const auto length = random() % 4;
      out.map(length);
      for (std::uint64_t i = 0; i < length; ++i) {
        out.unsigned_integer(i);
        write_any(out, random, depth - 1);
      }
      return;
    }
    default:
      out.tag(random() % 1000);
      write_any(out, random, depth - 1);
  }
}

// Reads one item and writes it again, by the type it says it has.
Status copy_item(CborReader& in, CborWriter& out, int depth = 0) {
  if (depth > 40) return Error(Code::kCorrupt, "deep");
  LANDER_ASSIGN(const CborType type, in.peek());
  std::uint64_t children = 0;
  switch (type) {
    case CborType::kUnsigned: {
      LANDER_ASSIGN(const std::uint64_t value, in.unsigned_integer());
      out.unsigned_integer(value);
      break;
    }
    case CborType::kNegative: {
      LANDER_ASSIGN(const std::int64_t value, in.integer());
      out.integer(value);
      break;
    }
    case CborType::kBytes: {
      LANDER_ASSIGN(const ByteView value, in.bytes());
      out.bytes(value);
      break;
    }
    case CborType::kText: {
      LANDER_ASSIGN(const std::string_view value, in.text());
      out.text(value);
      break;
    }
    case CborType::kArray: {
      LANDER_ASSIGN(children, in.array());
      out.array(children);
      break;
    }
    case CborType::kMap: {
      LANDER_ASSIGN(children, in.map());
      out.map(children);
      children *= 2;
      break;
    }
    case CborType::kTag: {
      LANDER_ASSIGN(const std::uint64_t value, in.tag());
      out.tag(value);
      children = 1;
      break;
    }
    case CborType::kBoolean: {
      LANDER_ASSIGN(const bool value, in.boolean());
      out.boolean(value);
      break;
    }
    case CborType::kNull:
      LANDER_TRY(in.null());
      out.null();
      break;
    case CborType::kReal: {
      LANDER_ASSIGN(const double value, in.real());
      out.real(value);
      break;
    }
  }
  for (; children > 0; --children) LANDER_TRY(copy_item(in, out, depth + 1));
  return {};
}

// What can be read must be exactly what the writer would have written.
void expect_one_form(ByteView input) {
  CborReader in(input);
  CborWriter out;
  const Status status = copy_item(in, out);
  if (status.ok()) {
    const ByteView read = input.first(in.offset());
    EXPECT_EQ(out.out(), Bytes(read.begin(), read.end()));
  } else {
    EXPECT_EQ(status.error().code(), Code::kCorrupt);
  }
}

TEST(Cbor, WhatIsWrittenIsRead) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 500; ++i) {
    CborWriter writer;
    write_any(writer, random, 5);
    CborReader reader(writer.out());
    CborWriter again;
    ASSERT_TRUE(copy_item(reader, again).ok());
    EXPECT_TRUE(reader.end().ok());
    EXPECT_EQ(again.out(), writer.out());
    CborReader skipping(writer.out());
    EXPECT_EQ(skipping.skip()->size(), writer.out().size());
  }
}

TEST(Cbor, EveryTruncationIsRefusedAndLeavesTheReaderWhereItWas) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 100; ++i) {
    CborWriter writer;
    write_any(writer, random, 4);
    const ByteView whole = writer.out();
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CborReader reader(whole.first(size));
      const auto skipped = reader.skip();
      ASSERT_FALSE(skipped.ok());
      EXPECT_EQ(skipped.error().code(), Code::kCorrupt);
      EXPECT_EQ(reader.offset(), 0u);
    }
  }
}

TEST(Cbor, AFlippedByteIsRefusedOrMeansAnotherValueInItsOnlyForm) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 100; ++i) {
    CborWriter writer;
    write_any(writer, random, 3);
    Bytes bytes = writer.out();
    for (std::size_t at = 0; at < std::min<std::size_t>(bytes.size(), 64); ++at) {
      const std::uint8_t original = bytes[at];
      for (int value = 0; value < 256; ++value) {
        bytes[at] = static_cast<std::uint8_t>(value);
        expect_one_form(bytes);
      }
      bytes[at] = original;
    }
  }
}

TEST(Cbor, RandomBytesNeverHaveTwoForms) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(random() % 24);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
    expect_one_form(bytes);
  }
}

TEST(Cbor, ALengthThatTheInputCannotHoldIsRefusedBeforeAnythingIsAllocated) {
  for (const char* hex : {"5bffffffffffffffff", "7bffffffffffffffff", "9bffffffffffffffff",
                          "bbffffffffffffffff", "9a00100000", "ba80000000"}) {
    const Bytes bytes = *from_hex(hex);
    CborReader reader(bytes);
    EXPECT_FALSE(reader.skip().ok()) << hex;
    EXPECT_EQ(reader.offset(), 0u);
  }
}

TEST(Cbor, OtherFormsOfTheSameValueAreRefused) {
  // Long integers, indefinite lengths, half and single floats, undefined, break.
  for (const char* hex : {"1801", "190001", "1a00000001", "1b0000000000000001", "5f4101ff", "9fff",
                          "bfff", "f90000", "fa00000000", "f7", "ff", "f800"}) {
    const Bytes bytes = *from_hex(hex);
    EXPECT_FALSE(CborReader(bytes).skip().ok()) << hex;
  }
}

TEST(Cbor, NestingIsBounded) {
  for (int depth : {32, 33, 100'000}) {
    Bytes bytes(static_cast<std::size_t>(depth), 0x81);
    bytes.push_back(0x00);
    EXPECT_EQ(CborReader(bytes).skip().ok(), depth <= 32) << depth;
  }
}

TEST(Cbor, ExtremeNumbersSurvive) {
  for (const std::int64_t value : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1},
                                   std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
    CborWriter writer;
    writer.integer(value);
    EXPECT_EQ(*CborReader(writer.out()).integer(), value);
  }
  CborWriter big;
  big.unsigned_integer(std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(CborReader(big.out()).integer().ok());  // does not fit: refused, not wrapped
  EXPECT_EQ(*CborReader(big.out()).unsigned_integer(), std::numeric_limits<std::uint64_t>::max());
  CborWriter zero;
  zero.real(-0.0);
  EXPECT_TRUE(std::signbit(*CborReader(zero.out()).real()));
}

TEST(Cbor, AnErrorNamesTheByteAndWhatWasExpected) {
  CborWriter writer;
  writer.array(2).integer(1).text("x");
  CborReader reader(writer.out());
  ASSERT_TRUE(reader.array().ok());
  ASSERT_TRUE(reader.integer().ok());
  const auto wrong = reader.boolean();
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message(), "CBOR at byte 2: expected a boolean");
  EXPECT_EQ(*reader.text(), "x");  // the reader stands where it stood
}

TEST(Cbor, AnItemBeyondTheBoundsOfItsFormatIsRefusedAndTheCursorStaysBeforeIt) {
  CborWriter out;
  out.array(3).unsigned_integer(2).text("pump").bytes(Bytes(5));
  const Bytes encoded = out.take();
  CborReader in(encoded);
  EXPECT_EQ(in.array_of(2, "a thing").error().message(),
            "CBOR at byte 0: expected a thing of 2 fields, found 3");
  EXPECT_EQ(in.array_up_to(2, "things").error().message(),
            "CBOR at byte 0: expected at most 2 things, found 3");
  EXPECT_EQ(in.record(4, 2, "a thing").error().code(), Code::kCorrupt);
  EXPECT_EQ(in.offset(), 0u);
  ASSERT_TRUE(in.array_of(3, "a thing").ok());
  EXPECT_EQ(in.enumerator(2, "a kind").error().message(),
            "CBOR at byte 1: expected a kind below 2, found 2");
  ASSERT_EQ(*in.enumerator(3, "a kind"), 2);
  EXPECT_EQ(in.text_of(1, 3, "a name").error().message(),
            "CBOR at byte 2: expected a name of 1 to 3 bytes, found 4");
  ASSERT_EQ(*in.text_of(1, 4), "pump");
  EXPECT_EQ(in.bytes_of(4, 4, "a key").error().message(),
            "CBOR at byte 7: expected a key of 4 bytes, found 5");
  ASSERT_EQ(in.bytes_of(5, 5, "a key")->size(), 5u);
  EXPECT_TRUE(in.end().ok());
}

TEST(Cbor, ARecordOfANewerFormatIsCalledUnsupportedThoughItHasOtherFields) {
  CborWriter out;
  out.array(4).unsigned_integer(2).null().null().null();
  const Bytes encoded = out.take();
  CborReader in(encoded);
  const Status status = in.record(3, 1, "a thing");
  EXPECT_EQ(status.error().code(), Code::kUnsupported);
  EXPECT_EQ(status.error().message(), "a thing of format 2; this version reads 1");
  EXPECT_TRUE(in.record(4, 2, "a thing").ok());
}

}  // namespace
}  // namespace lander::base
