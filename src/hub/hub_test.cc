#include "hub/hub_fixture.h"
#include "link/brief_fixture.h"

namespace lander::hub {
namespace {

TEST_F(Hub, ATokenAdmitsItsSiteOnceAndSaysWhyNotAgain) {
  Device device;
  const std::string token = *core->admit(admin, "pump-7", base::kHour);
  auto wrong = device.request(token);
  wrong.secret[0] ^= 1;
  EXPECT_EQ(core->enrol(wrong).error().code(), Code::kUnauthenticated);
  ASSERT_TRUE(core->enrol(device.request(token)).ok());
  open();  // used stays used
  const auto again = core->enrol(device.request(token));
  EXPECT_EQ(again.error().code(), Code::kConflict);
  EXPECT_NE(again.error().message().find("used"), std::string::npos) << again.error().message();

  const std::string late = *core->admit(admin, "pump-8", base::kHour);
  clock.elapsed = 2 * base::kHour;
  const auto expired = core->enrol(Device().request(late));
  EXPECT_EQ(expired.error().code(), Code::kDenied);
  EXPECT_NE(expired.error().message().find("expired"), std::string::npos)
      << expired.error().message();
}

TEST_F(Hub, AKeyOfAnotherSiteIsNotEnrolledTwice) {
  Device device = enrolled("pump-7");
  const auto token = *core->admit(admin, "pump-8", base::kHour);
  EXPECT_EQ(core->enrol(device.request(token)).error().code(), Code::kConflict);
}

TEST_F(Hub, ABundleThatComesTwiceHasItsEffectOnceAlsoAcrossARestart) {
  Device device = enrolled("pump-7");
  const base::Bytes sealed =
      device.bundle({device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  for (int time = 0; time < 2; ++time) {
    const auto reply = core->exchange(device.key_id(), sealed);
    ASSERT_TRUE(reply.ok()) << reply.error().message();
    const auto receipts = device.open(*reply).receipts;
    ASSERT_FALSE(receipts.empty());
    EXPECT_TRUE(receipts[0].held.contains(1));
    open();
  }
  EXPECT_EQ((lake.ingested[{link::kLaneAlert, 1}]), 1);
  EXPECT_EQ((*core->site(admin, "pump-7"))->alerts.alerts(true, kNow, 10).size(), 1u);
}

TEST_F(Hub, AnAlertOfAKindThatItNeverHeardOfIsUnderstoodByTheNamesThatComeWithIt) {
  Device device = enrolled("plant");
  const SiteKey key{"acme", "plant"};
  exchange(device, {device.item("reported", {})});  // from then on it knows the epoch
  link::Dictionary names;
  link::ShortMessage message;
  for (std::uint64_t n : {1, 2}) {
    const auto event = link::brief_raise(static_cast<std::uint16_t>(n), static_cast<int>(n));
    message.items.push_back({link::kLaneState, n + 1, "dictionary", 0, *names.add(event)});
    message.briefs[n] = *link::encode_brief(event, "acme", "plant", names);
  }
  const auto keys_of_site = *link::short_keys(device.keys, "acme", "plant", device.epoch);
  const auto open_alerts = [&] {
    return (*core->site(admin, "plant"))->alerts.alerts(true, kNow, 10).size();
  };
  auto without = message;
  without.items.clear();
  ASSERT_TRUE(
      core->arrived(key, link::seal_short(keys_of_site, false, 1, link::encode(without))).ok());
  EXPECT_EQ(open_alerts(), 0u) << "nobody knows what they are about";
  for (std::uint64_t counter : {2, 3}) {
    ASSERT_TRUE(
        core->arrived(key, link::seal_short(keys_of_site, false, counter, link::encode(message)))
            .ok());
    EXPECT_EQ(open_alerts(), 2u);
    open();
    EXPECT_EQ(open_alerts(), 2u);
  }
  // The items come again in a bundle, and are receipted by that alone.
  const auto answer = exchange(device, {device.item("dictionary", message.items[0].body)});
  ASSERT_EQ(answer.receipts.size(), 1u);
  EXPECT_EQ(answer.receipts[0].held.through(), 2u);
}

TEST_F(Hub, AVerdictGoesToTheSiteAndTheSitesOwnComesBack) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  alert::Event verdict;
  verdict.id = "verdict-1";
  verdict.alert = "alert-1";
  verdict.kind = alert::EventKind::kVerdict;
  verdict.verdict = alert::Verdict::kFalse;
  verdict.time = kNow + 1;
  verdict.actor = "user:anna@hub";
  verdict.comment = "flushing";
  ASSERT_TRUE(core->alert_event(admin, "pump-7", verdict).ok());
  bool went = false;
  for (const auto& item : exchange(device, {}).items) {
    if (item.type != "alert-event") continue;
    const auto event = alert::decode_event(item.body);
    ASSERT_TRUE(event.ok());
    went = event->verdict == alert::Verdict::kFalse && event->comment == "flushing";
  }
  EXPECT_TRUE(went);
  verdict.id = "verdict-2";
  verdict.verdict = alert::Verdict::kMaintenance;
  verdict.time += 1;
  verdict.actor = "user:tim@site";
  exchange(device, {device.item("alert-event", alert::encode(verdict), link::kLaneAlert)});
  open();
  const auto alert = (*core->site(admin, "pump-7"))->alerts.find("alert-1");
  ASSERT_TRUE(alert);
  EXPECT_EQ(alert->verdict, alert::Verdict::kMaintenance);
  EXPECT_EQ(alert->judged_by, "user:tim@site");
}

TEST_F(Hub, WhatBecameOfASitesModelsIsKept) {
  Device device = enrolled("pump-7");
  model::History history{"acme/hall/pump", {}};
  for (int i = 0; i < 60; ++i) {
    model::add(history, {model::Happening::kTrained,
                         kNow + i,
                         "site",
                         "d" + std::to_string(i),
                         "3 new verdicts",
                         {{"alarms", 1}}});
    exchange(device, {device.item("model-history", model::encode(history))});
  }
  exchange(device, {device.item("model-history", {0x80})});  // blocks nothing, changes nothing
  open();
  const auto& kept = (*core->site(admin, "pump-7"))->histories;
  ASSERT_TRUE(kept.contains("acme/hall/pump"));
  const auto& events = kept.at("acme/hall/pump").events;
  EXPECT_EQ(events.size(), model::kMaxHistory);
  EXPECT_EQ(events.back().digest, "d59");
}

TEST_F(Hub, WhatTheWarehouseCouldNotTakeIsNotReceipted) {
  Device device = enrolled("pump-7");
  const base::Bytes sealed =
      device.bundle({device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  lake.failing = true;
  EXPECT_FALSE(core->exchange(device.key_id(), sealed).ok());
  EXPECT_TRUE((*core->site(admin, "pump-7"))->alerts.alerts(true, kNow, 10).empty());
  lake.failing = false;
  ASSERT_TRUE(core->exchange(device.key_id(), sealed).ok());
  EXPECT_EQ((*core->site(admin, "pump-7"))->alerts.alerts(true, kNow, 10).size(), 1u);
}

TEST_F(Hub, AnItemThatDoesNotDecodeBlocksNothingBehindIt) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", {1, 2, 3}, link::kLaneAlert),
                    device.item("alert-event", alert::encode(raise("2")), link::kLaneAlert)});
  EXPECT_EQ((*core->site(admin, "pump-7"))->alerts.alerts(true, kNow, 10).size(), 1u);
}

TEST_F(Hub, OneSiteCannotSpeakForAnother) {
  Device good = enrolled("pump-7"), evil = enrolled("pump-8");
  EXPECT_FALSE(core->exchange(evil.key_id(), good.bundle({})).ok());
  EXPECT_FALSE(core->exchange(good.key_id(), evil.bundle({})).ok());
  evil.site = "pump-7";  // its own key, another's name
  EXPECT_FALSE(core->exchange(evil.key_id(), evil.bundle({})).ok());
  EXPECT_EQ(core->exchange("unknown", good.bundle({})).error().code(), Code::kDenied);
}

TEST_F(Hub, ARevokedSiteIsRefusedFromThenOn) {
  Device device = enrolled("pump-7");
  ASSERT_TRUE(core->revoke(admin, "pump-7").ok());
  EXPECT_EQ(core->exchange(device.key_id(), device.bundle({})).error().code(), Code::kDenied);
  open();
  EXPECT_EQ(core->exchange(device.key_id(), device.bundle({})).error().code(), Code::kDenied);
}

TEST_F(Hub, AnotherTenantFindsNothingOfThisOne) {
  Device device = enrolled("pump-7");
  exchange(device, {device.item("alert-event", alert::encode(raise("1")), link::kLaneAlert)});
  import("1.0.0");
  alert::Event event = raise("1");
  event.kind = alert::EventKind::kAcknowledge;
  event.actor = "user:eve@hub";
  event.info.reset();
  EXPECT_TRUE(core->sites(stranger).empty());
  EXPECT_EQ(core->site(stranger, "pump-7").error().code(), Code::kNotFound);
  EXPECT_EQ(core->revoke(stranger, "pump-7").error().code(), Code::kNotFound);
  EXPECT_EQ(core->apply_yaml(stranger, "pump-7", "datastreams: []\n", "f", false).error().code(),
            Code::kNotFound);
  EXPECT_EQ(core->alert_event(stranger, "pump-7", event).error().code(), Code::kNotFound);
  EXPECT_EQ(core->start_rollout(stranger, "watch", "1.0.0", {{"pump-7"}}, 0).error().code(),
            Code::kNotFound);
  EXPECT_TRUE((*core->tenant(stranger))->packages.empty());
}

TEST_F(Hub, EveryChangeNeedsItsRole) {
  enrolled("pump-7");
  const std::string digest = import("1.0.0");
  const Scope viewer{"acme", "vic", Role::kViewer}, technician{"acme", "tim", Role::kTechnician},
      operator_{"acme", "oda", Role::kOperator};
  for (const Scope& scope : {viewer, technician}) {
    EXPECT_EQ(core->apply_yaml(scope, "pump-7", "datastreams: []\n", "f", false).error().code(),
              Code::kDenied);
    EXPECT_EQ(core->start_rollout(scope, "watch", "1.0.0", {{"pump-7"}}, 0).error().code(),
              Code::kDenied);
    EXPECT_EQ(core->import_package(scope, {}).error().code(), Code::kDenied);
  }
  for (const Scope& scope : {viewer, technician, operator_}) {
    EXPECT_EQ(core->admit(scope, "pump-9", base::kHour).error().code(), Code::kDenied);
    EXPECT_EQ(core->revoke(scope, "pump-7").error().code(), Code::kDenied);
  }
  EXPECT_EQ(core->alert_event(viewer, "pump-7", raise("1")).error().code(), Code::kDenied);
}

TEST_F(Hub, ARolloutGoesPhaseByPhaseAndHaltsWhereAVersionRollsBack) {
  Device first = enrolled("pump-1"), second = enrolled("pump-2");
  const std::string good = import("1.0.0");
  const std::string id =
      (*core->start_rollout(admin, "watch", "1.0.0", {{"pump-1"}, {"pump-2"}}, 0))->id;
  auto assigned = [&](Device& device) {
    const auto& apps = (*core->site(admin, device.site))->desired.apps;
    return apps.empty() ? std::string() : apps[0].version;
  };
  EXPECT_EQ(assigned(first), "1.0.0");
  EXPECT_EQ(assigned(second), "");
  const auto reply = exchange(first, {});
  ASSERT_EQ(reply.items.size(), 1u);
  EXPECT_EQ(reply.items[0].type, "desired");

  exchange(first, {reported(first, "1.0.0", good, twin::Status::kApplied)});
  open();
  EXPECT_EQ(assigned(second), "1.0.0");
  exchange(second, {reported(second, "1.0.0", good, twin::Status::kApplied)});
  EXPECT_EQ((*core->tenant(admin))->rollouts.at(id).state, fleet::Rollout::State::kDone);

  const std::string bad = import("2.0.0");
  const std::string next =
      (*core->start_rollout(admin, "watch", "2.0.0", {{"pump-1"}, {"pump-2"}}, 0))->id;
  exchange(first, {reported(first, "2.0.0", bad, twin::Status::kRolledBack, "raised 9 alerts")});
  const auto& halted = (*core->tenant(admin))->rollouts.at(next);
  EXPECT_EQ(halted.state, fleet::Rollout::State::kHalted);
  EXPECT_NE(halted.reason.find("raised 9 alerts"), std::string::npos) << halted.reason;
  EXPECT_EQ(assigned(second), "1.0.0");
}

TEST_F(Hub, ASitesOwnRevisionIsAdoptedAndTheHubsNextOneSupersedesIt) {
  Device device = enrolled("pump-7");
  twin::Desired made;
  made.revision = 3;
  made.origin = twin::Origin::kSite;
  made.author = "user:tim@site";
  made.created = kNow;
  twin::Reported report;
  report.desired_revision = 3;
  report.time = kNow;
  report.site_desired = twin::encode(made);
  exchange(device, {device.item("reported", twin::encode(report))});
  EXPECT_EQ((*core->site(admin, "pump-7"))->desired.author, "user:tim@site");
  const auto applied = core->apply_yaml(admin, "pump-7", "commit_interval: 2s\n", "f.yaml", false);
  ASSERT_TRUE(applied.ok()) << applied.error().message();
  EXPECT_EQ(applied->revision, 4u);
}

TEST_F(Hub, AMistakenFileOrOneForAnotherSiteChangesNothing) {
  enrolled("pump-7");
  EXPECT_EQ(core->apply_yaml(admin, "pump-7", "datastream: []\n", "f.yaml", false).error().code(),
            Code::kInvalid);
  EXPECT_EQ(
      core->apply_yaml(admin, "pump-7", "site: pump-8\ncommit_interval: 2s\n", "f.yaml", false)
          .error()
          .code(),
      Code::kConflict);
  EXPECT_EQ((*core->site(admin, "pump-7"))->desired.revision, 0u);
}

TEST_F(Hub, APackageIsSentInPiecesThatMakeItUpAndOnlyToItsTenant) {
  Device device = enrolled("pump-7");
  const std::string digest = import("1.0.0");
  link::Bundle ask;
  ask.tenant = device.tenant;
  ask.site = device.site;
  ask.epoch = device.epoch;
  ask.sent = kNow;
  base::Bytes whole;
  do {
    ask.wants = {{digest, whole.size()}, {std::string(64, 'a'), 0}};
    const auto reply = core->exchange(device.key_id(), *link::seal(ask, device.keys));
    ASSERT_TRUE(reply.ok());
    const auto bundle = device.open(*reply);
    ASSERT_FALSE(bundle.items.empty());
    for (const auto& item : bundle.items) {
      const auto piece = link::decode_blob(item.body);
      ASSERT_TRUE(piece.ok());
      EXPECT_EQ(piece->digest, digest);
      ASSERT_EQ(piece->offset, whole.size());
      whole.insert(whole.end(), piece->bytes.begin(), piece->bytes.end());
      if (whole.size() == piece->total) ask.wants.clear();
    }
  } while (!ask.wants.empty());
  EXPECT_EQ(package::digest(whole), digest);
}

}  // namespace
}  // namespace lander::hub
