// What a site promises: to its operator, to its people, and of what it tells the hub.
#include <cmath>

#include "base/cbor.h"
#include "sensing/value.h"
#include "site/site_fixture.h"

namespace lander::site {
namespace {

using base::Code;

bool holds(const base::Bytes& bytes, double number) {
  base::CborWriter out;
  out.real(number);
  const base::Bytes needle = out.take();
  return std::search(bytes.begin(), bytes.end(), needle.begin(), needle.end()) != bytes.end();
}

TEST_F(Site, AFileWithAMistakeOrForAnotherSiteChangesNothing) {
  open();
  apply(yaml());
  const auto before = twin::encode(core->desired());
  for (const std::string& bad :
       {std::string("datastream: []\n"), yaml("sometimes"), std::string("a: [\n")}) {
    EXPECT_EQ(core->apply_yaml(bad, "f.yaml", "user:tim@site", false).error().code(),
              Code::kInvalid);
  }
  EXPECT_EQ(
      core->apply_yaml("site: pump-8\ncommit_interval: 2s\n", "f.yaml", "t", false).error().code(),
      Code::kConflict);
  EXPECT_TRUE(core->apply_yaml("commit_interval: 2s\n", "f.yaml", "t", true).ok()) << "a dry run";
  EXPECT_EQ(twin::encode(core->desired()), before);
  open();
  EXPECT_EQ(twin::encode(core->desired()), before);
}

TEST_F(Site, WhenTheDiskIsFullARevisionIsRefusedAndTheOneInForceGoesOn) {
  open();
  apply(yaml());
  store->full = true;
  EXPECT_EQ(core->apply_yaml("commit_interval: 2s\n", "f.yaml", "t", false).error().code(),
            Code::kExhausted);
  EXPECT_EQ(core->desired().revision, 1u);
  EXPECT_EQ(core->commit_interval(), base::kSecond);
}

TEST_F(Site, AnAlarmOfADatastreamThatNeverLeavesTellsTheHubNoValue) {
  open();
  apply(yaml("never"));
  const auto key = shell.bound_now.at(0).series;
  core->signal("app/watch", signal(), {{key, sensing::Quality::kGood, clock.wall_us(), 0, 4242.5}});
  ASSERT_EQ(shell.told.size(), 1u);
  EXPECT_EQ(shell.told[0].alert.info.detail, "v is 4242.5") << "people at the site see all";
  bool raised = false;
  for (const auto& item : sent(hub)) {
    EXPECT_FALSE(holds(item.body, 4242.5)) << item.type;
    EXPECT_FALSE(holds(item.body, 1111.25)) << item.type;
    if (item.type != "alert-event") continue;
    raised = true;
    const auto event = alert::decode_event(item.body);
    ASSERT_TRUE(event.ok());
    EXPECT_TRUE(event->info->evidence.series.empty());
    EXPECT_EQ(event->info->detail.find("4242"), std::string::npos);
  }
  EXPECT_TRUE(raised);
}

TEST_F(Site, AModelOfADatastreamThatNeverLeavesStaysToo) {
  open();
  model::Model model;
  model.inputs = {{"v", 1, "vibration", "mm/s", 1111.25, 4242.5}};
  model.lineage.asset = "acme/hall/pump";
  for (const char* uplink : {"never", "summary"}) {
    apply(yaml(uplink));
    ASSERT_TRUE(core->models().add(model).ok());
    bool told = false;
    for (const auto& item : sent(hub)) {
      if (item.type == "model") told = told || holds(item.body, 4242.5);
    }
    EXPECT_EQ(told, std::string(uplink) == "summary");
  }
}

TEST_F(Site, ADatastreamIsToldToTheHubAgainWhenItsPolicyChangesAndNotOtherwise) {
  open();
  apply(yaml("raw"));
  EXPECT_EQ(count(sent(hub), "datastream"), 1u);
  open();
  EXPECT_EQ(count(sent(hub), "datastream"), 0u);
  apply(yaml("never"));
  const auto items = sent(hub);
  ASSERT_EQ(count(items, "datastream"), 1u);
  for (const auto& item : items) {
    if (item.type != "datastream") continue;
    const auto told = sensing::decode_datastream(item.body);
    ASSERT_TRUE(told.ok());
    EXPECT_EQ(told->policy.uplink, sensing::Uplink::kNever);
    EXPECT_EQ(told->revision, 1u) << "a policy makes no new revision";
  }
}

TEST_F(Site, ASiteThatIsEnrolledWhileItRunsSendsWhatItHasGathered) {
  open(std::nullopt);
  apply(yaml());
  const auto key = shell.bound_now.at(0).series;
  ASSERT_TRUE(core->commit(std::vector<sensing::Observation>{
                               {key, sensing::Quality::kGood, clock.wall_us(), 0, 1.0}})
                  .ok());
  core->signal("app/watch", signal(), {});
  EXPECT_FALSE(core->has_waiting("https"));
  ASSERT_TRUE(core->enrol(identity(hub)).ok());
  EXPECT_EQ(core->context().site, "pump-7");
  EXPECT_TRUE(core->has_waiting("https"));
  core->tick();
  ASSERT_TRUE(take({}).ok());  // the hub's time: without it observations wait
  const auto items = sent(hub);
  for (const char* type : {"datastream", "alert-event", "blocks", "reported"})
    EXPECT_EQ(count(items, type) > 0, true) << type;
}

TEST_F(Site, AMinuteThatIsOverIsSummarisedThoughTheSiteStoodEmptyBefore) {
  open();
  apply(yaml("summary"));
  core->tick();  // nothing is stored yet: there is nothing to begin from
  const auto key = shell.bound_now.at(0).series;
  ASSERT_TRUE(core->commit(std::vector<sensing::Observation>{
                               {key, sensing::Quality::kGood, clock.wall_us(), 0, 1.5}})
                  .ok());
  clock.elapsed += 2 * base::kMinute;
  ASSERT_TRUE(take({}, clock.wall_us()).ok());
  core->tick();
  std::size_t told = 0;
  for (const auto& item : sent(hub)) {
    if (item.type != "summary") continue;
    const auto summaries = link::decode_summaries(item.body);
    ASSERT_TRUE(summaries.ok());
    for (const auto& s : *summaries) {
      EXPECT_EQ(s.datastream, "v");
      EXPECT_EQ(s.summary.mean(), 1.5);
      ++told;
    }
  }
  EXPECT_EQ(told, 1u);
}

TEST_F(Site, EveryKindIsStoredAndNoneButNumbersIsLearntFromOrLeaves) {
  open();
  std::string text =
      "asset: acme/hall/pump\nsources:\n  - {id: m, driver: mqtt, address: h}\ndatastreams:\n";
  for (const char* kind : {"waveform", "object", "interval", "text"}) {
    text += std::string("  - {id: ") + kind + ", property: p, unit: \"1\", kind: " + kind +
            ", from: {source: m, address: t}}\n";
  }
  apply(text);
  std::vector<sensing::Observation> all;
  for (const auto& bound : shell.bound_now) {
    sensing::Observation one{bound.series, sensing::Quality::kGood, clock.wall_us(), 0, {}};
    const auto kind = bound.datastream.kind;
    if (kind == sensing::Kind::kWaveform)
      one.value = std::make_shared<const sensing::Waveform>(sensing::Waveform{8, {1, 2, NAN}});
    if (kind == sensing::Kind::kObject) {
      auto kept = store->put_object(base::as_bytes("an image"), "image/png");
      ASSERT_TRUE(kept.ok());
      one.value = std::make_shared<const sensing::Object>(*kept);
    }
    if (kind == sensing::Kind::kInterval)
      one.value = std::make_shared<const sensing::Interval>(sensing::Interval{5, "batch"});
    if (kind == sensing::Kind::kText) one.value = std::string("on");
    all.push_back(one);
  }
  ASSERT_TRUE(core->commit(all).ok());
  open();
  for (const auto& one : all) {
    const auto latest = store->latest(one.series);
    ASSERT_TRUE(latest.ok() && *latest);
    EXPECT_EQ(sensing::fingerprint((*latest)->observation.value), sensing::fingerprint(one.value));
  }
  EXPECT_FALSE(read_frames(*store,
                           {"acme/hall/pump", {0, clock.wall_us() + base::kMinute}, base::kSecond},
                           {})
                   .ok());
  clock.elapsed += 5 * base::kMinute;
  core->tick();
  const auto items = sent(hub);
  EXPECT_EQ(count(items, "datastream"), 4u);
  EXPECT_EQ(count(items, "summary") + count(items, "blocks"), 0u);
}

TEST_F(Site, AnotherHubIsToldEverythingAndTheOldOnesTrustIsForgotten) {
  open();
  apply(yaml());
  ASSERT_TRUE(take({hub.item("trust", hub.trust(5))}).ok());
  EXPECT_EQ(count(sent(hub), "datastream"), 1u);
  ASSERT_TRUE(take({}).ok());  // with its receipts: the items are gone from the site
  hub = Hub();
  hub.epoch = 8;
  open();
  const auto items = sent(hub);
  EXPECT_EQ(count(items, "datastream"), 1u);
  for (const auto& receipt : hub.receiver.receipts(store->epoch()))
    EXPECT_GT(receipt.held.through(), 0u) << "no number is missing before the first";
}

TEST_F(Site, AnAlarmThatTheDiskRefusesIsToldAtOnceAndKeptWhenThereIsRoom) {
  open();
  apply(yaml());
  store->full = true;
  core->signal("app/watch", signal(), {});
  EXPECT_EQ(shell.told.size(), 1u);
  EXPECT_EQ(core->alarms().book().alerts(true, clock.wall_us(), 10).size(), 1u);
  core->tick();
  store->full = false;
  core->tick();
  EXPECT_EQ(count(sent(hub), "alert-event"), 1u);
  core->tick();
  open();
  EXPECT_EQ(core->alarms().book().alerts(true, clock.wall_us(), 10).size(), 1u);
  EXPECT_EQ(shell.told.size(), 0u) << "nobody is told twice";
}

TEST_F(Site, AnObservationThatCannotBeStoredHoldsBackNoOther) {
  open();
  apply(yaml());
  const auto key = shell.bound_now.at(0).series;
  std::vector<sensing::Observation> all;
  for (int i = 0; i < 9; ++i) {
    sensing::Value value = static_cast<double>(i);
    if (i == 4) value = std::string("no number");
    all.push_back({key, sensing::Quality::kGood, clock.wall_us() + i * base::kSecond, 0, value});
  }
  std::span<const sensing::Observation> rest = all;
  while (!rest.empty()) {
    const auto done = core->commit(rest);
    ASSERT_TRUE(done.ok()) << done.error().message();
    ASSERT_GT(*done, 0u);
    rest = rest.subspan(*done);
  }
  EXPECT_EQ(store->stats().observations, 8u);
}

}  // namespace
}  // namespace lander::site
