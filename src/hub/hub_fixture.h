// What the hub's tests share: a core on a temporary folder, a lake that counts, devices made by
// hand.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "hub/core.h"
#include "package/package.h"

namespace lander::hub {

using access::Role;
using access::Scope;
using base::Code;

inline constexpr base::TimeUs kNow = 1'795'000'000 * base::kSecond;

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
  base::Result<Compacted> compact() override { return Compacted{}; }
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

inline constexpr const char* kApp = R"(app: watch
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
  link::Bundle open(base::ByteView sealed) {
    return *link::open(sealed, keys, {tenant, site, true});
  }
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

}  // namespace lander::hub
