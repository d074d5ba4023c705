#include "link/dictionary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/cbor.h"
#include "link/brief_fixture.h"

namespace lander::link {
namespace {

using base::Bytes;
using base::Code;

// A site's dictionary of `count` pumps, and the items that tell of it.
std::vector<Bytes> fill(Dictionary& site, int count) {
  std::vector<Bytes> items;
  for (int n = 0; n < count; ++n) {
    if (auto body = site.add(brief_raise(1, n))) items.push_back(*body);
  }
  return items;
}

TEST(DictionaryOf, ASubjectLeavesOutWhatChangesFromAlertToAlert) {
  alert::Info info = *brief_raise(1).info;
  EXPECT_EQ(subject_of(info).detail, "") << "it has a digit";
  info.detail = "The values stay on the site: a datastream that explains this never leaves it.";
  EXPECT_EQ(subject_of(info).detail, info.detail);
  info.detail.assign(81, 'x');
  EXPECT_EQ(subject_of(info).detail, "");
}

TEST(DictionaryOf, NamesAreNumberedOnce) {
  Dictionary site;
  const alert::Event event = brief_raise(1);
  ASSERT_TRUE(site.add(event));
  EXPECT_EQ(site.size(), 4u) << "the subject and three causes";
  EXPECT_FALSE(site.add(brief_raise(2))) << "all is there";
  EXPECT_FALSE(site.add(brief_event(alert::EventKind::kClear, 3, 1)));
  EXPECT_EQ(site.subject(subject_of(*event.info)), 0u);
  EXPECT_EQ(site.datastream("p0-vibration"), 1u);
  EXPECT_EQ(*site.datastream_at(1), "p0-vibration");
  EXPECT_EQ(site.subject_at(0)->title, "Bearing wear");
  EXPECT_EQ(site.subject_at(1), nullptr);
  EXPECT_EQ(site.datastream_at(0), nullptr);
  EXPECT_EQ(site.datastream_at(4), nullptr);
  EXPECT_FALSE(site.datastream("p0-flow")) << "a brief has three causes";
}

TEST(DictionaryOf, ThePeerHasItWhateverOrderTheItemsComeInAndHoweverOften) {
  Dictionary site;
  const auto items = fill(site, 40);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    auto arriving = items;
    for (const Bytes& item : items) {
      if (random() % 3 == 0) arriving.push_back(item);
    }
    std::shuffle(arriving.begin(), arriving.end(), random);
    Dictionary hub;
    for (const Bytes& item : arriving) {
      ASSERT_TRUE(hub.take(item).ok());
      if (random() % 4 == 0) hub = Dictionary::decode(hub.encode()).value();  // a restart
    }
    ASSERT_EQ(hub.encode(), site.encode());
  }
}

TEST(DictionaryOf, ItTellsWhichItemsABriefTakesForGranted) {
  Dictionary site;
  const auto items = fill(site, 3);
  EXPECT_EQ(site.needed(brief_raise(1, 1)), 8u);
  EXPECT_EQ(site.needed(brief_event(alert::EventKind::kClear, 3, 1)), 0u);
  EXPECT_EQ(Dictionary::first_of(items[2]).value(), 8u);
  EXPECT_EQ(Dictionary::first_of(Bytes{1}).error().code(), Code::kCorrupt);
  Dictionary hub;
  for (const Bytes& item : items) {
    if (Dictionary::first_of(item).value() < site.needed(brief_raise(1, 1))) {
      ASSERT_TRUE(hub.take(item).ok());
    }
  }
  EXPECT_EQ(hub.size(), 8u);
}

TEST(DictionaryOf, APeerThatContradictsItselfIsRefused) {
  Dictionary site, other, hub;
  const auto items = fill(site, 3);
  ASSERT_TRUE(hub.take(items[0]).ok());
  alert::Event differs = brief_raise(1, 7);
  EXPECT_EQ(hub.take(*other.add(differs)).error().code(), Code::kCorrupt) << "entry 0 otherwise";
  EXPECT_EQ(hub.size(), 4u);

  base::CborWriter twice;
  twice.array(3).unsigned_integer(1).unsigned_integer(4).array(1).text("p0-vibration");
  EXPECT_EQ(hub.take(twice.out()).error().code(), Code::kCorrupt) << "under two numbers";
  ASSERT_TRUE(hub.take(items[2]).ok());
  base::CborWriter ahead;
  ahead.array(3).unsigned_integer(1).unsigned_integer(8).array(1).text("x");
  EXPECT_EQ(hub.take(ahead.out()).error().code(), Code::kCorrupt) << "what waits, otherwise";
  EXPECT_TRUE(hub.take(items[1]).ok());
  EXPECT_EQ(hub.encode(), site.encode());
  base::CborWriter empty, far;
  empty.array(3).unsigned_integer(1).unsigned_integer(0).array(0);
  far.array(3).unsigned_integer(1).unsigned_integer(Dictionary::kMax).array(1).text("x");
  EXPECT_EQ(hub.take(empty.out()).error().code(), Code::kCorrupt);
  EXPECT_EQ(hub.take(far.out()).error().code(), Code::kCorrupt);
}

TEST(DictionaryOf, WhatWaitsForAGapIsBounded) {
  Dictionary site, hub;
  const auto items = fill(site, 300);
  for (std::size_t i = 1; i <= Dictionary::kMaxAhead; ++i) ASSERT_TRUE(hub.take(items[i]).ok());
  EXPECT_EQ(hub.take(items.back()).error().code(), Code::kExhausted);
  ASSERT_TRUE(hub.take(items[5]).ok()) << "one that waits already";
  for (const Bytes& item : items) ASSERT_TRUE(hub.take(item).ok());
  EXPECT_EQ(hub.encode(), site.encode());
}

TEST(DictionaryOf, AFullOneStaysAsItIs) {
  Dictionary site, hub;
  for (const Bytes& item : fill(site, 20'000)) ASSERT_TRUE(hub.take(item).ok());
  EXPECT_LE(site.size(), Dictionary::kMax);
  EXPECT_GT(site.size(), Dictionary::kMax / 2);
  EXPECT_FALSE(site.add(brief_raise(1, 20'001)));
  EXPECT_EQ(hub.encode(), site.encode());
  EXPECT_EQ(Dictionary::decode(site.encode()).value().size(), site.size());
}

TEST(DictionaryOf, TruncatedOrFlippedBytesAreRefusedOrMeanWhatTheySay) {
  Dictionary site, hub;
  const auto items = fill(site, 3);
  ASSERT_TRUE(hub.take(items[0]).ok());
  ASSERT_TRUE(hub.take(items[2]).ok());
  const Bytes good = hub.encode();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Dictionary::decode(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    if (const auto decoded = Dictionary::decode(bad); decoded.ok()) {
      ASSERT_EQ(decoded->encode(), bad) << bit;
    }
  }
}

}  // namespace
}  // namespace lander::link
