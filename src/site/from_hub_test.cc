// A hub that is late, confused or hostile: what it may bring about, and what not.
#include "package/package.h"
#include "site/site_fixture.h"

namespace lander::site {
namespace {

constexpr const char* kApp = R"(app: watch
version: 1.0.0
vendor: acme
purpose: continuity
ports: {v: {property: vibration, unit: mm/s}}
pipeline:
  - rule: {name: high, when: "v > 7"}
  - alert: {rule: high, title: "High", detail: "v is {v}", severity: high}
)";

class FromHub : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    const auto manifest = package::parse_manifest(kApp, "app.yaml");
    ASSERT_TRUE(manifest.ok()) << manifest.error().message();
    whole = *package::sign(
        *package::pack(*manifest, {{"table.bin", os::system_random().bytes(1 << 20)}}), hub.vendor);
    digest = package::digest(whole);
    open();
    apply(yaml());
  }
  void assign(std::uint64_t revision = 2) {
    twin::Desired desired = core->desired();
    desired.revision = revision;
    desired.origin = twin::Origin::kHub;
    desired.apps = {{"watch", "1.0.0", digest, {}}};
    ASSERT_TRUE(take({hub.item("desired", twin::encode(desired))}).ok());
  }
  link::Item piece(std::uint64_t offset, std::size_t size = link::kBlobChunkBytes) const {
    const auto part =
        base::ByteView(whole).subspan(offset, std::min<std::size_t>(size, whole.size() - offset));
    return {link::kLaneBulk, 1 + offset / link::kBlobChunkBytes, "blob", kNow,
            link::encode_blob({digest, offset, whole.size(), {part.begin(), part.end()}})};
  }
  std::vector<link::Item> pieces() const {
    std::vector<link::Item> out;
    for (std::uint64_t at = 0; at < whole.size(); at += link::kBlobChunkBytes)
      out.push_back(piece(at));
    return out;
  }
  // Within a bundle's bounds.
  void deliver(const std::vector<link::Item>& items) {
    for (const auto& item : items) ASSERT_TRUE(take({item}).ok());
  }
  base::Bytes whole;
  std::string digest;
};

TEST_F(FromHub, ARevisionThatIsNotNewerChangesNothing) {
  assign(5);
  const auto before = twin::encode(core->desired());
  for (const std::uint64_t revision : {1, 4, 5}) {
    twin::Desired old;
    old.revision = revision;
    ASSERT_TRUE(take({hub.item("desired", twin::encode(old))}).ok());
    EXPECT_EQ(twin::encode(core->desired()), before);
  }
  open();
  EXPECT_EQ(twin::encode(core->desired()), before);
}

TEST_F(FromHub, AnOlderTrustDocumentOrOneOfAnotherRootChangesNothing) {
  const Hub stranger;
  // The older one last: in the store, too, the newest stays.
  ASSERT_TRUE(take({hub.item("trust", hub.trust(4, false)), hub.item("trust", hub.trust(3)),
                    hub.item("trust", stranger.trust(9))})
                  .ok());
  open();
  assign();
  deliver(pieces());
  EXPECT_EQ(component("app/watch").status, twin::Status::kRefused) << "version 4 knows no vendor";
  ASSERT_TRUE(take({hub.item("trust", hub.trust(3))}).ok());
  EXPECT_EQ(component("app/watch").status, twin::Status::kRefused);
  ASSERT_TRUE(take({hub.item("trust", hub.trust(5))}).ok());
  EXPECT_NE(component("app/watch").status, twin::Status::kRefused) << "tried again with the newer";
}

TEST_F(FromHub, PiecesThatComeTwiceOrOutOfOrderMakeThePackageOnce) {
  assign();
  std::vector<link::Item> all = pieces();
  ASSERT_GT(all.size(), 3u);
  deliver({all[2], all[0], all[0], all[2], all[1]});
  sent(hub);
  ASSERT_EQ(wants.size(), 1u);
  EXPECT_EQ(wants[0].offset, 2 * link::kBlobChunkBytes);
  open();  // what came stays
  sent(hub);
  ASSERT_EQ(wants.size(), 1u);
  EXPECT_EQ(wants[0].offset, 2 * link::kBlobChunkBytes);
  for (int time = 0; time < 2; ++time) deliver({all.begin() + 2, all.end()});
  sent(hub);
  EXPECT_TRUE(wants.empty());
  EXPECT_TRUE(shell.pipelines.contains("app/watch"));
}

TEST_F(FromHub, AFlippedByteIsRefusedAndTold) {
  assign();
  whole[700'000] ^= 1;
  deliver(pieces());
  EXPECT_EQ(component("app/watch").status, twin::Status::kRefused);
  EXPECT_NE(component("app/watch").reason.find("a byte was changed"), std::string::npos);
  EXPECT_FALSE(shell.pipelines.contains("app/watch"));
  EXPECT_TRUE(store->records(kBlobRecord)->empty());
}

TEST_F(FromHub, ACrashBetweenTheLastPieceAndTheFileIsMadeGoodAtTheNextStart) {
  assign();
  deliver(pieces());
  // As if it had crashed after the commit of the last piece.
  std::filesystem::remove(folder / "packages" / digest);
  store::Batch batch;
  for (const auto& item : pieces()) {
    const auto body = link::decode_blob(item.body);
    char key[24];
    std::snprintf(key, sizeof key, "/%016llu", static_cast<unsigned long long>(body->offset));
    batch.records.push_back({std::string(kBlobRecord), digest + key, item.body});
  }
  twin::AppState state;
  state.name = "watch";
  state.state = twin::UpdateState::kFetching;
  state.wanted = digest;
  batch.records.push_back({std::string(kAppRecord), "watch", twin::encode(state)});
  ASSERT_TRUE(store->commit(batch).ok());
  open();
  EXPECT_TRUE(std::filesystem::exists(folder / "packages" / digest));
  EXPECT_TRUE(shell.pipelines.contains("app/watch"));
}

TEST_F(FromHub, APackageThatTheDiskRefusesIsTriedAgainWithoutBeingFetchedAgain) {
  assign();
  std::filesystem::remove_all(folder / "packages");
  deliver(pieces());
  EXPECT_EQ(component("app/watch").status, twin::Status::kPending);
  sent(hub);
  EXPECT_TRUE(wants.empty()) << "all of it is here";
  std::filesystem::create_directories(folder / "packages");
  clock.elapsed += base::kMinute;
  core->tick();
  EXPECT_TRUE(shell.pipelines.contains("app/watch"));
}

TEST_F(FromHub, PiecesOfAPackageThatNobodyWantsAnyMoreGo) {
  assign();
  deliver({piece(0)});
  EXPECT_EQ(store->records(kBlobRecord)->size(), 1u);
  twin::Desired desired = core->desired();
  desired.revision = 3;
  desired.apps.clear();
  ASSERT_TRUE(take({hub.item("desired", twin::encode(desired))}).ok());
  EXPECT_TRUE(store->records(kBlobRecord)->empty());
  deliver(pieces());
  EXPECT_TRUE(store->records(kBlobRecord)->empty()) << "nobody asked";
}

TEST_F(FromHub, AnAppWhoseSignerIsTrustedNoMoreEnds) {
  assign();
  deliver(pieces());
  clock.elapsed += base::kHour;
  core->tick();
  ASSERT_EQ(component("app/watch").status, twin::Status::kApplied);
  ASSERT_TRUE(take({hub.item("trust", hub.trust(3, false))}).ok());
  EXPECT_FALSE(shell.pipelines.contains("app/watch"));
}

TEST_F(FromHub, OnlyTheSiteRaisesAndClearsAndTheHubSpeaksForItsOwnPeople) {
  core->signal("app/watch", signal(), {});
  const std::string id = core->alarms().book().alerts(true, clock.wall_us(), 1).at(0).id;
  alert::Event event;
  event.alert = id;
  event.time = clock.wall_us();
  event.id = "1";
  event.kind = alert::EventKind::kClear;
  event.actor = "user:eve@hub";
  alert::Event forged = event;
  forged.id = "2";
  forged.kind = alert::EventKind::kAcknowledge;
  forged.actor = "user:tim@site";
  ASSERT_TRUE(take({hub.item("alert-event", alert::encode(event), link::kLaneAlert),
                    hub.item("alert-event", alert::encode(forged), link::kLaneAlert)})
                  .ok());
  EXPECT_TRUE(core->alarms().book().find(id)->active);
  EXPECT_EQ(core->alarms().book().find(id)->acknowledged, 0);
}

TEST_F(FromHub, ATimeThatCannotBeIsNotTaken) {
  for (const base::TimeUs told : {base::TimeUs{0}, INT64_MAX, INT64_MIN, base::TimeUs{-1}}) {
    ASSERT_TRUE(take({}, told).ok());
    EXPECT_EQ(core->context().now(), clock.wall_us()) << told;
  }
  ASSERT_TRUE(take({}, clock.wall_us() + base::kHour).ok());
  EXPECT_GT(core->context().now(), clock.wall_us() + base::kMinute);
}

TEST_F(FromHub, ABundleOfAnotherHubOrWithAFlippedByteIsRefused) {
  link::Bundle bundle;
  bundle.tenant = "acme";
  bundle.site = "pump-7";
  bundle.to_site = true;
  bundle.epoch = 7;
  bundle.sent = kNow;
  const Hub stranger;
  const auto foreign = *link::seal(bundle, keys_of(stranger));
  EXPECT_FALSE(core->take_message(foreign, 0).ok());
  const auto good = *link::seal(bundle, keys_of(hub));
  for (std::size_t at = 0; at < good.size(); ++at) {
    base::Bytes bad = good;
    bad[at] ^= 0x10;
    ASSERT_FALSE(core->take_message(bad, 0).ok()) << at;
  }
  ASSERT_TRUE(core->take_message(good, 0).ok());
}

}  // namespace
}  // namespace lander::site
