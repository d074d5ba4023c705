#include "link/terms.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace lander::link {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

Terms terms(std::vector<Window> plan = {}) {
  Terms terms;
  terms.id = "sat";
  terms.plan = std::move(plan);
  return terms;
}

base::TimeUs at(std::string_view text) { return *base::parse_rfc3339(text); }

TEST(Terms, SayWhichFieldIsWrong) {
  EXPECT_TRUE(valid(terms({{22 * kHour, 26 * kHour}, {0, kDay}})).ok());
  const struct {
    const char* field;
    void (*spoil)(Terms&);
  } table[] = {
      {"id", [](Terms& t) { t.id = "Sat 1"; }},
      {"price", [](Terms& t) { t.price = -1; }},
      {"price", [](Terms& t) { t.price = std::numeric_limits<double>::quiet_NaN(); }},
      {"delay", [](Terms& t) { t.delay = -1; }},
      {"delay", [](Terms& t) { t.delay = 31 * kDay; }},
      {"copies", [](Terms& t) { t.copies = 0; }},
      {"copies", [](Terms& t) { t.copies = kMaxCopies + 1; }},
      {"contact",
       [](Terms& t) {
         t.plan = {{kDay, kDay + 1}};
       }},
      {"contact",
       [](Terms& t) {
         t.plan = {{-1, 1}};
       }},
      {"contact",
       [](Terms& t) {
         t.plan = {{5, 5}};
       }},
      {"contact",
       [](Terms& t) {
         t.plan = {{kHour, kHour + kDay + 1}};
       }},
      {"contact",
       [](Terms& t) {
         t.plan.assign(kMaxWindows + 1, {0, 1});
       }},
  };
  for (const auto& row : table) {
    Terms spoilt = terms();
    row.spoil(spoilt);
    const auto status = valid(spoilt);
    ASSERT_FALSE(status.ok()) << row.field;
    EXPECT_EQ(status.error().code(), base::Code::kInvalid);
    EXPECT_NE(status.error().message().find(row.field), std::string::npos)
        << status.error().message();
  }
}

TEST(Contact, IsAlwaysWithoutAPlanAndByTheClockWithOne) {
  EXPECT_TRUE(in_contact(terms(), at("1970-01-01T00:00:00Z")));
  const Terms night = terms({{22 * kHour, 26 * kHour}, {12 * kHour, 12 * kHour + kMinute}});
  EXPECT_TRUE(in_contact(night, at("2026-11-29T01:59:59Z")));
  EXPECT_FALSE(in_contact(night, at("2026-11-29T02:00:00Z")));
  EXPECT_EQ(next_contact(night, at("2026-11-29T02:00:00Z")), at("2026-11-29T12:00:00Z"));
  EXPECT_EQ(next_contact(night, at("2026-11-29T12:01:00Z")), at("2026-11-29T22:00:00Z"));
  EXPECT_TRUE(in_contact(night, at("2026-11-29T22:00:00Z")));
  const Terms noon = terms({{12 * kHour, 13 * kHour}});
  EXPECT_EQ(next_contact(noon, at("2026-11-30T13:00:00Z")), at("2026-12-01T12:00:00Z"));
  EXPECT_TRUE(in_contact(noon, at("1969-12-31T12:30:00Z")));
  EXPECT_EQ(next_contact(noon, at("1969-12-31T14:00:00Z")), at("1970-01-01T12:00:00Z"));
}

TEST(Contact, NextIsTheFirstMomentOfContactForAnyPlan) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Window> plan(1 + random() % 4);
    for (Window& window : plan) {
      window.from = static_cast<base::DurationUs>(random() % 1440) * kMinute;
      window.to = window.from + static_cast<base::DurationUs>(1 + random() % 1440) * kMinute;
    }
    const Terms some = terms(plan);
    ASSERT_TRUE(valid(some).ok());
    // Minute by minute is the definition; windows begin and end on minutes here.
    const base::TimeUs start = (static_cast<base::TimeUs>(random() % 4000) - 2000) * kMinute;
    base::TimeUs slow = start;
    const auto contact = [&](base::TimeUs utc) {
      const base::DurationUs now = ((utc % kDay) + kDay) % kDay;
      for (const Window& window : plan) {
        if (now >= window.from && now < window.to) return true;
        if (now + kDay >= window.from && now + kDay < window.to) return true;
      }
      return false;
    };
    while (!contact(slow)) slow += kMinute;
    EXPECT_EQ(next_contact(some, start), slow);
    EXPECT_EQ(in_contact(some, start), slow == start);
    EXPECT_TRUE(in_contact(some, next_contact(some, start)));
  }
}

TEST(Budget, CountsTheDayAndKeepsAQuarterForAlerts) {
  Terms limited = terms();
  limited.bytes_a_day = 1001;
  Budget budget;
  const base::TimeUs noon = at("2026-11-29T12:00:00Z");
  EXPECT_EQ(budget.left(limited, noon), 1001u);
  EXPECT_EQ(budget.left_for_others(limited, noon), 751u);
  budget.spend(750, noon);
  EXPECT_EQ(budget.left_for_others(limited, noon), 1u);
  budget.spend(100, noon);
  EXPECT_EQ(budget.left_for_others(limited, noon), 0u);
  EXPECT_EQ(budget.left(limited, noon), 151u);
  budget.spend(kNoLimit, noon);
  budget.spend(kNoLimit, noon);
  EXPECT_EQ(budget.left(limited, noon), 0u);
  EXPECT_EQ(budget.left(limited, noon + kDay), 1001u);
  EXPECT_EQ(budget.left(terms(), noon), kNoLimit);
  EXPECT_EQ(budget.left_for_others(terms(), noon), kNoLimit);
}

TEST(Budget, OfAClockThatJumpsBeginsAnewAndNeverGivesMoreThanADay) {
  Terms limited = terms();
  limited.bytes_a_day = 1000;
  std::mt19937_64 random(2);
  Budget budget;
  for (int i = 0; i < 2000; ++i) {
    const auto utc = static_cast<base::TimeUs>(random() >> 8) - (base::TimeUs{1} << 55);
    const std::uint64_t left = budget.left(limited, utc);
    ASSERT_LE(left, 1000u);
    ASSERT_LE(budget.left_for_others(limited, utc), left);
    budget.spend(random() % 700, utc);
    ASSERT_EQ(budget.left(limited, utc) + std::min<std::uint64_t>(1000, budget.spent(utc)), 1000u);
    const auto again = Budget::decode(budget.encode());
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(again->spent(utc), budget.spent(utc));
  }
}

TEST(Budget, IsRefusedWhenCutOrOfAnotherFormat) {
  Budget budget;
  budget.spend(70'000, at("2026-11-29T12:00:00Z"));
  const base::Bytes whole = budget.encode();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(Budget::decode(base::ByteView(whole).first(size)).ok()) << size;
  base::Bytes longer = whole, other = whole;
  longer.push_back(0);
  EXPECT_FALSE(Budget::decode(longer).ok());
  other[1] = 2;
  EXPECT_EQ(Budget::decode(other).error().code(), base::Code::kUnsupported);
}

}  // namespace
}  // namespace lander::link
