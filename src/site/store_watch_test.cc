// What people hear of the store, and how long its room will last.
#include "site/site_fixture.h"

namespace lander::site {
namespace {

using base::kDay;
using base::kHour;
using store::Incident;

class StoreWatchTest : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    open();
    apply(yaml("never"));
  }
  std::vector<sensing::Observation> one() {
    return {{shell.bound_now.at(0).series, sensing::Quality::kGood, clock.wall_us(), 0, 1.0}};
  }
  std::vector<alert::Alert> open_alerts() {
    return core->alarms().book().alerts(true, core->context().now(), 100);
  }
  Incident incident(Incident::Kind kind, std::uint64_t id) {
    return {kind, id,          clock.wall_us(), "v", clock.wall_us() - kHour, clock.wall_us(),
            7,    "as it says"};
  }
};

TEST_F(StoreWatchTest, AFullDiskIsAnAlarmAtOnceAndUntilObservationsAreStoredAgain) {
  store->reserve_only = true;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(core->commit(one()).ok());
  ASSERT_EQ(shell.told.size(), 1u);
  EXPECT_EQ(shell.told[0].alert.info.severity, alert::Severity::kCritical);
  ASSERT_EQ(open_alerts().size(), 1u);
  EXPECT_TRUE(open_alerts()[0].active);
  EXPECT_EQ(open_alerts()[0].info.rule, "store/disk");
  EXPECT_EQ(open_alerts()[0].info.asset, "acme/pump-7");
  EXPECT_EQ(count(sent(hub), "alert-event"), 1u);  // the reserve lets it through
  open();                                          // after a restart it is known, and ends as well
  ASSERT_EQ(open_alerts().size(), 1u);
  EXPECT_TRUE(open_alerts()[0].active);
  EXPECT_TRUE(core->commit(one()).ok());
  ASSERT_EQ(open_alerts().size(), 1u);
  EXPECT_FALSE(open_alerts()[0].active);
}

TEST_F(StoreWatchTest, AnAlarmOfADiskWithoutAnyRoomIsToldAndStoredOnceThereIsSome) {
  store->full = true;
  EXPECT_FALSE(core->commit(one()).ok());
  ASSERT_EQ(shell.told.size(), 1u);
  store->full = false;
  EXPECT_TRUE(core->commit(one()).ok());
  core->tick();
  EXPECT_EQ(store->records(kAlertEventRecord)->size(), 2u);
}

TEST_F(StoreWatchTest, WhatIsDamagedIsToldOnceAndStaysUntilItIsSeen) {
  store->noted = {incident(Incident::Kind::kDamaged, 5)};
  for (int i = 0; i < 3; ++i) core->tick();
  ASSERT_EQ(open_alerts().size(), 1u);
  const auto alert = open_alerts()[0];
  EXPECT_EQ(alert.info.severity, alert::Severity::kHigh);
  EXPECT_EQ(alert.info.asset, "acme/hall/pump");
  EXPECT_NE(alert.info.detail.find("7 observations"), std::string::npos) << alert.info.detail;
  EXPECT_EQ(alert.state(core->context().now()), alert::State::kClearedUnacknowledged);
  const auto noted = store->noted;
  open();
  store->noted = noted;
  core->tick();
  ASSERT_EQ(open_alerts().size(), 1u);
  EXPECT_EQ(core->alarms().book().events(alert.id).size(), 2u);
}

TEST_F(StoreWatchTest, ThinningIsToldOnceADayForADatastream) {
  std::uint64_t id = 0;
  for (int hour = 0; hour < 49; ++hour) {
    store->noted.push_back(incident(Incident::Kind::kThinned, ++id));
    core->tick();
    clock.elapsed += kHour;
  }
  std::size_t raised = 0;
  for (const auto& alert : core->alarms().book().alerts(false, core->context().now(), 100)) {
    EXPECT_EQ(alert.info.severity, alert::Severity::kLow);
    for (const auto& event : core->alarms().book().events(alert.id))
      raised += event.kind == alert::EventKind::kRaise;
  }
  EXPECT_EQ(raised, 3u);
}

TEST_F(StoreWatchTest, DaysLeftAreUnknownForADayAndThenFollowWhatTheLastDayTook) {
  store->free_bytes = 10'000'000;
  const auto days = [&] { return core->store_watch().days_left(store->stats()); };
  for (int hour = 0; hour <= 24; ++hour) {
    EXPECT_FALSE(days().has_value()) << hour;
    core->tick();
    clock.elapsed += kHour;
    store->more_bytes += 1'000'000 / 24;
  }
  ASSERT_TRUE(days().has_value());
  EXPECT_NEAR(*core->store_watch().bytes_a_day(), 1e6, 1e5);
  EXPECT_NEAR(*days(), 10, 1);
  for (int hour = 0; hour < 30; ++hour, clock.elapsed += kHour) core->tick();  // nothing more comes
  EXPECT_FALSE(days().has_value());
  ASSERT_TRUE(core->store_watch().bytes_a_day().has_value());
  store->more_bytes += 5'000'000;
  core->tick();
  const auto before = days();
  ASSERT_TRUE(before.has_value());
  open();
  store->free_bytes = 10'000'000;
  EXPECT_TRUE(core->store_watch().bytes_a_day().has_value());  // it is remembered
}

}  // namespace
}  // namespace lander::site
