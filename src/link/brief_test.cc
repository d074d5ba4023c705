#include "link/brief.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "link/brief_fixture.h"

namespace lander::link {
namespace {

using alert::Event;
using alert::EventKind;
using base::Bytes;
using base::Code;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Bytes brief_of(const Event& event, const Dictionary& dictionary) {
  const auto brief = encode_brief(event, kTenant, kPlant, dictionary);
  EXPECT_TRUE(brief);
  return brief.value_or(Bytes{});
}
base::Result<Event> told(const Bytes& brief, const Dictionary& dictionary) {
  return decode_brief(brief, kTenant, kPlant, dictionary);
}

TEST(DerivedId, IsAUuidOfVersion7WhosePartsComeBack) {
  std::mt19937_64 random(1);
  std::set<std::string> all;
  for (int i = 0; i < 2'000; ++i) {
    const auto time = static_cast<base::TimeUs>(random() % 4'000'000'000'000'000);
    const auto salt = static_cast<std::uint16_t>(random());
    for (const IdOf what : {IdOf::kAlert, IdOf::kEvent}) {
      const std::string id = derived_id("acme", "plant", what, time, salt);
      ASSERT_EQ(id.size(), 36u);
      ASSERT_EQ(id[14], '7');
      ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos);
      const auto parts = parts_of(id, "acme", "plant", what);
      ASSERT_TRUE(parts);
      ASSERT_EQ(parts->time, time / 1'000 * 1'000);
      ASSERT_EQ(parts->salt, salt);
      ASSERT_TRUE(all.insert(id).second);
      ASSERT_FALSE(
          parts_of(id, "acme", "plant", what == IdOf::kAlert ? IdOf::kEvent : IdOf::kAlert));
      ASSERT_FALSE(parts_of(id, "acmep", "lant", what));
    }
  }
}

TEST(DerivedId, AnotherIdIsNotTakenForOne) {
  const std::string id = derived_id("acme", "plant", IdOf::kAlert, kNow, 7);
  for (std::size_t i = 0; i < id.size(); ++i) {
    for (const char c : {'0', 'f', 'F', '-', ' '}) {
      std::string other = id;
      other[i] = c;
      EXPECT_EQ(parts_of(other, "acme", "plant", IdOf::kAlert).has_value(), other == id) << other;
    }
  }
  EXPECT_FALSE(parts_of("", "acme", "plant", IdOf::kAlert));
  EXPECT_FALSE(parts_of("0192e4a0-0000-7000-8000-000000000000", "acme", "plant", IdOf::kAlert));
}

TEST(DerivedId, AClockBefore1970HasOneOfNoTime) {
  EXPECT_EQ(parts_of(derived_id("a", "b", IdOf::kEvent, -5, 1), "a", "b", IdOf::kEvent)->time, 0);
  EXPECT_FALSE(encode_brief(
      [] {
        Event event = brief_event(EventKind::kClear, 1, 1);
        event.time = -5'000;
        event.id = derived_id(kTenant, kPlant, IdOf::kEvent, event.time, 1);
        return event;
      }(),
      kTenant, kPlant, {}));
}

TEST(Brief, ARaiseIsToldWithItsExplanationIn24Bytes) {
  Dictionary dictionary;
  const Event event = brief_raise(0xBEEF);
  ASSERT_TRUE(dictionary.add(event));
  const Bytes brief = brief_of(event, dictionary);
  RecordProperty("bytes_of_a_raise", static_cast<int>(brief.size()));
  EXPECT_LE(brief.size(), 24u);
  const auto back = told(brief, dictionary);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_TRUE(back->brief);
  EXPECT_EQ(back->id, event.id);
  EXPECT_EQ(back->alert, event.alert);
  EXPECT_EQ(back->time, kNow / 1'000 * 1'000);
  EXPECT_EQ(back->actor, "site");
  EXPECT_EQ(subject_of(*back->info), subject_of(*event.info));
  EXPECT_EQ(back->info->severity, alert::Severity::kHigh);
  EXPECT_NEAR(back->info->score, 1.71, 1.71 / 256);
  ASSERT_EQ(back->info->causes.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back->info->causes[i].datastream, event.info->causes[i].datastream);
    EXPECT_NEAR(back->info->causes[i].share, event.info->causes[i].share, 1 / 510.0);
  }
  EXPECT_NEAR(back->info->causes[0].value, 7.1, 7.1 / 65'536);
  EXPECT_NEAR(back->info->causes[0].expected, 2.3, 2.3 / 65'536);
  EXPECT_TRUE(back->info->evidence.series.empty());
}

TEST(Brief, SizesAreAsTheDocumentSays) {
  Dictionary dictionary;
  const Event raise = brief_raise(1);
  dictionary.add(raise);
  Event again = raise, bare = raise;
  again.id = derived_id(kTenant, kPlant, IdOf::kEvent, kNow + base::kHour, 2);
  again.time = kNow + base::kHour;
  bare.info->causes.clear();
  bare.info->score = kNaN;
  Event seen = brief_event(EventKind::kAcknowledge, 4, 1, base::kMinute);
  seen.actor = "user:anna@site";
  const std::pair<Event, std::size_t> rows[] = {
      {raise, 24}, {bare, 10},
      {again, 30}, {brief_event(EventKind::kClear, 3, 1, base::kMinute), 14},
      {seen, 19},
  };
  for (const auto& [event, size] : rows) {
    EXPECT_EQ(brief_of(event, dictionary).size(), size) << to_string(event.kind);
  }
  Dictionary large;  // the numbers after 127 take two bytes
  for (int n = 0; n < 400; ++n) large.add(brief_raise(1, n));
  EXPECT_EQ(brief_of(brief_raise(1, 31), large).size(), 24u);
  EXPECT_EQ(brief_of(brief_raise(1, 399), large).size(), 28u);
}

TEST(Brief, ClearsAndAcknowledgementsAreToldWithWhoDidIt) {
  const Dictionary none;
  Event clear = brief_event(EventKind::kClear, 3, 1, 50 * base::kMinute);
  clear.comment = "stays for the whole";
  auto back = told(brief_of(clear, none), none);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->id, clear.id);
  EXPECT_EQ(back->alert, clear.alert);
  EXPECT_EQ(back->comment, "");
  EXPECT_FALSE(back->info);
  for (const auto& [actor, comes] : {std::pair{"user:anna@site", "user:anna@site"},
                                     {"user:twelve-bytes@site", "user:twelve-bytes@site"},
                                     {"user:thirteen-long@site", "user@site"},
                                     {"user@site", "user@site"},
                                     {"user:@site", "user@site"},
                                     {"user:jos\xc3\xa9@site", "user:jos\xc3\xa9@site"}}) {
    Event seen = brief_event(EventKind::kAcknowledge, 4, 1, -base::kMinute);  // by a slow clock
    seen.actor = actor;
    back = told(brief_of(seen, none), none);
    ASSERT_TRUE(back.ok()) << actor;
    EXPECT_EQ(back->actor, comes);
    EXPECT_EQ(back->alert, seen.alert);
  }
}

TEST(Brief, NumbersOfAnySizeComeAsExactAsTheyMay) {
  Dictionary dictionary;
  Event event = brief_raise(1);
  dictionary.add(event);
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double value : {0.0, -0.0, 101'325.0, 293.15, 294.0, 1e-6, 3.2e9, -41.5, 1e38, 1e300,
                             -1e300, 5e-324, infinite, -infinite, kNaN}) {
    event.info->causes[0].value = event.info->score = value;
    const auto back = told(brief_of(event, dictionary), dictionary);
    ASSERT_TRUE(back.ok()) << value << back.error().message();
    const double came = back->info->causes[0].value;
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(came) && std::isnan(back->info->score));
    } else if (std::abs(value) > 1e38) {
      EXPECT_EQ(came, std::copysign(infinite, value));
    } else {
      EXPECT_NEAR(came, value, std::abs(value) / 65'536 + 1e-40);
      EXPECT_EQ(std::signbit(came), std::signbit(value));
    }
  }
}

TEST(Brief, WhatADictionaryLacksIsToldApartFromWhatIsWrong) {
  Dictionary site, hub;
  const Event event = brief_raise(1);
  const Bytes item = *site.add(event), brief = brief_of(event, site);
  EXPECT_EQ(told(brief, hub).error().code(), Code::kNotFound);
  ASSERT_TRUE(hub.take(item).ok());
  EXPECT_TRUE(told(brief, hub).ok());
  EXPECT_EQ(decode_brief(brief, "acme", "other", hub).value().id,
            derived_id("acme", "other", IdOf::kEvent, kNow, 1))
      << "a brief is of the site under whose key it came";
  Bytes wrong = brief;
  wrong[9] = 1;  // the subject: a datastream's number
  EXPECT_EQ(told(wrong, hub).error().code(), Code::kCorrupt);
  EXPECT_EQ(told({}, hub).error().code(), Code::kCorrupt);
}

TEST(Brief, SomeEventsHaveNone) {
  Dictionary dictionary;
  dictionary.add(brief_raise(1));
  std::vector<std::pair<const char*, Event>> rows;
  Event event = brief_raise(1);
  event.id = "0192e4a0-0000-7000-8000-000000000000";
  rows.emplace_back("an id that is not derived", event);
  event = brief_raise(1);
  event.time += base::kMillisecond;
  rows.emplace_back("another time than its id's", event);
  event = brief_raise(1, 2);
  rows.emplace_back("a subject that has no number", event);
  event = brief_raise(1);
  event.actor = "user:anna@site";
  rows.emplace_back("raised by a person", event);
  for (const char* actor : {"site", "user:bo@hub", "anna", "user:@sit"}) {
    event = brief_event(EventKind::kAcknowledge, 1, 1);
    event.actor = actor;
    rows.emplace_back("acknowledged by nobody at the site", event);
  }
  for (int kind = 3; kind < 9; ++kind) {
    rows.emplace_back("another kind", brief_event(static_cast<EventKind>(kind), 1, 1));
  }
  for (const auto& [what, none] : rows) {
    EXPECT_FALSE(encode_brief(none, kTenant, kPlant, dictionary)) << what;
  }
}

TEST(Brief, CutOrFlippedItIsRefusedOrMeansWhatItSays) {
  Dictionary dictionary;
  dictionary.add(brief_raise(1));
  Event seen = brief_event(EventKind::kAcknowledge, 4, 1, base::kMinute);
  seen.actor = "user:anna@site";
  for (const Event& event : {brief_raise(1), brief_event(EventKind::kClear, 3, 1, 7), seen}) {
    const Bytes good = brief_of(event, dictionary);
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_FALSE(
          told(Bytes(good.begin(), good.begin() + static_cast<long>(size)), dictionary).ok());
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(told(longer, dictionary).ok());
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto decoded = told(bad, dictionary);
      if (!decoded.ok()) continue;
      EXPECT_EQ(brief_of(*decoded, dictionary), bad) << bit;
      EXPECT_TRUE(alert::validate(*decoded).ok());
    }
  }
}

}  // namespace
}  // namespace lander::link
