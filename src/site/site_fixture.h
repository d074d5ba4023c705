// What the site's tests share: a core on a real store in a temporary folder, a shell that
// remembers, and a hub made by hand.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "site/core.h"
#include "store/forwarding_store.h"

namespace lander::site {

inline constexpr base::TimeUs kNow = 1'795'000'000 * base::kSecond;

class TestClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return kNow + elapsed; }
  base::DurationUs monotonic_us() const override { return elapsed; }
  std::string boot_id() const override { return "boot"; }
  base::DurationUs elapsed = base::kMinute;
};

class TestShell : public Shell {
 public:
  void run_sources(const std::vector<source::Config>&,
                   const std::vector<source::Bound>& bound) override {
    bound_now = bound;
  }
  std::map<std::string, source::Health> source_health() const override { return {}; }
  void install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                        std::vector<sensing::SeriesKey> series) override {
    pipelines.insert(id);
    engine.install(std::move(id), std::move(pipeline), series);
  }
  void remove_pipeline(const std::string& id) override {
    pipelines.erase(id);
    engine.remove(id);
  }
  std::map<std::string, Engine::PipelineHealth> pipeline_health() const override {
    std::map<std::string, Engine::PipelineHealth> out = engine.health();  // they all do well
    for (const auto& id : pipelines) out[id].health.evaluations = 1000;
    return out;
  }
  void set_webhook(const std::optional<twin::Webhook>&) override {}
  void run_carriers(const std::vector<carrier::Config>&) override {}
  bool learn(const LearnJob& job) override {
    jobs.push_back(job);
    return true;
  }
  void tell(const notify::Notice& notice) override { told.push_back(notice); }
  void publish(std::string_view, std::string) override {}

  std::vector<source::Bound> bound_now;
  std::set<std::string> pipelines;
  Engine engine;  // of those that a test feeds
  std::vector<notify::Notice> told;
  std::vector<LearnJob> jobs;
};

// A store whose disk is full when told so.
class FullStore final : public store::ForwardingStore {
 public:
  using store::ForwardingStore::ForwardingStore;
  base::Result<store::Committed> commit(const store::Batch& batch) override {
    if (full || (reserve_only && !batch.observations.empty()))
      return base::Error(base::Code::kExhausted, "disk full");
    return ForwardingStore::commit(batch);
  }
  base::Result<store::SeriesKey> declare(sensing::Datastream d) override {
    if (full) return base::Error(base::Code::kExhausted, "disk full");
    return ForwardingStore::declare(std::move(d));
  }
  base::Result<std::vector<store::Incident>> incidents(std::uint64_t after,
                                                       std::size_t max) const override {
    auto out = ForwardingStore::incidents(after, max);
    for (const auto& one : noted) {
      if (out.ok() && one.id > after && out->size() < max) out->push_back(one);
    }
    return out;
  }
  store::Stats stats() const override {
    store::Stats out = ForwardingStore::stats();
    out.object_bytes += more_bytes;
    out.free_bytes = free_bytes;
    return out;
  }
  bool full = false, reserve_only = false;
  std::vector<store::Incident> noted;  // besides the store's own
  std::uint64_t more_bytes = 0, free_bytes = 0;
};

// A hub as the site sees one: keys, and bundles made by hand.
struct Hub {
  crypto::PrivateKey signing = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
  crypto::PrivateKey sealing = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
  crypto::PrivateKey root = *crypto::PrivateKey::generate(crypto::KeyType::kEd25519);
  crypto::PrivateKey vendor = *crypto::PrivateKey::generate(crypto::KeyType::kEd25519);
  std::uint64_t epoch = 7, next = 1;
  link::Receiver receiver;

  base::Bytes trust(std::uint64_t version, bool with_vendor = true) const {
    trust::Document document;
    document.version = version;
    if (with_vendor) document.signers.push_back({"acme", vendor.public_key().to_der(), {"*"}});
    return *trust::sign(document, root);
  }
  link::Item item(std::string type, base::Bytes body, std::uint8_t lane = link::kLaneState) {
    return {lane, next++, std::move(type), kNow, std::move(body)};
  }
};

class Site : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("lander-site-test-" + os::system_random().uuid7(kNow));
    std::filesystem::create_directories(folder);
    signing = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
    sealing = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
  }
  void TearDown() override {
    core.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }
  Identity identity(const Hub& at) const {
    Identity out;
    out.tenant = "acme";
    out.site = "pump-7";
    out.keys = {signing, sealing, at.signing.public_key(), at.sealing.public_key()};
    out.root = at.root.public_key();
    out.trust_document = at.trust(2);
    return out;
  }
  // As after a crash: everything in memory is gone, the store is what was committed.
  void open(const std::optional<Identity>& who) {
    core.reset();
    store.reset();
    shell = TestShell();
    store::Store::Options options;
    options.path = folder / "site.db";
    options.clock = &clock;
    options.raw_lane = link::kLaneBulk;
    options.pickup_lane = pickup_lane;
    store = std::make_unique<FullStore>(*store::Store::open(options));
    auto opened = Core::open({*store, os::system_files(), clock, os::system_random(), shell, folder,
                              who ? who->tenant : "local", who ? who->site : "box"},
                             who);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    core = std::move(*opened);
  }
  void open() { open(identity(hub)); }

  static std::string yaml(const std::string& uplink = "raw") {
    return "asset: acme/hall/pump\n"
           "sources:\n  - {id: box, driver: host}\n"
           "datastreams:\n"
           "  - {id: v, property: vibration, unit: mm/s, policy: {uplink: " +
           uplink + "}, from: {source: box, address: load1, unit: mm/s}}\n";
  }
  void apply(const std::string& text) {
    const auto applied = core->apply_yaml(text, "f.yaml", "user:tim@site", false);
    ASSERT_TRUE(applied.ok()) << applied.error().message();
  }
  stream::Signal signal(bool raise = true) const {
    stream::Signal out;
    out.raise = raise;
    out.rule = "high";
    out.time = clock.wall_us();
    out.info.asset = "acme/hall/pump";
    out.info.title = "High vibration";
    out.info.detail = "v is 4242.5";
    out.info.causes = {{"v", 1, 4242.5, 1111.25, "mm/s"}};
    return out;
  }
  // What the site sends, as the hub takes it.
  std::vector<link::Item> sent(Hub& to) {
    const auto out = core->next_message("https", {});
    EXPECT_TRUE(out.ok()) << out.error().message();
    if (!out.ok()) return {};
    const auto bundle = link::open(out->sealed, keys_of(to), {"acme", "pump-7", false});
    EXPECT_TRUE(bundle.ok()) << bundle.error().message();
    std::vector<link::Item> fresh;
    for (const auto& item : bundle->items) {
      if (to.receiver.take(bundle->epoch, item)) fresh.push_back(item);
    }
    wants = bundle->wants;
    return fresh;
  }
  link::Keys keys_of(const Hub& at) const {
    return {at.signing, at.sealing, signing.public_key(), sealing.public_key()};
  }
  base::Status take(std::vector<link::Item> items, base::TimeUs sent = kNow + base::kMinute) {
    link::Bundle bundle;
    bundle.tenant = "acme";
    bundle.site = "pump-7";
    bundle.to_site = true;
    bundle.epoch = hub.epoch;
    bundle.sent = sent;
    bundle.receipts = hub.receiver.receipts(store->epoch());
    bundle.items = std::move(items);
    return core->take_message(*link::seal(bundle, keys_of(hub)), base::kMillisecond);
  }
  static std::size_t count(const std::vector<link::Item>& items, std::string_view type) {
    return static_cast<std::size_t>(std::count_if(
        items.begin(), items.end(), [&](const auto& item) { return item.type == type; }));
  }
  twin::Component component(const std::string& id) const {
    for (const auto& c : core->reported().components) {
      if (c.id == id) return c;
    }
    ADD_FAILURE() << "no component " << id;
    return {};
  }

  std::filesystem::path folder;
  TestClock clock;
  TestShell shell;
  Hub hub;
  crypto::PrivateKey signing, sealing;
  std::optional<store::Lane> pickup_lane;
  std::vector<link::Want> wants;
  std::unique_ptr<FullStore> store;
  std::unique_ptr<Core> core;
};

}  // namespace lander::site
