#include "twin/twin.h"

#include <gtest/gtest.h>

namespace lander::twin {
namespace {

sensing::Datastream datastream(std::string id, std::string source, std::string address) {
  sensing::Datastream out;
  out.id = std::move(id);
  out.asset = "acme/plant/hall-2/pump-1";
  out.property = "pressure";
  out.unit = "bar";
  out.binding.source = std::move(source);
  out.binding.address = std::move(address);
  return out;
}

// One of everything.
Desired rich() {
  Desired d;
  d.revision = 12;
  d.author = "anna";
  d.created = 1'795'000'000 * base::kSecond;
  source::Config mqtt;
  mqtt.id = "broker";
  mqtt.driver = source::Driver::kMqtt;
  mqtt.address = "[::1]:1883";
  mqtt.username = "lander";
  mqtt.password_file = "/etc/lander/broker \"secret\"";
  mqtt.client_id = "null";
  mqtt.topics = {"pump/+/state", "#"};
  source::Config modbus;
  modbus.id = "plc1";
  modbus.driver = source::Driver::kModbus;
  modbus.address = "127.0.0.1:1502";
  modbus.topics = {"1/holding/0-63"};
  modbus.poll_interval = 250 * base::kMillisecond;
  source::Config replay;
  replay.id = "recorded";
  replay.driver = source::Driver::kReplay;
  replay.address = "data/my file.csv";
  replay.speed = 0.1;
  replay.loop = true;
  replay.time_column = "datetime";
  source::Config host;
  host.id = "box";
  host.driver = source::Driver::kHost;
  d.sources = {mqtt, modbus, replay, host};
  d.datastreams = {datastream("p1-pressure", "plc1", "1/input/4:f32"),
                   datastream("p1-vibration", "broker", "pump/1/state#/vib"),
                   datastream("null", "recorded", "Pressure: \\ \"x\" # 1"),
                   datastream("load", "box", "load1")};
  auto& p = d.datastreams[0];
  p.name = "Discharge pressure, Straße 7 ☂";
  p.sensor = {"PT-101", "Cerabar: M", "007"};
  p.calibration = {1.0 / 3, -0.1, "2026-01-15", "yes"};
  p.location = sensing::Location{59.9, -10.75, 1e-7};
  p.least = -1e-300;
  p.most = 1.5e22;
  p.policy = {sensing::Uplink::kRaw, false, 90 * base::kSecond};
  p.binding.unit = "kPa";
  p.binding.interval = 1500 * base::kMillisecond;
  p.revision = 3;
  auto& v = d.datastreams[1];
  v.binding.time_pointer = "/t";
  v.binding.sequence_pointer = "/n";
  v.kind = sensing::Kind::kInteger;
  v.least = 0;
  v.policy.uplink = sensing::Uplink::kNever;
  d.datastreams[2].kind = sensing::Kind::kText;
  d.apps = {{"pump-watch",
             "1.0.0",
             std::string(64, 'a'),
             {{"vibration", "p1-vibration"}, {"on", "null"}}},
            {"other", "2", std::string(64, 'b'), {}}};
  d.webhook = Webhook{"https://example.org/hook?a=1&b=\"2\"", 3};
  d.commit_interval = 2 * base::kSecond;
  return d;
}

TEST(Desired, SurvivesTheWire) {
  const base::Bytes bytes = encode(rich());
  const auto back = decode_desired(bytes);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_TRUE(decode_desired(encode(Desired{})).ok()) << "an empty one is one too";
}

TEST(Desired, AFlippedBitOrAMissingByteIsRefusedOrMeansWhatItSays) {
  const base::Bytes good = encode(rich());
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_FALSE(decode_desired(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_desired(bad);
    if (decoded.ok()) {
      ASSERT_EQ(encode(*decoded), bad) << "byte " << i / 8;
    }
  }
}

TEST(Desired, OneThatContradictsItselfIsRefused) {
  std::vector<std::pair<const char*, Desired>> wrong;
  auto d = rich();
  d.sources.push_back(d.sources[0]);
  wrong.emplace_back("source/broker: declared twice", d);
  d = rich();
  d.datastreams.push_back(d.datastreams[0]);
  wrong.emplace_back("datastream/p1-pressure: declared twice", d);
  d = rich();
  d.datastreams[0].binding.source = "plc9";
  wrong.emplace_back("datastream/p1-pressure: its source \"plc9\" does not exist", d);
  d = rich();
  d.sources[3].username = "x";
  wrong.emplace_back("source/box: username, password_file and client_id are not for driver host",
                     d);
  d = rich();
  d.commit_interval = base::kHour;
  wrong.emplace_back("commit_interval: expected 50ms to 60s, found 1h", d);
  d = rich();
  d.apps.push_back(d.apps[0]);
  wrong.emplace_back("app/pump-watch: assigned twice", d);
  for (const auto& [message, bad] : wrong) {
    const auto decoded = decode_desired(encode(bad));
    ASSERT_FALSE(decoded.ok()) << message;
    EXPECT_EQ(decoded.error().message(), message);
  }
  d = rich();
  d.datastreams[0].binding.unit = "Cel";
  EXPECT_FALSE(valid(d).ok()) << "a temperature is no pressure";
}

TEST(Desired, TheNewestSupersedesAndOfEqualOnesTheHubs) {
  Desired site, hub;
  site.origin = Origin::kSite;
  hub.origin = Origin::kHub;
  site.revision = hub.revision = 4;
  EXPECT_TRUE(supersedes(hub, site));
  EXPECT_FALSE(supersedes(site, hub));
  EXPECT_FALSE(supersedes(hub, hub)) << "the same one again changes nothing";
  site.revision = 5;
  EXPECT_TRUE(supersedes(site, hub));
  EXPECT_FALSE(supersedes(hub, site));
}

TEST(Desired, SameContentNeedsNoNewRevision) {
  Desired a = rich(), b = rich();
  b.revision = 99;
  b.author = "bo";
  b.origin = Origin::kSite;
  EXPECT_TRUE(same_content(a, b));
  b.datastreams[0].name = "another";
  EXPECT_FALSE(same_content(a, b));
}

TEST(Reported, SurvivesTheWireAndDamageIsRefused) {
  Reported in;
  in.desired_revision = 12;
  in.software = "0.1.0";
  in.time = 5;
  in.components = {{"app/pump-watch", app_label("1.0.0", std::string(64, 'a')), "",
                    Status::kRefused, "signer ab12 is not trusted", 4}};
  in.site_desired = encode(rich());
  const base::Bytes good = encode(in);
  const auto out = decode_reported(good);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->components[0].desired, "1.0.0 sha256:aaaaaaaaaaaa");
  EXPECT_EQ(out->site_desired, in.site_desired);
  for (std::size_t i = 0; i < 120 * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_reported(bad);
    if (decoded.ok()) {
      ASSERT_EQ(encode(*decoded), bad);
    }
  }
}

TEST(Reported, AReasonThatQuotesTooMuchIsCutBetweenCharacters) {
  Reported in;
  in.components.resize(1);
  for (int i = 0; i < 4000; ++i) in.components[0].reason += "ß";
  const auto out = decode_reported(encode(in));
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->components[0].reason.size(), 4096u);
}

std::string actions(const Desired& running, const Desired& wanted) {
  std::string out;
  for (const Action& action : plan(running, wanted)) out += to_text(action) + "\n";
  return out;
}

TEST(Plan, NothingToDoWhenItIsAsDesired) { EXPECT_EQ(actions(rich(), rich()), ""); }

TEST(Plan, EverythingFromNothing) {
  Desired small = rich();
  small.sources.resize(2);
  small.datastreams.resize(1);
  small.apps.resize(1);
  EXPECT_EQ(actions({}, small),
            "set commit interval\nset webhook\ndeclare datastream/p1-pressure\n"
            "start source/broker\nstart source/plc1\ninstall app/pump-watch\n");
  EXPECT_EQ(actions(small, {}),
            "set commit interval\nset webhook\nremove app/pump-watch\nstop source/broker\n"
            "stop source/plc1\nretire datastream/p1-pressure\n");
}

TEST(Plan, ANameOrPolicyDisturbsNothing) {
  Desired wanted = rich();
  wanted.datastreams[0].name = "new name";
  wanted.datastreams[1].policy.uplink = sensing::Uplink::kRaw;
  EXPECT_EQ(actions(rich(), wanted),
            "declare datastream/p1-pressure\ndeclare datastream/p1-vibration\n");
}

TEST(Plan, AMovedDatastreamRestartsBothItsSourcesAndBindsAppsAgain) {
  Desired wanted = rich();
  wanted.datastreams[3].binding.source = "recorded";
  EXPECT_EQ(actions(rich(), wanted),
            "declare datastream/load\nstop source/box\nstop source/recorded\nstart source/box\n"
            "start source/recorded\nbind app/other\nbind app/pump-watch\n");
}

TEST(Plan, APinnedPortBindsItsAppAlone) {
  Desired wanted = rich();
  wanted.apps[0].pinned[0].datastream = "p1-pressure";
  EXPECT_EQ(actions(rich(), wanted), "bind app/pump-watch\n");
  wanted.apps[0].digest = std::string(64, 'c');
  EXPECT_EQ(actions(rich(), wanted), "install app/pump-watch\n");
}

TEST(Yaml, IsReadBackAsItWasWritten) {
  const Desired desired = rich();
  const std::string yaml = to_yaml(desired);
  const auto back = parse_yaml(yaml, "x", desired);
  ASSERT_TRUE(back.ok()) << back.error().message() << "\n" << yaml;
  EXPECT_EQ(encode(*back), encode(desired)) << yaml;
  EXPECT_EQ(to_yaml(*back), yaml);
}

TEST(Yaml, AnEmptyDesiredStateIsReadBackToo) {
  Desired full = rich(), empty;
  empty.apps = full.apps;
  for (auto& app : empty.apps) app.pinned.clear();
  const auto back = parse_yaml(to_yaml(empty), "x", full);
  ASSERT_TRUE(back.ok()) << back.error().message() << to_yaml(empty);
  EXPECT_TRUE(same_content(*back, empty));
}

}  // namespace
}  // namespace lander::twin
