#include <gtest/gtest.h>

#include <filesystem>

#include "hub/core.h"
#include "package/package.h"

namespace lander::hub {
namespace {

using access::Role;
using access::Scope;
using base::Code;

constexpr base::TimeUs kNow = 1'795'000'000 * base::kSecond;

class TestClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return kNow + elapsed; }
  base::DurationUs monotonic_us() const override { return elapsed; }
  std::string boot_id() const override { return "boot"; }
  base::DurationUs elapsed = 0;
};

// Counts what reaches the warehouse, and refuses when told to.
class TestLake : public lake::Lake {
 public:
  base::Status ingest(const lake::Origin&, const std::vector<link::Item>& items) override {
    if (failing) return base::Error(Code::kExhausted, "disk full");
    for (const auto& item : items) ++ingested[{item.lane, item.number}];
    return {};
  }
  base::Result<Flushed> flush() override { return Flushed{}; }
  base::Result<std::uint64_t> waiting_rows() const override { return 0; }
  base::Result<std::vector<std::pair<base::TimeUs, sensing::Summary>>> series(
      std::string_view, std::string_view, std::string_view, base::TimeUs, base::TimeUs,
      std::size_t) override {
    return std::vector<std::pair<base::TimeUs, sensing::Summary>>{};
  }
  Stats stats() const override { return {}; }
  std::map<std::pair<int, std::uint64_t>, int> ingested;
  bool failing = false;
};

constexpr const char* kApp = R"(app: watch
version: VERSION
vendor: acme
purpose: continuity
ports: {v: {property: vibration, unit: mm/s}}
pipeline:
  - rule: {name: high, when: "v > 7"}
  - alert: {rule: high, title: "High", detail: "v is {v}", severity: high}
)";

// A site as the hub sees one: keys, and bundles made by hand.
struct Device {
  crypto::PrivateKey signing = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
  crypto::PrivateKey sealing = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
  std::string tenant, site;
  link::Keys keys;
  std::uint64_t epoch = 7, next = 1;

  trust::EnrolRequest request(const std::string& token_text) {
    const auto token = trust::parse_token(token_text);
    EXPECT_TRUE(token.ok());
    tenant = token->tenant;
    site = token->site;
    crypto::Subject subject;
    subject.common_name = tenant + "/" + site;
    return {tenant, site, token->secret, *crypto::make_csr(signing, subject),
            sealing.public_key().to_der()};
  }
  void joined(const trust::EnrolReply& reply) {
    keys = {signing, sealing, *crypto::PublicKey::from_der(reply.hub_signing_key_der),
            *crypto::PublicKey::from_der(reply.hub_sealing_key_der)};
  }
  link::Item item(std::string type, base::Bytes body, std::uint8_t lane = link::kLaneState) {
    return {lane, next++, std::move(type), kNow, std::move(body)};
  }
  base::Bytes bundle(std::vector<link::Item> items, std::uint64_t revision = 0) {
    link::Bundle bundle;
    bundle.tenant = tenant;
    bundle.site = site;
    bundle.epoch = epoch;
    bundle.sent = kNow;
    bundle.desired_revision = revision;
    bundle.items = std::move(items);
    return *link::seal(bundle, keys);
  }
  link::Bundle open(base::ByteView sealed) { return *link::open(sealed, keys, tenant, site, true); }
  std::string key_id() const { return signing.public_key().id(); }
};

class Hub : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("lander-hub-test-" + os::system_random().uuid7(kNow));
    std::filesystem::create_directories(folder);
    keys.tls = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
    keys.signing = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
    keys.sealing = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
    keys.authority = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
    keys.authority_pem = *crypto::self_signed(keys.authority, {"test", {}, {}, false, true}, kNow,
                                              kNow + base::kDay);
    open();
    for (const char* tenant : {"acme", "other"}) ASSERT_TRUE(core->add_tenant(tenant).ok());
    vendor = *crypto::PrivateKey::generate(crypto::KeyType::kEd25519);
    root = *crypto::PrivateKey::generate(crypto::KeyType::kEd25519);
    trust::Document document;
    document.version = 1;
    document.signers.push_back({"acme", vendor.public_key().to_der(), {"*"}});
    for (const Scope& scope : {admin, stranger}) {
      const auto set =
          core->set_trust(scope, root.public_key().to_der(), *trust::sign(document, root));
      ASSERT_TRUE(set.ok()) << set.error().message();
    }
  }
  void TearDown() override {
    core.reset();
    state.reset();
    std::filesystem::remove_all(folder);
  }
  // As after a crash: everything in memory is gone, the state is what was committed.
  void open() {
    core.reset();
    state.reset();
    state = *State::open(folder / "hub.db", "", 42);
    auto opened = Core::open({*state,
                              lake,
                              os::system_files(),
                              clock,
                              os::system_random(),
                              folder,
                              [](const std::string&, std::string_view, const std::string&) {},
                              [](const SiteKey&, const alert::Event&, const alert::Alert&) {},
                              {}},
                             keys);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    core = std::move(*opened);
  }
  Device enrolled(const std::string& site) {
    Device device;
    const auto token = core->admit(admin, site, base::kHour);
    EXPECT_TRUE(token.ok()) << token.error().message();
    const auto reply = core->enrol(device.request(*token));
    EXPECT_TRUE(reply.ok()) << reply.error().message();
    device.joined(*reply);
    return device;
  }
  link::Bundle exchange(Device& device, std::vector<link::Item> items) {
    const auto reply = core->exchange(device.key_id(), device.bundle(std::move(items)));
    EXPECT_TRUE(reply.ok()) << reply.error().message();
    return reply.ok() ? device.open(*reply) : link::Bundle{};
  }
  std::string import(const std::string& version) {
    std::string yaml = kApp;
    yaml.replace(yaml.find("VERSION"), 7, version);
    const auto manifest = package::parse_manifest(yaml, "app.yaml");
    EXPECT_TRUE(manifest.ok()) << manifest.error().message();
    const auto signed_package = package::sign(*package::pack(*manifest, {}), vendor);
    const auto imported = core->import_package(admin, *signed_package);
    EXPECT_TRUE(imported.ok()) << imported.error().message();
    return (*imported)->package.digest;
  }
  link::Item reported(Device& device, const std::string& version, const std::string& digest,
                      twin::Status status, const std::string& reason = "") {
    twin::Reported report;
    report.desired_revision = (*core->site(admin, device.site))->desired.revision;
    report.time = clock.wall_us();
    report.components.push_back({"app/watch", twin::app_label(version, digest),
                                 twin::app_label(version, digest), status, reason, kNow});
    return device.item("reported", twin::encode(report));
  }
  static alert::Event raise(const std::string& id) {
    alert::Event event;
    event.id = "event-" + id;
    event.alert = "alert-" + id;
    event.time = kNow;
    event.actor = "site";
    event.info = alert::Info{};
    event.info->asset = "acme/hall/pump";
    event.info->title = "High vibration";
    event.info->rule = "app/watch/high";
    return event;
  }

  const Scope admin{"acme", "anna", Role::kAdmin};
  const Scope stranger{"other", "eve", Role::kAdmin};
  std::filesystem::path folder;
  TestClock clock;
  TestLake lake;
  Keys keys;
  crypto::PrivateKey vendor, root;
  std::unique_ptr<State> state;
  std::unique_ptr<Core> core;
};

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
