#include "alert/alert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace lander::alert {
namespace {

using base::kHour;
using base::kMinute;
using base::kSecond;

constexpr base::TimeUs kT0 = 1'795'000'000 * kSecond;

Event event(EventKind kind, base::TimeUs time, std::string id, std::string alert = "a1") {
  Event out;
  out.id = std::move(id);
  out.alert = std::move(alert);
  out.kind = kind;
  out.time = time;
  out.actor = "site";
  if (kind == EventKind::kShelve) out.until = time + kHour;
  if (kind == EventKind::kVerdict) out.verdict = Verdict::kFalse;
  if (kind == EventKind::kRaise) {
    Info info;
    info.asset = "acme/plant/pump-1";
    info.title = "Bearing wear";
    info.detail = "vibration 7.1 mm/s, expected 2.3 mm/s";
    info.rule = "app/pump-watch/high-vibration";
    info.severity = Severity::kHigh;
    info.score = 1.7;
    info.causes = {{"p1-vibration", 0.8, 7.1, 2.3, "mm/s"}, {"p1-current", 0.2, 5, 4.9, "A"}};
    info.evidence.from = time - kMinute;
    info.evidence.to = time;
    info.evidence.series = {{"p1-vibration", {{time - kSecond, 2.0}, {time, 7.1}}}};
    out.info = info;
  }
  return out;
}

// Everything that people see of it, as one text.
std::string look(const Alert& a, base::TimeUs now) {
  return a.id + "|" + a.info.title + "|" + std::to_string(a.info.evidence.series.size()) + "|" +
         std::to_string(a.raised) + "|" + std::to_string(a.cleared) + "|" +
         std::to_string(a.acknowledged) + "|" + a.acknowledged_by + "|" + a.comment + "|" +
         std::to_string(a.shelved_until) + "|" + std::string(to_string(a.state(now)));
}

std::vector<Event> random_events(std::mt19937_64& random, std::size_t count) {
  std::vector<Event> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto kind = i == 0 ? EventKind::kRaise : static_cast<EventKind>(random() % 10);
    // Few instants, so that many events share one; some before the raise.
    Event e = event(kind, kT0 + static_cast<std::int64_t>(random() % 5) * kMinute,
                    "e" + std::to_string(random() % 1000000) + "-" + std::to_string(i));
    e.actor = random() % 2 ? "user:anna@site" : "user:bo@hub";
    if (random() % 2) e.comment = "note " + std::to_string(i);
    out.push_back(e);
  }
  return out;
}

TEST(Fold, SameEventsInAnyOrderAndHoweverOftenGiveTheSameAlert) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    const auto events = random_events(random, 1 + seed % 12);
    const std::string expected = look(fold(events), kT0 + 3 * kMinute);
    for (int round = 0; round < 5; ++round) {
      auto shuffled = events;
      for (const Event& e : events) {
        if (random() % 2) shuffled.push_back(e);
      }
      std::shuffle(shuffled.begin(), shuffled.end(), random);
      ASSERT_EQ(look(fold(shuffled), kT0 + 3 * kMinute), expected) << "seed " << seed;
      Book book;
      for (const Event& e : shuffled) ASSERT_TRUE(book.apply(e).ok());
      ASSERT_EQ(look(*book.find("a1"), kT0 + 3 * kMinute), expected) << "seed " << seed;
    }
  }
}

struct Row {
  const char* name;
  std::vector<EventKind> then;  // a minute apart, after the raise
  State state;
};

TEST(Fold, FollowsTheStatesOfIsa182) {
  using enum EventKind;
  const Row rows[] = {
      {"raised", {}, State::kActiveUnacknowledged},
      {"acknowledged while active", {kAcknowledge}, State::kActiveAcknowledged},
      {"cleared unseen", {kClear}, State::kClearedUnacknowledged},
      {"cleared, then seen", {kClear, kAcknowledge}, State::kNormal},
      {"seen, then cleared", {kAcknowledge, kClear}, State::kNormal},
      {"came back unseen", {kClear, kRaise}, State::kActiveUnacknowledged},
      {"came back after it was seen", {kAcknowledge, kClear, kRaise}, State::kActiveUnacknowledged},
      {"shelved", {kShelve}, State::kShelved},
      {"unshelved", {kShelve, kUnshelve}, State::kActiveUnacknowledged},
      {"shelved, comes and goes", {kAcknowledge, kShelve, kClear, kRaise}, State::kShelved},
      {"suppressed", {kSuppress}, State::kSuppressed},
      {"suppressed, then over", {kAcknowledge, kSuppress, kClear}, State::kSuppressed},
      {"unsuppressed", {kSuppress, kAcknowledge, kUnsuppress}, State::kActiveAcknowledged},
      {"out of service", {kOutOfService}, State::kOutOfService},
      {"out of service hides shelved", {kShelve, kOutOfService}, State::kOutOfService},
      {"in service again", {kOutOfService, kClear, kInService}, State::kClearedUnacknowledged},
  };
  for (const Row& row : rows) {
    std::vector<Event> events = {event(kRaise, kT0, "e0")};
    base::TimeUs time = kT0;
    for (const EventKind kind : row.then) {
      time += kMinute;
      events.push_back(event(kind, time, "e" + std::to_string(events.size())));
    }
    EXPECT_EQ(to_string(fold(events).state(time)), to_string(row.state)) << row.name;
  }
}

TEST(Fold, ShelvingEndsByItself) {
  const Alert alert =
      fold({event(EventKind::kRaise, kT0, "e1"), event(EventKind::kShelve, kT0 + kMinute, "e2")});
  EXPECT_EQ(alert.state(kT0 + kHour), State::kShelved);
  EXPECT_EQ(alert.state(kT0 + kMinute + kHour), State::kActiveUnacknowledged);
}

TEST(Fold, AnAcknowledgementFromASlowClockStillCounts) {
  const Alert alert = fold(
      {event(EventKind::kAcknowledge, kT0 - kHour, "e2"), event(EventKind::kRaise, kT0, "e1")});
  EXPECT_EQ(alert.state(kT0), State::kActiveAcknowledged);
  EXPECT_EQ(alert.raised, kT0);
}

TEST(Fold, AnAlertRaisedInTheFirstMicrosecondOf1970WasRaised) {
  const Alert alert = fold({event(EventKind::kRaise, 0, "e1"), event(EventKind::kClear, 0, "e2"),
                            event(EventKind::kAcknowledge, 0, "e3")});
  EXPECT_NE(alert.raised, 0);
  EXPECT_EQ(alert.state(0), State::kNormal);
}

TEST(Fold, TheFirstToAcknowledgeIsNamed) {
  auto first = event(EventKind::kAcknowledge, kT0 + 1, "e2");
  first.actor = "user:anna@site";
  auto second = event(EventKind::kAcknowledge, kT0 + 2, "e3");
  second.actor = "user:bo@hub";
  EXPECT_EQ(fold({second, first, event(EventKind::kRaise, kT0, "e1")}).acknowledged_by,
            "user:anna@site");
}

TEST(Book, ARepeatedEventChangesNothing) {
  Book book;
  EXPECT_TRUE(*book.apply(event(EventKind::kRaise, kT0, "e1")));
  EXPECT_FALSE(*book.apply(event(EventKind::kRaise, kT0, "e1")));
  EXPECT_EQ(book.events("a1").size(), 1u);
}

TEST(Book, TheWholeReplacesWhatWasToldInBriefWhicheverComesFirst) {
  auto whole = event(EventKind::kRaise, kT0 + 1, "e1"), brief = whole;
  brief.brief = true;
  brief.time = kT0;  // to the millisecond
  brief.info->evidence = {};
  brief.info->detail.clear();
  const auto clear = event(EventKind::kClear, kT0 + kMinute, "e2");
  std::vector<Event> all = {whole, brief, clear, brief, whole};
  std::sort(all.begin(), all.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
  do {
    Book book;
    bool told = false, seen = false;
    for (const Event& e : all) {
      const bool changes = e.id != "e1" ? !std::exchange(seen, true)
                           : e.brief    ? book.events("a1").size() == (seen ? 1u : 0u)
                                        : !std::exchange(told, true);
      ASSERT_EQ(*book.apply(e), changes);
      if (const auto known = book.find("a1")) ASSERT_EQ(known->brief, !told);
    }
    ASSERT_EQ(book.events("a1").size(), 2u);
    ASSERT_FALSE(book.events("a1")[0].brief);
    ASSERT_EQ(look(*book.find("a1"), kT0), look(fold({whole, clear}), kT0));
  } while (std::next_permutation(all.begin(), all.end(),
                                 [](const Event& a, const Event& b) { return a.time < b.time; }));
}

TEST(Book, EventsWaitForTheirRaise) {
  Book book;
  EXPECT_TRUE(*book.apply(event(EventKind::kAcknowledge, kT0 + 2, "e2")));
  EXPECT_FALSE(book.find("a1"));
  EXPECT_TRUE(book.alerts(false, kT0, 10).empty());
  EXPECT_TRUE(*book.apply(event(EventKind::kRaise, kT0, "e1")));
  EXPECT_EQ(book.find("a1")->state(kT0 + 2), State::kActiveAcknowledged);
}

TEST(Book, OneRuleRaisesOnceForOneAsset) {
  Book book;
  const std::string rule = "app/pump-watch/high-vibration", asset = "acme/plant/pump-1";
  EXPECT_FALSE(book.active(rule, asset));
  ASSERT_TRUE(book.apply(event(EventKind::kRaise, kT0, "e1")).ok());
  EXPECT_EQ(book.active(rule, asset), "a1");
  EXPECT_FALSE(book.active(rule, "acme/plant/pump-2"));
  EXPECT_FALSE(book.active("another", asset));
  ASSERT_TRUE(book.apply(event(EventKind::kClear, kT0 + 1, "e2")).ok());
  EXPECT_FALSE(book.active(rule, asset));
  EXPECT_EQ(book.current(rule, asset, kT0 + 2), "a1");  // nobody has seen it: it comes back
  ASSERT_TRUE(book.apply(event(EventKind::kAcknowledge, kT0 + 2, "e3")).ok());
  EXPECT_FALSE(book.current(rule, asset, kT0 + 2));  // over: the next one is new
}

TEST(Book, AShelvedAlertStaysQuietWhenItsCauseComesBack) {
  Book book;
  int n = 0;
  for (const EventKind kind :
       {EventKind::kRaise, EventKind::kAcknowledge, EventKind::kShelve, EventKind::kClear}) {
    ASSERT_TRUE(book.apply(event(kind, kT0 + n, "e" + std::to_string(n))).ok());
    ++n;
  }
  const auto current =
      book.current("app/pump-watch/high-vibration", "acme/plant/pump-1", kT0 + kMinute);
  ASSERT_EQ(current, "a1");
  ASSERT_TRUE(book.apply(event(EventKind::kRaise, kT0 + kMinute, "again", *current)).ok());
  EXPECT_EQ(book.find("a1")->state(kT0 + kMinute), State::kShelved);
}

TEST(Book, AChatteringAlertIsContinuedByANewOneAtLast) {
  Book book;
  for (int i = 0; i < 100; ++i) {
    const base::TimeUs time = kT0 + i * kSecond;
    ASSERT_TRUE(book.apply(event(EventKind::kRaise, time, "r" + std::to_string(i))).ok());
    ASSERT_TRUE(book.apply(event(EventKind::kClear, time + 1, "c" + std::to_string(i))).ok());
  }
  EXPECT_FALSE(book.current("app/pump-watch/high-vibration", "acme/plant/pump-1", kT0 + kHour));
}

TEST(Book, KeepsWhatIsOpenAndTheNewestOfWhatIsOver) {
  Book book(3);
  for (int i = 0; i < 10; ++i) {
    const std::string alert = "alert" + std::to_string(i);
    const base::TimeUs time = kT0 + i * kMinute;
    ASSERT_TRUE(book.apply(event(EventKind::kRaise, time, alert + "r", alert)).ok());
    if (i % 2 == 0) continue;
    ASSERT_TRUE(book.apply(event(EventKind::kClear, time + 1, alert + "c", alert)).ok());
    ASSERT_TRUE(book.apply(event(EventKind::kAcknowledge, time + 2, alert + "a", alert)).ok());
  }
  EXPECT_EQ(book.alerts(true, kT0 + kHour, 100).size(), 5u);
  const auto all = book.alerts(false, kT0 + kHour, 100);
  EXPECT_EQ(all.size(), 8u);
  EXPECT_EQ(all.front().id, "alert9");
  EXPECT_FALSE(book.find("alert1"));
  EXPECT_TRUE(book.find("alert5"));
  const auto dropped = book.take_dropped();
  EXPECT_EQ(dropped.size(), 6u);
  EXPECT_TRUE(book.take_dropped().empty());
}

TEST(Book, EventsWithoutARaiseAreBounded) {
  Book book(50);
  for (int i = 0; i < 500; ++i) {
    const auto id = std::to_string(i);
    ASSERT_TRUE(book.apply(event(EventKind::kClear, kT0 + i, "e" + id, "alert" + id)).ok());
  }
  EXPECT_EQ(book.take_dropped().size(), 450u);
}

TEST(Book, ListsLeaveEvidenceOutAndFindHasIt) {
  Book book;
  ASSERT_TRUE(book.apply(event(EventKind::kRaise, kT0, "e1")).ok());
  EXPECT_TRUE(book.alerts(true, kT0, 1)[0].info.evidence.series.empty());
  EXPECT_EQ(book.find("a1")->info.evidence.series.size(), 1u);
}

TEST(Book, RefusesWhatBreaksTheRules) {
  std::vector<std::pair<const char*, Event>> wrong;
  auto e = event(EventKind::kAcknowledge, kT0, "e1");
  e.actor.clear();
  wrong.emplace_back("acknowledged by nobody", e);
  e = event(EventKind::kShelve, kT0, "e1");
  e.until = 0;
  wrong.emplace_back("shelved without an end", e);
  e.until = kT0 + 30 * base::kDay + 1;
  wrong.emplace_back("shelved for over 30 days", e);
  e.until = std::numeric_limits<std::int64_t>::max();
  wrong.emplace_back("shelved for ever", e);
  e = event(EventKind::kRaise, kT0, "e1");
  e.info.reset();
  wrong.emplace_back("raised without information", e);
  e = event(EventKind::kClear, kT0, "e1");
  e.info = Info{};
  wrong.emplace_back("cleared with information", e);
  e = event(EventKind::kRaise, kT0, "e1");
  e.info->title.clear();
  wrong.emplace_back("raised without a title", e);
  e = event(EventKind::kRaise, kT0, "e1");
  e.info->evidence.series[0].second.resize(kMaxPoints + 1, {kT0, 1});
  wrong.emplace_back("too much evidence", e);
  e = event(EventKind::kClear, kT0, "");
  wrong.emplace_back("no id", e);
  e = event(EventKind::kClear, std::numeric_limits<std::int64_t>::min(), "e1");
  wrong.emplace_back("a time that cannot be", e);
  Book book;
  for (const auto& [name, bad] : wrong) {
    const auto result = book.apply(bad);
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.error().code(), base::Code::kInvalid) << name;
  }
  EXPECT_TRUE(book.alerts(false, kT0, 10).empty());
}

TEST(Codec, AnEventSurvivesTheWire) {
  std::mt19937_64 random(7);
  for (Event e : random_events(random, 100)) {
    if (e.info) e.info->score = std::numeric_limits<double>::quiet_NaN();
    const base::Bytes bytes = encode(e);
    const auto back = decode_event(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(encode(*back), bytes);
    EXPECT_EQ(back->comment, e.comment);
    if (e.info) {
      EXPECT_EQ(back->info->evidence.series[0].second[1].time, e.time);
      EXPECT_EQ(back->info->causes[0].datastream, "p1-vibration");
    }
  }
}

TEST(Codec, TruncatedOrFlippedBytesAreRefusedOrMeanWhatTheySay) {
  const base::Bytes good = encode(event(EventKind::kRaise, kT0, "e1"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_event(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Bytes bad = good;
      bad[i] ^= static_cast<std::uint8_t>(1 << bit);
      const auto decoded = decode_event(bad);
      if (!decoded.ok()) continue;
      EXPECT_EQ(encode(*decoded), bad) << "one value, one form: byte " << i;
    }
  }
}

TEST(Codec, TheReasonsOfARaiseTravelAndWhatHasNoneIsReadByAnOlderHub) {
  Event raise = event(EventKind::kRaise, kT0, "e1");
  EXPECT_EQ(encode(raise)[1], 1) << "format";
  raise.info->since = kT0 - kMinute;
  raise.info->causes[0].deviation = 6.5;
  raise.info->similar =
      Similar{"a0", kT0 - kHour, "Bearing wear", 0.93, Verdict::kTrue, "bearing was changed"};
  for (const Event& e : {raise, event(EventKind::kVerdict, kT0 + 1, "e2")}) {
    const base::Bytes bytes = encode(e);
    EXPECT_EQ(bytes[1], 2) << "format";
    const auto back = decode_event(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(encode(*back), bytes);
    EXPECT_EQ(back->verdict, e.verdict);
  }
  const auto back = decode_event(encode(raise));
  EXPECT_EQ(back->info->since, raise.info->since);
  EXPECT_EQ(back->info->causes[0].deviation, 6.5);
  EXPECT_TRUE(std::isnan(back->info->causes[1].deviation));
  EXPECT_EQ(back->info->similar->note, "bearing was changed");
  EXPECT_EQ(back->info->similar->verdict, Verdict::kTrue);
}

TEST(Verdict, IsTheNewestOnesUntilTheCauseComesBackAndAcknowledges) {
  Event wrong = event(EventKind::kVerdict, kT0 + 2, "e3");
  wrong.comment = "valve was being tested";
  Event right = wrong;
  right.id = "e4";
  right.time += 1;
  right.verdict = Verdict::kMaintenance;
  right.actor = "user:bo@hub";
  std::vector<Event> events = {event(EventKind::kRaise, kT0, "e1"),
                               event(EventKind::kClear, kT0 + 1, "e2"), right, wrong};
  Alert alert = fold(events);
  EXPECT_EQ(alert.verdict, Verdict::kMaintenance);
  EXPECT_EQ(alert.judged_by, "user:bo@hub");
  EXPECT_EQ(alert.note, "valve was being tested");
  EXPECT_EQ(alert.state(kT0 + kMinute), State::kNormal);
  events.push_back(event(EventKind::kRaise, kT0 + kMinute, "e5"));
  alert = fold(events);
  EXPECT_EQ(alert.verdict, Verdict::kNone);
  EXPECT_EQ(alert.state(kT0 + kMinute), State::kActiveUnacknowledged);
}

TEST(Verdict, LabelsAllThatCameAndWentSinceTheOneBefore) {
  Book book;
  int n = 0;
  const auto add = [&](EventKind kind, base::TimeUs time, Verdict verdict = Verdict::kNone) {
    Event e = event(kind, time, "e" + std::to_string(n++));
    e.verdict = verdict;
    if (e.info) e.info->since = time - kMinute;
    ASSERT_TRUE(book.apply(e).ok());
  };
  for (int i = 0; i < 2; ++i) {
    add(EventKind::kRaise, kT0 + i * kHour);
    add(EventKind::kClear, kT0 + i * kHour + kMinute);
  }
  add(EventKind::kVerdict, kT0 + 2 * kHour, Verdict::kFalse);
  add(EventKind::kRaise, kT0 + 3 * kHour);
  const auto all = book.episodes("acme/plant");
  ASSERT_EQ(all.size(), 1u) << "of what belongs to the asset";
  const auto& episodes = all[0].second;
  ASSERT_EQ(episodes.size(), 3u);
  EXPECT_EQ(episodes[0].verdict, Verdict::kFalse);
  EXPECT_EQ(episodes[0].from, kT0 - kMinute);
  EXPECT_EQ(episodes[0].to, kT0 + kMinute);
  EXPECT_EQ(episodes[1].verdict, Verdict::kFalse);
  EXPECT_EQ(episodes[2].verdict, Verdict::kNone);
  EXPECT_EQ(episodes[2].to, 0) << "still active";
  EXPECT_TRUE(book.episodes("acme/other").empty());
}

TEST(Similar, IsTheAlarmWithTheSameSensorsInTheSameDirections) {
  Book book;
  const auto add = [&](const std::string& id, double vibration, double current, Verdict verdict) {
    Event e = event(EventKind::kRaise, kT0, id + "-raise", id);
    e.info->causes[0].deviation = vibration;
    e.info->causes[1].deviation = current;
    ASSERT_TRUE(book.apply(e).ok());
    if (verdict == Verdict::kNone) return;
    Event judged = event(EventKind::kVerdict, kT0 + 1, id + "-verdict", id);
    judged.verdict = verdict;
    judged.comment = "what was done";
    ASSERT_TRUE(book.apply(judged).ok());
  };
  add("up", 8, 1, Verdict::kTrue);
  add("up-again", 8, 1, Verdict::kNone);
  add("down", -8, -1, Verdict::kFalse);
  add("other", 0.5, 8, Verdict::kFalse);
  Event now = event(EventKind::kRaise, kT0 + kHour, "now");
  now.info->causes[0].deviation = 12;
  now.info->causes[1].deviation = 2;
  const auto similar = book.most_similar(now.info->causes, now.info->asset, "now");
  ASSERT_TRUE(similar);
  EXPECT_EQ(similar->alert, "up") << "that people judged, of two alike";
  EXPECT_EQ(similar->verdict, Verdict::kTrue);
  EXPECT_EQ(similar->note, "what was done");
  EXPECT_GT(similar->likeness, 0.95);
  now.info->causes[0].deviation = 0.1;
  now.info->causes[1].deviation = -9;
  EXPECT_FALSE(book.most_similar(now.info->causes, now.info->asset, "now"));
}

TEST(Names, AreReadBack) {
  for (int i = 0; i < 10; ++i) {
    const auto kind = static_cast<EventKind>(i);
    EXPECT_EQ(*parse_event_kind(to_string(kind)), kind);
  }
  EXPECT_EQ(*parse_verdict("sensor-fault"), Verdict::kSensorFault);
  EXPECT_FALSE(parse_verdict("none").ok()) << "nobody judges that there is no verdict";
  EXPECT_EQ(*parse_severity("critical"), Severity::kCritical);
  EXPECT_EQ(parse_severity("loud").error().message(),
            "severity \"loud\": expected one of low, medium, high, critical");
}

}  // namespace
}  // namespace lander::alert
