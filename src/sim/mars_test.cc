// A site far away: 22 minutes one way, dark for 8 hours of each day, 30 % lost, 64 kbit/s; and
// others that were away for long, or restored, or copied.
#include <gtest/gtest.h>

#include <queue>

#include "os/log.h"
#include "sim/checks.h"
#include "sim/hub_node.h"
#include "sim/site_node.h"

namespace lander::sim {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;
using base::kSecond;

constexpr base::TimeUs kBegin = 20'835 * kDay;  // midnight, 2027-01-17
constexpr const char* kDeep = "deep";
constexpr int kAlarms = 40;

// A way that only takes messages.
struct Space {
  base::DurationUs delay = 22 * kMinute;
  double bytes_a_second = 8000;
  int loss = 30, repeats = 10;               // percent
  base::DurationUs reorders = 30 * kSecond;  // at most, of one in ten
};

class Far : public testing::Test {
 protected:
  Far() : fixtures_(random_) {
    os::set_log_level(os::Level::kNone);
    hub_ =
        std::make_unique<HubNode>(now_, chronicle_, random_.branch(), fixtures_, SimLake::Faults{});
    EXPECT_TRUE(hub_->boot());
    hub_->prepare();
    site_ = make_site("probe");
  }
  ~Far() override { os::set_log_level(os::Level::kInfo); }

  std::unique_ptr<SiteNode> make_site(const std::string& name) {
    auto out =
        std::make_unique<SiteNode>(name, now_, chronicle_, random_.branch(), SiteNode::Faults{});
    site::Identity identity = hub_->admit(name);
    out->set_key_id(identity.keys.signing.public_key().id());
    out->set_identity(std::move(identity));
    EXPECT_TRUE(out->boot());
    return out;
  }
  static std::string yaml(const std::string& carriers) {
    return "asset: acme/mars\nsources:\n  - {id: broker, driver: mqtt, address: "
           "\"broker:1883\"}\n" +
           carriers +
           "datastreams:\n"
           "  - {id: counter, property: count, unit: \"1\", kind: integer, asset: rover, policy: "
           "{uplink: raw}, from: {source: broker, address: c, interval: 1m}}\n"
           "  - {id: vibration, property: vibration, unit: mm/s, asset: rover, policy: "
           "{uplink: raw}, from: {source: broker, address: v, interval: 1m}}\n";
  }
  // An alarm of the site's own, as a pipeline would raise or clear it.
  void signal(int rule, alert::Severity severity, bool raise) {
    stream::Signal signal;
    signal.raise = raise;
    signal.rule = "r" + std::to_string(rule);
    signal.time = now_;
    signal.info.asset = "acme/mars/rover";
    signal.info.title = "Wheel " + std::to_string(rule);
    signal.info.severity = severity;
    signal.info.causes = {{"vibration", 1, 7.5, 2, "mm/s"}};
    site_->core().signal("app/x", signal, {});
    now_ += base::kMillisecond;
  }
  void acknowledge_all() {
    auto& alarms = site_->core().alarms();
    for (const auto& alert : alarms.book().alerts(true, now_, SIZE_MAX)) {
      alert::Event event;
      event.id = random_.uuid7(now_);
      event.alert = alert.id;
      event.kind = alert::EventKind::kAcknowledge;
      event.time = now_;
      event.actor = "user:anna@site";
      ASSERT_TRUE(alarms.command(event).ok());
    }
  }
  const hub::Site& at_hub() { return **hub_->core().site(hub_->scope(), "probe"); }
  std::size_t told() { return at_hub().alerts.alerts(false, now_, SIZE_MAX).size(); }

  void after(base::DurationUs delay, std::function<void()> happens) {
    queue_.emplace(std::pair(now_ + delay, ++order_), std::move(happens));
  }
  void run_to(base::TimeUs end) {
    while (!queue_.empty() && queue_.begin()->first.first <= end) {
      now_ = queue_.begin()->first.first;
      auto happens = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      happens();
    }
    now_ = end;
  }

  // Sends one message after the other while there is contact.
  void transmit(const Space& space) {
    const base::DurationUs day = now_ % kDay;
    const bool contact = day < 16 * kHour;
    if (!contact) return after(kDay - day, [this, space] { transmit(space); });
    if (!site_->core().has_waiting(kDeep) && now_ < next_heartbeat_)
      return after(5 * kSecond, [this, space] { transmit(space); });
    next_heartbeat_ = now_ + 10 * kMinute;
    const auto out = site_->next_message(kDeep);
    ASSERT_TRUE(out);
    base::DurationUs took = 0;
    for (int copy = 0; copy < out->copies; ++copy) {
      took += static_cast<base::DurationUs>(static_cast<double>(out->sealed.size()) /
                                            space.bytes_a_second * kSecond);
      up_bytes_ += out->sealed.size();
      fly(space, took, [this, space, sealed = out->sealed] { land(space, sealed); });
    }
    site_->exchanged(kDeep, {out->sealed.size(), 0, std::max<base::DurationUs>(took, 1), ""});
    after(took, [this, space] { transmit(space); });
  }
  void fly(const Space& space, base::DurationUs took, std::function<void()> lands) {
    if (static_cast<int>(random_.below(100)) < space.loss) return;
    const int arrivals = static_cast<int>(random_.below(100)) < space.repeats ? 2 : 1;
    for (int i = 0; i < arrivals; ++i) {
      const base::DurationUs late =
          random_.chance(0.1) ? random_.between(0, space.reorders) : base::DurationUs{0};
      after(took + space.delay + late, lands);
    }
  }
  void land(const Space& space, const base::Bytes& sealed) {
    const std::size_t before = told();
    const auto reply = hub_->arrived("probe", sealed);
    if (told() > before) note_told();
    if (!reply) return;
    fly(space, 0, [this, reply = *reply] {
      if (site_->up()) site_->take_message(reply, 0);
    });
  }
  void note_told() {
    std::vector<alert::Severity> together;  // what one message told
    for (const auto& alert : at_hub().alerts.alerts(false, now_, SIZE_MAX)) {
      if (!seen_.insert(alert.id).second) continue;
      together.push_back(alert.info.severity);
      first_told_ = std::min(first_told_, now_);
    }
    std::sort(together.begin(), together.end(), std::greater<>());
    order_told_.insert(order_told_.end(), together.begin(), together.end());
  }
  void work(base::DurationUs every) {
    site_->step();
    hub_->tick();
    if (!chronicle_.broken()) after(every, [this, every] { work(every); });
  }

  base::TimeUs now_ = kBegin;
  Chronicle chronicle_{now_, false};
  SimRandom random_{42};
  Fixtures fixtures_;
  std::unique_ptr<HubNode> hub_;
  std::unique_ptr<SiteNode> site_;
  std::map<std::pair<base::TimeUs, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t order_ = 0, up_bytes_ = 0;
  int raised_ = 0;
  base::TimeUs next_heartbeat_ = 0, first_told_ = INT64_MAX;
  std::set<std::string> seen_;
  std::vector<alert::Severity> order_told_;
};

TEST_F(Far, OnMarsEveryAlertComesOnceTheMostSevereFirstAndBulkCostsLittleMore) {
  site_->apply(
      yaml("carriers:\n  - {id: https, type: https}\n"
           "  - {id: deep, type: mqtt, delay: 22m, copies: 6, contact: [\"23:58-40:00\"],"
           " settings: {url: \"mqtt://relay:1883\"}}\n"));
  site_->exchanged("https", {0, 0, 0, "no route"});
  work(kMinute);
  transmit({});
  // Alarms that the hub has seen before: what they are called it knows.
  for (int i = 0; i < kAlarms; ++i) signal(i, alert::Severity::kLow, true);
  for (int i = 0; i < kAlarms; ++i) signal(i, alert::Severity::kLow, false);
  acknowledge_all();
  run_to(kBegin + 17 * kHour);  // dark since an hour
  EXPECT_EQ(told(), std::size_t{kAlarms});
  for (int i = 0; i < kAlarms; ++i) {
    signal(i,
           i % 4 == 3 ? alert::Severity::kCritical
           : i % 2    ? alert::Severity::kHigh
                      : alert::Severity::kLow,
           true);
  }
  run_to(kBegin + kDay - kSecond);
  EXPECT_EQ(told(), std::size_t{kAlarms});
  note_told();
  order_told_.clear();
  first_told_ = INT64_MAX;
  const base::TimeUs contact = kBegin + kDay;
  run_to(contact + 23 * kMinute);
  EXPECT_LE(first_told_, contact + 22 * kMinute + kSecond);
  EXPECT_EQ(told(), 2u * kAlarms) << "all in brief by now";
  run_to(kBegin + 4 * kDay);
  EXPECT_EQ(told(), 2u * kAlarms);
  EXPECT_TRUE(std::is_sorted(order_told_.begin(), order_told_.end(), std::greater<>()));
  for (const auto& alert : at_hub().alerts.alerts(false, now_, SIZE_MAX)) {
    const auto events = at_hub().alerts.events(alert.id);
    ASSERT_FALSE(events.empty());
    EXPECT_FALSE(events[0].brief) << "the whole came after it";
  }
  std::multiset<std::string> in_lake;
  ASSERT_TRUE(hub_->lake()
                  .visit([&](const SimLake::Row& row) {
                    if (row.type != "alert-event") return;
                    in_lake.insert(alert::decode_event(row.body)->id);
                  })
                  .ok());
  EXPECT_EQ(in_lake.size(), 4u * kAlarms) << "raised, cleared, acknowledged, raised again";
  EXPECT_EQ(std::set(in_lake.begin(), in_lake.end()).size(), in_lake.size());
  EXPECT_FALSE(chronicle_.broken());
}

// Bulk alone, over the same way: what is sent against what arrives.
TEST_F(Far, OnMarsLossCostsAtMost60PercentMore) {
  site_->apply(
      yaml("carriers:\n  - {id: https, type: https}\n"
           "  - {id: deep, type: mqtt, delay: 22m, copies: 6, contact: [\"23:58-40:00\"],"
           " settings: {url: \"mqtt://relay:1883\"}}\n"));
  site_->exchanged("https", {0, 0, 0, "no route"});
  std::uint64_t payload = 0;
  for (int i = 0; i < 400; ++i) {  // 24 MB that cannot be made smaller
    store::Batch batch;
    base::Bytes body(60'000);
    for (auto& byte : body) byte = static_cast<std::uint8_t>(random_.next());
    payload += body.size();
    batch.items.push_back({link::kLaneSummary, "test-only", std::move(body), 0.01});
    ASSERT_TRUE(site_->store().commit(batch).ok());
  }
  work(kMinute);
  transmit({});
  run_to(kBegin + 15 * kHour);
  const auto lanes = site_->store().lanes();
  ASSERT_TRUE(lanes.ok());
  for (const auto& lane : *lanes) {
    if (lane.lane == link::kLaneSummary)
      EXPECT_GE(lane.floor, 400u) << "all arrived, and the receipts came back";
  }
  const double overhead = static_cast<double>(up_bytes_) / static_cast<double>(payload);
  std::printf("sent %.2f times the payload, at 30 %% loss\n", overhead);
  RecordProperty("overhead_percent", static_cast<int>(overhead * 100));
  EXPECT_LE(overhead, 1.6);
}

TEST_F(Far, After400DaysAloneTheFirstContactBringsTheWorstFirstAndThenAll) {
  site_->apply(yaml(""));
  site_->exchanged("https", {0, 0, 0, "no route"});
  for (int hour = 0; hour < 400 * 24; ++hour) {
    now_ += kHour;
    site_->step();
    if (hour % 97 == 0)
      signal(++raised_, hour % 10 == 0 ? alert::Severity::kCritical : alert::Severity::kLow, true);
  }
  ASSERT_FALSE(chronicle_.broken()) << *chronicle_.broken();
  const auto first = site_->next_message("https");
  ASSERT_TRUE(first);
  const auto reply = hub_->exchange(site_->key_id(), first->sealed, false);
  ASSERT_TRUE(reply);
  site_->take_message(*reply, kMinute);
  for (const auto& alert : at_hub().alerts.alerts(false, now_, SIZE_MAX)) {
    if (alert.info.severity == alert::Severity::kCritical) ++order_;
  }
  EXPECT_GE(order_, 9u) << "the critical ones are in the first message";
  for (int i = 0; i < 3000; ++i) {
    const auto out = site_->next_message("https");
    ASSERT_TRUE(out);
    const auto answer = hub_->exchange(site_->key_id(), out->sealed, false);
    ASSERT_TRUE(answer);
    site_->exchanged("https", {});
    site_->take_message(*answer, kSecond);
    now_ += kSecond;
    if (!out->more && out->items == 0) break;
  }
  EXPECT_EQ(told(), static_cast<std::size_t>(raised_));
  check_lake({site_.get()}, *hub_, chronicle_);
  EXPECT_FALSE(chronicle_.broken()) << *chronicle_.broken();
}

// --- Copies of a disk ----------------------------------------------------------------------------

class Copied : public Far {
 protected:
  Copied() { site_->apply(yaml("")); }
  // Until there is nothing to say any more.
  void talk(SiteNode& node, int times = 40) {
    for (int i = 0; i < times; ++i) {
      now_ += kSecond;
      const auto out = node.next_message("https");
      ASSERT_TRUE(out);
      const auto reply = hub_->exchange(node.key_id(), out->sealed, false);
      ASSERT_TRUE(reply);
      node.exchanged("https", {});
      now_ += base::kMillisecond;
      node.take_message(*reply, base::kMillisecond);
      hub_->tick();
    }
  }
  void live(SiteNode& node, int minutes) {
    for (int i = 0; i < minutes; ++i) {
      now_ += kMinute;
      node.step();
    }
  }
  std::size_t lake_events() {
    std::set<std::string> ids;
    std::size_t rows = 0;
    EXPECT_TRUE(hub_->lake()
                    .visit([&](const SimLake::Row& row) {
                      if (row.type != "alert-event") return;
                      ++rows;
                      ids.insert(alert::decode_event(row.body)->id);
                    })
                    .ok());
    EXPECT_EQ(rows, ids.size()) << "none came twice";
    return ids.size();
  }
};

TEST_F(Copied, AHubRestoredFromAWeekOldBackupGetsAgainWhatItLostAndNothingTwice) {
  live(*site_, 10);
  signal(1, alert::Severity::kHigh, true);
  talk(*site_);
  hub_->stop();
  const auto backup = hub_->disk().copy(1);
  ASSERT_TRUE(hub_->boot());
  for (int day = 0; day < 7; ++day) {
    signal(10 + day, alert::Severity::kHigh, true);
    hub_->apply("probe", "commit_interval: " + std::to_string(day + 2) + "s\n");
    live(*site_, 60);
    now_ += 23 * kHour;
    talk(*site_);
  }
  const auto revision = site_->core().desired().revision;
  hub_->stop();
  hub_->disk() = std::move(*backup);
  ASSERT_TRUE(hub_->boot());
  EXPECT_EQ(lake_events(), 1u);
  talk(*site_);
  live(*site_, 3);
  talk(*site_);
  EXPECT_EQ(lake_events(), 8u);
  EXPECT_EQ(told(), 8u);
  EXPECT_EQ(at_hub().desired.revision, revision) << "it learns of what it had assigned";
  hub_->apply("probe", "commit_interval: 30s\n");
  talk(*site_);
  EXPECT_EQ(site_->core().desired().commit_interval, 30 * kSecond) << "and goes on";
  check_lake({site_.get()}, *hub_, chronicle_);
  EXPECT_FALSE(chronicle_.broken()) << *chronicle_.broken();
}

TEST_F(Copied, OfTwoSitesFromOneImageBothGoOnAndPeopleAreTold) {
  live(*site_, 10);
  signal(1, alert::Severity::kHigh, true);
  talk(*site_);
  signal(2, alert::Severity::kHigh, true);  // waits when the image is made
  site_->stop();
  auto twin =
      std::make_unique<SiteNode>("probe", now_, chronicle_, random_.branch(), SiteNode::Faults{});
  twin->set_key_id(site_->key_id());
  twin->set_identity(site_->identity());
  twin->disk() = std::move(*site_->disk().copy(2));
  ASSERT_TRUE(site_->boot());
  ASSERT_TRUE(twin->boot());
  talk(*site_);
  const auto epoch = twin->store().epoch();
  talk(*twin, 3);
  EXPECT_NE(twin->store().epoch(), epoch) << "it was told to begin a new one";
  EXPECT_EQ(at_hub().instances.cloned_since(), 0) << "it may have been restored";
  signal(3, alert::Severity::kHigh, true);
  std::swap(site_, twin);
  signal(4, alert::Severity::kHigh, true);
  std::swap(site_, twin);
  talk(*site_, 5);
  talk(*twin, 5);
  EXPECT_NE(at_hub().instances.cloned_since(), 0);
  EXPECT_EQ(told(), 4u) << "what either of them told";
  EXPECT_TRUE(hub_->core().clone_resolved(hub_->scope(), "probe").ok());
  EXPECT_EQ(at_hub().instances.cloned_since(), 0);
}

TEST_F(Copied, ARestoredSiteGetsItsDesiredStateAgain) {
  live(*site_, 10);
  talk(*site_);
  site_->stop();
  const auto backup = site_->disk().copy(3);
  ASSERT_TRUE(site_->boot());
  hub_->apply("probe", "commit_interval: 7s\n");
  talk(*site_);
  EXPECT_EQ(site_->core().desired().commit_interval, 7 * kSecond);
  site_->stop();
  site_->disk() = std::move(*backup);
  ASSERT_TRUE(site_->boot());
  EXPECT_NE(site_->core().desired().commit_interval, 7 * kSecond);
  talk(*site_);
  EXPECT_EQ(site_->core().desired().commit_interval, 7 * kSecond);
  signal(9, alert::Severity::kHigh, true);
  talk(*site_, 5);
  EXPECT_EQ(told(), 1u);
}

}  // namespace
}  // namespace lander::sim
