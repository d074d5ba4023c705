// Sites that lie, disks that fail, clocks that jump, crashes between two steps.
#include "hub/hub_fixture.h"

namespace lander::hub {
namespace {

TEST_F(Hub, ASitesTextThatTheFoldRefusesDoesNotKeepTheHubFromStarting) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  std::vector<link::Item> chatter;
  for (std::size_t i = 0; i <= alert::kMaxEventsPerAlert; ++i) {
    alert::Event event = raise("1");
    event.id = "chatter-" + std::to_string(i);
    event.kind = alert::EventKind::kClear;
    event.info.reset();
    chatter.push_back(device.item("alert-event", alert::encode(event), link::kLaneAlert));
  }
  exchange(device, std::move(chatter));
  open();
  EXPECT_EQ((*core->site(admin, "pump-7"))->alerts.alerts(true, kNow, 10).size(), 1u);
}

TEST_F(Hub, APackageThatIsGoneFromTheDiskDoesNotKeepTheHubFromStarting) {
  const std::string digest = import("1.0.0");
  import("1.1.0");
  std::filesystem::remove(folder / "packages" / digest);
  open();
  EXPECT_FALSE((*core->tenant(admin))->packages.contains(digest));
  EXPECT_EQ((*core->tenant(admin))->packages.size(), 1u);
  EXPECT_EQ(import("1.0.0"), digest) << "it can be brought again";
}

TEST_F(Hub, AnAlertThatLeavesTheBookByBeingSeenIsStillAnswered) {
  Device device = enrolled("pump-7");
  auto cleared = [&](const std::string& id, base::TimeUs time, bool seen) {
    std::vector<link::Item> items;
    alert::Event event = raise(id);
    event.time = time;
    items.push_back(device.item("alert-event", alert::encode(event), link::kLaneAlert));
    event.info.reset();
    for (auto kind : {alert::EventKind::kClear, alert::EventKind::kAcknowledge}) {
      if (kind == alert::EventKind::kAcknowledge && !seen) break;
      event.kind = kind;
      event.id = "event-" + id + "-" + std::string(alert::to_string(kind));
      items.push_back(device.item("alert-event", alert::encode(event), link::kLaneAlert));
    }
    exchange(device, std::move(items));
  };
  cleared("old", kNow - base::kDay, false);
  for (int i = 0; i < 205; ++i) cleared(std::to_string(i), kNow + i, true);
  alert::Event seen;
  seen.id = "by-anna";
  seen.alert = "alert-old";
  seen.kind = alert::EventKind::kAcknowledge;
  seen.time = kNow + 1000;
  seen.actor = "user:anna@hub";
  const auto answer = core->alert_event(admin, "pump-7", seen);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->id, "alert-old");
  EXPECT_EQ(answer->acknowledged_by, "user:anna@hub");
  EXPECT_EQ(answer->state(kNow), alert::State::kNormal);
}

TEST_F(Hub, WhatAPersonDidReachesTheLakeThoughItWasDownAtThatMoment) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  lake.ingested.clear();
  lake.failing = true;
  alert::Event seen;
  seen.id = "by-anna";
  seen.alert = "alert-1";
  seen.kind = alert::EventKind::kAcknowledge;
  seen.time = kNow;
  seen.actor = "user:anna@hub";
  ASSERT_TRUE(core->alert_event(admin, "pump-7", seen).ok()) << "it is durable";
  for (const bool restart : {false, true}) {
    lake.failing = false;
    restart ? open() : core->tick();
    EXPECT_EQ((lake.ingested[{link::kLaneAlert, 1}]), restart ? 2 : 1) << "a lake drops repeats";
  }
}

TEST_F(Hub, ASiteDoesNotSpeakForThePeopleAtTheHub) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  alert::Event forged = raise("1");
  forged.id = "forged";
  forged.kind = alert::EventKind::kAcknowledge;
  forged.info.reset();
  forged.actor = "user:anna@hub";
  exchange(device, {device.item("alert-event", alert::encode(forged), link::kLaneAlert)});
  EXPECT_EQ((*core->site(admin, "pump-7"))->alerts.find("alert-1")->acknowledged, 0);
}

TEST_F(Hub, AReportCountsThoughTheSitesClockWasSetBack) {
  Device device = enrolled("pump-7");
  twin::Reported report;
  report.time = kNow + 365 * base::kDay;
  report.software = "wrong clock";
  exchange(device, {device.item("reported", twin::encode(report))});
  const std::uint64_t early = device.next++;
  report.time = kNow;
  report.software = "right clock";
  exchange(device, {device.item("reported", twin::encode(report))});
  EXPECT_EQ((*core->site(admin, "pump-7"))->reported.software, "right clock");
  report.software = "came late";
  exchange(device, {{link::kLaneState, early, "reported", kNow, twin::encode(report)}});
  EXPECT_EQ((*core->site(admin, "pump-7"))->reported.software, "right clock");
}

TEST_F(Hub, ManyPackagesAtOnceFitIntoTheReply) {
  Device device = enrolled("pump-7");
  link::Bundle ask;
  ask.tenant = device.tenant;
  ask.site = device.site;
  ask.epoch = device.epoch;
  ask.sent = kNow;
  for (int i = 0; i < 5; ++i) {
    std::string yaml = kApp;
    yaml.replace(yaml.find("VERSION"), 7, "1.0." + std::to_string(i));
    const auto manifest = package::parse_manifest(yaml, "app.yaml");
    const auto packed =
        package::pack(*manifest, {{"table.bin", os::system_random().bytes(1200 << 10)}});
    ASSERT_TRUE(packed.ok()) << packed.error().message();
    const auto imported = core->import_package(admin, *package::sign(*packed, vendor));
    ASSERT_TRUE(imported.ok()) << imported.error().message();
    ask.wants.push_back({(*imported)->package.digest, 0});
  }
  const auto reply = core->exchange(device.key_id(), *link::seal(ask, device.keys));
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_FALSE(device.open(*reply).items.empty());
}

TEST_F(Hub, ATokenThatWasNotUsedYetCanBeWithdrawn) {
  const std::string token = *core->admit(admin, "pump-7", base::kHour);
  EXPECT_EQ(core->revoke(stranger, "pump-7").error().code(), Code::kNotFound);
  ASSERT_TRUE(core->revoke(admin, "pump-7").ok());
  EXPECT_EQ(core->enrol(Device().request(token)).error().code(), Code::kUnauthenticated);
}

TEST_F(Hub, ARolloutDoesNotWaitForASiteThatIsRevoked) {
  Device first = enrolled("pump-1"), second = enrolled("pump-2"), third = enrolled("pump-3");
  const std::string digest = import("1.0.0");
  ASSERT_TRUE(
      core->start_rollout(admin, "watch", "1.0.0", {{"pump-1", "pump-2"}, {"pump-3"}}, 0).ok());
  exchange(first, {reported(first, "1.0.0", digest, twin::Status::kApplied)});
  ASSERT_TRUE(core->revoke(admin, "pump-2").ok());
  EXPECT_EQ((*core->site(admin, "pump-3"))->desired.apps.size(), 1u);
  EXPECT_EQ(core->start_rollout(admin, "watch", "1.0.0", {{"pump-2"}}, 0).error().code(),
            Code::kConflict);
  open();
}

TEST_F(Hub, ANewerRolloutOfAnAppEndsTheOneThatStillRuns) {
  Device first = enrolled("pump-1"), second = enrolled("pump-2");
  const std::string old = import("1.0.0");
  import("2.0.0");
  const std::string before =
      (*core->start_rollout(admin, "watch", "1.0.0", {{"pump-1"}, {"pump-2"}}, 0))->id;
  ASSERT_TRUE(core->start_rollout(admin, "watch", "2.0.0", {{"pump-2"}}, 0).ok());
  EXPECT_EQ((*core->tenant(admin))->rollouts.at(before).state, fleet::Rollout::State::kCancelled);
  exchange(first, {reported(first, "1.0.0", old, twin::Status::kApplied)});
  EXPECT_EQ((*core->site(admin, "pump-2"))->desired.apps.at(0).version, "2.0.0");
}

TEST_F(Hub, ABoxInPlaceOfAnotherIsToldWhatIsDesired) {
  Device device = enrolled("pump-7");
  ASSERT_TRUE(core->apply_yaml(admin, "pump-7", "commit_interval: 2s\n", "f.yaml", false).ok());
  auto reply = exchange(device, {});
  ASSERT_EQ(reply.items.size(), 1u);
  // It receipts, so the hub forgets.
  link::Bundle receipt;
  receipt.tenant = device.tenant;
  receipt.site = device.site;
  receipt.epoch = device.epoch;
  receipt.sent = kNow;
  receipt.receipts = {{reply.epoch, link::kLaneState, *link::Ranges::from({{1, 1}})}};
  ASSERT_TRUE(core->exchange(device.key_id(), *link::seal(receipt, device.keys)).ok());
  Device replacement = enrolled("pump-7");
  reply = exchange(replacement, {});
  ASSERT_EQ(reply.items.size(), 1u);
  EXPECT_EQ(reply.items[0].type, "desired");
}

TEST_F(Hub, ASiteThatNeverStopsDeclaringAndRaisingIsBounded) {
  Device device = enrolled("pump-7");
  std::vector<link::Item> items;
  for (int i = 0; i < 8'000; ++i) {
    items.push_back(
        device.item("alert-event", alert::encode(raise(std::to_string(i))), link::kLaneAlert));
    if (items.size() < 2000) continue;
    exchange(device, std::move(items));
    items.clear();
  }
  const Site& site = **core->site(admin, "pump-7");
  EXPECT_LE(site.alerts.alerts(false, kNow, SIZE_MAX).size(), 5'000u);
  link::SeriesSummary unknown{"nobody-declared-it", 1, kNow, base::kMinute, {}};
  unknown.summary.add(1.0, sensing::Quality::kGood);
  exchange(device, {device.item("summary", link::encode_summaries({unknown}), link::kLaneSummary)});
  EXPECT_TRUE(site.latest.empty());
}

link::Bundle from(const Device& device, base::TimeUs sent, base::TimeUs heard = 0) {
  link::Bundle out;
  out.tenant = device.tenant;
  out.site = device.site;
  out.epoch = device.epoch;
  out.sent = sent;
  out.heard = heard;
  return out;
}

TEST_F(Hub, AnAnswerFitsIntoAMessageOfItsWay) {
  Device device = enrolled("pump-7");
  std::string yaml = kApp;
  yaml.replace(yaml.find("VERSION"), 7, "1.0.0");
  const auto packed = package::pack(*package::parse_manifest(yaml, "app.yaml"),
                                    {{"table.bin", os::system_random().bytes(1200 << 10)}});
  const auto imported = core->import_package(admin, *package::sign(*packed, vendor));
  ASSERT_TRUE(imported.ok()) << imported.error().message();
  for (const std::size_t most : {std::size_t{270}, std::size_t{256} << 10}) {
    link::Bundle ask = from(device, ++clock.elapsed);
    ask.wants = {{(*imported)->package.digest, 7}};
    const auto reply = core->arrived({"acme", "pump-7"}, *link::seal(ask, device.keys), most);
    ASSERT_TRUE(reply.ok()) << reply.error().message();
    const auto items = device.open(*reply).items;
    ASSERT_EQ(items.empty(), most == 270);
    if (items.empty()) continue;
    EXPECT_LE(reply->size(), most);
    EXPECT_GT(reply->size(), most / 2);
  }
}

TEST_F(Hub, ARecordedBundleIsNoContactAndKeepsNothingFromTheSite) {
  Device device = enrolled("pump-7");
  const SiteKey key{"acme", "pump-7"};
  link::Bundle first = from(device, kNow);
  first.vitals["load1"] = 1;
  const base::Bytes recorded = *link::seal(first, device.keys);
  ASSERT_TRUE(core->arrived(key, recorded).ok());
  link::Bundle second = from(device, kNow + 1);
  second.vitals["load1"] = 2;
  ASSERT_TRUE(core->arrived(key, *link::seal(second, device.keys)).ok());
  ASSERT_TRUE(core->apply_yaml(admin, "pump-7", "commit_interval: 2s\n", "f", false).ok());
  clock.elapsed = base::kDay;
  const auto replayed = core->arrived(key, recorded);
  ASSERT_TRUE(replayed.ok());
  EXPECT_TRUE(device.open(*replayed).items.empty());
  EXPECT_FALSE(device.open(*replayed).receipts.empty());
  EXPECT_EQ((*core->site(admin, "pump-7"))->last_contact, kNow);
  EXPECT_EQ((*core->site(admin, "pump-7"))->vitals.at("load1"), 2);
  // The site itself, whose clock was set back, has heard more than what was recorded.
  const auto back =
      core->arrived(key, *link::seal(from(device, kNow - base::kDay, kNow + 2), device.keys));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(device.open(*back).items.size(), 1u);
  EXPECT_EQ((*core->site(admin, "pump-7"))->last_contact, clock.wall_us());
}

TEST_F(Hub, AnOldEpochOnAStickIsNoClone) {
  Device device = enrolled("pump-7");
  device.epoch = 8;
  ASSERT_TRUE(core->exchange(device.key_id(), *link::seal(from(device, kNow), device.keys)).ok());
  device.epoch = 7;
  ASSERT_TRUE(core->courier(admin, "pump-7",
                            device.bundle({device.item("alert-event", alert::encode(raise("1")),
                                                       link::kLaneAlert)}))
                  .ok());
  open();
  device.epoch = 8;
  const auto later = from(device, kNow + base::kDay, kNow + base::kHour);
  ASSERT_TRUE(core->exchange(device.key_id(), *link::seal(later, device.keys)).ok());
  const Site& site = **core->site(admin, "pump-7");
  EXPECT_EQ(site.instances.cloned_since(), 0);
  EXPECT_EQ(site.instances.newest_epoch(), 8u);
}

class ShortHub : public Hub {
 protected:
  void SetUp() override {
    Hub::SetUp();
    device = enrolled("pump-7");
    exchange(device, {});
    keys_of_epoch = *link::short_keys(device.keys, "acme", "pump-7", device.epoch);
  }
  base::Result<base::Bytes> say(std::uint64_t counter, const link::ShortMessage& message) {
    return core->arrived({"acme", "pump-7"},
                         link::seal_short(keys_of_epoch, false, counter, link::encode(message)));
  }
  base::Bytes say(std::uint64_t counter) {
    link::ShortMessage message;
    message.desired_revision = 1;
    const auto answer = say(counter, message);
    EXPECT_TRUE(answer.ok());
    return answer.ok() ? *answer : base::Bytes();
  }
  std::uint64_t counter(const base::Bytes& answer) {
    const std::uint64_t newest[] = {0};
    const auto opened = link::open_short({&keys_of_epoch, 1}, newest, true, answer);
    EXPECT_TRUE(opened.ok());
    return opened.ok() ? opened->counter : 0;
  }
  Device device;
  link::ShortKeys keys_of_epoch;
};

TEST_F(ShortHub, AMessageThatComesAgainSpendsNoCounter) {
  const auto first = say(2);
  EXPECT_EQ(say(2), first);
  EXPECT_EQ(say(1), first);
  const auto next = say(3);
  EXPECT_EQ(counter(next), counter(first) + 1);
  open();
  EXPECT_GT(counter(say(4)), counter(next));
}

TEST_F(ShortHub, ACounterIsNotGivenAgainWhenItsEpochWentForOthers) {
  const auto before = say(1);
  Device other = device;
  for (const std::uint64_t epoch : {101, 102, 103, 104, 105}) {
    other.epoch = epoch;
    exchange(other, {other.item("dictionary", {1})});
  }
  EXPECT_FALSE((*core->site(admin, "pump-7"))->shorts.contains(device.epoch));
  exchange(device, {device.item("dictionary", {1})});
  EXPECT_GT(counter(say(2)), counter(before));
}

TEST_F(ShortHub, AHubThatWasSetBackCountsFromFarAheadAlsoAfterItsNextStart) {
  const auto before = say(1);
  core.reset();
  state.reset();
  std::filesystem::copy_file(folder / "hub.db", folder / "copy.db");
  open();
  ASSERT_TRUE(core->apply_yaml(admin, "pump-7", "commit_interval: 2s\n", "f", false).ok());
  const auto reply = exchange(device, {});
  core.reset();
  state.reset();
  std::filesystem::rename(folder / "copy.db", folder / "hub.db");
  open();
  link::Bundle receipt = from(device, kNow + 1);
  receipt.receipts = {{reply.epoch, link::kLaneState, *link::Ranges::from({{1, 1}})}};
  ASSERT_TRUE(core->exchange(device.key_id(), *link::seal(receipt, device.keys)).ok());
  ASSERT_NE(state->epoch(), reply.epoch);
  for (std::uint64_t time = 2; time < 4; ++time) {
    EXPECT_GT(counter(say(time)), counter(before) + 32'768);
    open();
  }
}

TEST_F(ShortHub, WhatCameWholeMakesRoomForMoreInBrief) {
  const auto brief = [&](std::uint64_t number) {
    alert::Event event;
    event.kind = alert::EventKind::kClear;
    event.actor = "site";
    event.time = kNow + static_cast<base::TimeUs>(number) * 1000;
    event.alert = link::derived_id("acme", "pump-7", link::IdOf::kAlert, kNow, 1);
    event.id = link::derived_id("acme", "pump-7", link::IdOf::kEvent, event.time, 2);
    return *link::encode_brief(event, "acme", "pump-7", {});
  };
  link::ShortMessage message;
  for (std::uint64_t number = 1; number <= 5000; ++number) {
    message.briefs[number] = brief(number);
    if (number % 2500 != 0) continue;
    ASSERT_TRUE(say(number, message).ok());
    message.briefs.clear();
  }
  message.briefs = {{5001, brief(5001)}};
  EXPECT_EQ(say(5001, message).error().code(), Code::kExhausted);
  link::Bundle whole = from(device, kNow + 1);
  whole.gone = {{link::kLaneAlert, link::Gone::kExpired, *link::Ranges::from({{1, 4000}})}};
  ASSERT_TRUE(core->exchange(device.key_id(), *link::seal(whole, device.keys)).ok());
  EXPECT_TRUE(say(5002, message).ok());
  message.briefs = {{5002, {0xff}}};
  ASSERT_TRUE(say(5003, message).ok());
  const auto& noticed = (*core->site(admin, "pump-7"))->shorts.at(device.epoch).noticed;
  EXPECT_FALSE(noticed.contains(4000));
  EXPECT_TRUE(noticed.contains(5001));
  EXPECT_FALSE(noticed.contains(5002));
}

TEST_F(Hub, AnAddressThatAnotherTenantDeclaresIsStillTheSites) {
  enrolled("pump-7");
  const std::string yaml =
      "carriers:\n  - {id: sat, type: short-message, settings: {device: /dev/ttyUSB0, address: "
      "\"300234010753370\"}}\n";
  const auto applied = core->apply_yaml(admin, "pump-7", yaml, "f.yaml", false);
  ASSERT_TRUE(applied.ok()) << applied.error().message();
  const auto token = core->admit(stranger, "evil", base::kHour);
  ASSERT_TRUE(core->enrol(Device().request(*token)).ok());
  ASSERT_TRUE(core->apply_yaml(stranger, "evil", yaml, "f.yaml", false).ok());
  EXPECT_EQ(core->sites_of_address("300234010753370"),
            (std::vector<SiteKey>{{"acme", "pump-7"}, {"other", "evil"}}));
}

TEST_F(Hub, WhatDoesNotOpenIsParkedWithinBounds) {
  Device device = enrolled("pump-7");
  const auto parked = [&] {
    std::vector<base::Bytes> out;
    EXPECT_TRUE(state
                    ->load("short",
                           [&](const Record& r) -> base::Status {
                             out.push_back(r.body);
                             return {};
                           })
                    .ok());
    return out;
  };
  for (std::uint8_t i = 0; i < 70; ++i) {
    ++clock.elapsed;
    EXPECT_FALSE(core->arrived({"acme", "pump-7"}, base::Bytes(12, i)).ok());
  }
  ASSERT_EQ(parked().size(), 64u);
  EXPECT_EQ(parked().front(), base::Bytes(12, 6));
  EXPECT_FALSE(core->arrived({"acme", "pump-7"}, base::Bytes(13, 7), 270, false).ok());
  EXPECT_EQ(parked().back(), base::Bytes(12, 69));
  exchange(device, {});
  EXPECT_TRUE(parked().empty());
}

}  // namespace
}  // namespace lander::hub
