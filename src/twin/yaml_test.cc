// What people write, and what they are told.
#include <gtest/gtest.h>

#include "twin/twin.h"

namespace lander::twin {
namespace {

constexpr const char* kGood = R"(site: pump-7
asset: acme/plant/hall-2
location: {latitude: 59.91, longitude: 10.75}
sources:
  - id: plc1
    driver: modbus
    address: 127.0.0.1
    poll_interval: 500ms
  - id: broker
    driver: mqtt
    address: localhost:1883
    topics: [pump/+/vibration]
datastreams:
  - id: p1-pressure
    asset: pump-1
    property: pressure
    unit: bar
    range: [0, none]
    from: {source: plc1, address: "1/input/4:f32", unit: kPa}
  - id: p1-vibration
    asset: pump-1
    property: vibration
    unit: mm/s
    policy: {uplink: raw}
    location: {latitude: 1, longitude: 2, altitude_m: 3}
    from: {source: broker, address: "pump/1/vibration#/rms", time: /t, interval: 100ms}
webhook: {url: "http://127.0.0.1:9000/", least_severity: high}
commit_interval: 1s
)";

TEST(Yaml, SaysWhatAPersonMeant) {
  const auto desired = parse_yaml(kGood, "site.yaml", {});
  ASSERT_TRUE(desired.ok()) << desired.error().message();
  EXPECT_EQ(desired->sources[0].address, "127.0.0.1:502") << "the registered port";
  const auto& pressure = desired->datastreams[0];
  EXPECT_EQ(pressure.asset, "acme/plant/hall-2/pump-1");
  EXPECT_EQ(pressure.location->latitude, 59.91);
  EXPECT_EQ(pressure.least, 0);
  EXPECT_FALSE(pressure.most);
  EXPECT_EQ(pressure.binding.interval, base::kSecond);
  EXPECT_EQ(pressure.revision, 1u);
  const auto& vibration = desired->datastreams[1];
  EXPECT_EQ(vibration.location->altitude_m, 3);
  EXPECT_EQ(vibration.policy.uplink, sensing::Uplink::kRaw);
  EXPECT_EQ(desired->webhook->least_severity, 2);
  EXPECT_EQ(*site_of_yaml(kGood, "site.yaml"), "pump-7");
  EXPECT_EQ(*site_of_yaml("sources: []", "site.yaml"), "");
}

constexpr const char* kKinds = R"(sources:
  - {id: broker, driver: mqtt, address: localhost}
datastreams:
  - id: p1-burst
    asset: pump-1
    property: vibration
    unit: mm/s
    kind: waveform
    range: [-50, 50]
    policy: {thinning: [{beyond: 30d, keep: nothing}]}
    from: {source: broker, address: "pump/1/burst#/v", rate_hz: 25600}
  - id: p1-image
    asset: pump-1
    property: image
    kind: object
    from: {source: broker, address: pump/1/image, media_type: image/jpeg}
  - id: p1-batch
    asset: pump-1
    property: batch
    kind: interval
    from: {source: broker, address: "pump/1/batch#"}
  - id: p1-state
    asset: pump-1
    property: state
    kind: text
    from: {source: broker, address: pump/1/state}
  - id: p1-flow
    asset: pump-1
    property: flow-rate
    unit: L/min
    policy: {thinning: [{beyond: 30d, keep: minutes}, {beyond: 365d, keep: hours}, {beyond: 0s, keep: nothing}]}
    from: {source: broker, address: pump/1/flow}
)";

TEST(Yaml, DeclaresEveryKindAndWhatGoesWhenTheDiskFills) {
  const auto desired = parse_yaml(kKinds, "x", {});
  ASSERT_TRUE(desired.ok()) << desired.error().message();
  const auto& d = desired->datastreams;
  EXPECT_EQ(d[0].kind, sensing::Kind::kWaveform);
  EXPECT_EQ(d[0].binding.rate_hz, 25'600);
  EXPECT_EQ(d[0].policy.thinning, (std::vector<sensing::Thinning>{{30 * base::kDay, 0}}));
  EXPECT_EQ(d[1].kind, sensing::Kind::kObject);
  EXPECT_EQ(d[1].binding.media_type, "image/jpeg");
  EXPECT_EQ(d[2].kind, sensing::Kind::kInterval);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(d[i].policy.uplink, sensing::Uplink::kNever) << i;
  EXPECT_EQ(d[4].policy.uplink, sensing::Uplink::kSummary);
  EXPECT_EQ(d[4].policy.thinning,
            (std::vector<sensing::Thinning>{
                {30 * base::kDay, base::kMinute}, {365 * base::kDay, base::kHour}, {0, 0}}));
  const auto again = parse_yaml(to_yaml(*desired), "x", *desired);
  ASSERT_TRUE(again.ok()) << again.error().message() << to_yaml(*desired);
  EXPECT_TRUE(same_content(*again, *desired)) << to_yaml(*desired);
}

TEST(Yaml, WhatHasNoWayToTheHubYetIsRefusedFromAPeerToo) {
  Desired desired = *parse_yaml(kKinds, "x", {});
  desired.datastreams[2].policy.uplink = sensing::Uplink::kRaw;
  const auto status = valid(desired);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(
      status.error().message(),
      "datastream/p1-batch: a value of kind interval cannot leave the site over the link yet: "
      "write uplink: never");
}

TEST(Yaml, ASectionThatIsAbsentIsKept) {
  const Desired base = *parse_yaml(kGood, "x", {});
  const auto only = parse_yaml("commit_interval: 5s\n", "x", base);
  ASSERT_TRUE(only.ok());
  Desired expected = base;
  expected.commit_interval = 5 * base::kSecond;
  EXPECT_TRUE(same_content(*only, expected));
  EXPECT_FALSE(parse_yaml("webhook: none\n", "x", base)->webhook);
}

TEST(Yaml, AChangeOfMeaningIsANewRevisionOfItsDatastreamAndOfNoOther) {
  const Desired base = *parse_yaml(kGood, "x", {});
  std::string changed = kGood;
  changed.replace(changed.find("unit: kPa"), 9, "unit: MPa");
  changed.replace(changed.find("uplink: raw"), 11, "uplink: never");
  const auto desired = parse_yaml(changed, "x", base);
  ASSERT_TRUE(desired.ok());
  EXPECT_EQ(desired->datastreams[0].revision, 2u);
  EXPECT_EQ(desired->datastreams[1].revision, 1u) << "a policy is no new meaning";
}

TEST(Yaml, PinsPortsOfAssignedApps) {
  Desired base = *parse_yaml(kGood, "x", {});
  base.apps = {{"pump-watch", "1.0.0", "d1", {{"pressure", "p1-vibration"}}}};
  const auto pinned =
      parse_yaml("bindings:\n  pump-watch:\n    vibration: p1-vibration\n", "x", base);
  ASSERT_TRUE(pinned.ok()) << pinned.error().message();
  ASSERT_EQ(pinned->apps[0].pinned.size(), 1u);
  EXPECT_EQ(pinned->apps[0].pinned[0].port, "vibration");
}

// The mistakes within `yaml`, over a base with source "plc1" and datastream "p1".
std::string mistakes(const std::string& yaml) {
  const auto base = parse_yaml(
      "sources:\n  - {id: plc1, driver: modbus, address: 'h:502', poll_interval: 2s}\n"
      "  - {id: broker, driver: mqtt, address: h}\n"
      "datastreams:\n  - {id: p1, asset: a, property: p, unit: bar, from: {source: plc1, address: "
      "1/holding/0}}\n",
      "base", {});
  if (!base.ok()) return base.error().message();
  const auto desired = parse_yaml(yaml, "f", *base);
  return desired.ok() ? "" : desired.error().message();
}

TEST(Yaml, EachMistakeIsToldWithItsPlaceAndWhatWasExpected) {
  const std::string source = "sources:\n  - id: s1\n";
  const std::string stream =
      "datastreams:\n  - id: d1\n    asset: a\n    property: p\n    unit: bar\n";
  const std::string from = "    from: {source: plc1, address: 1/holding/0}\n";
  std::string nine_steps = "{beyond: 9d, keep: nothing}";
  for (int i = 8; i > 0; --i) nine_steps += ", {beyond: " + std::to_string(i) + "d, keep: hours}";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "f:1:1: expected a map, found nothing"},
      {"- a\n", "f:1:1: expected a map, found a list"},
      {"surces: []\n", "f:1:1: unknown key \"surces\"; did you mean \"sources\"?"},
      {"commit_interval: fast\n",
       "f:1:18: expected a duration like 250ms, 10s, 5m, 24h or 30d, found \"fast\""},
      {"commit_interval: 2h\n", "f:1:18: expected a duration from 50ms to 1m, found 2h"},
      {"webhook: yes\n", "f:1:10: expected url and least_severity, or none"},
      {"webhook: {url: ftp://x, least_severity: urgent}\n",
       "f:1:16: webhook url \"ftp://x\": expected http://host/path or https://host/path\n"
       "f:1:41: unknown value \"urgent\"; expected one of: low, medium, high, critical"},
      {source + "    driver: profibus\n",
       "f:3:13: unknown value \"profibus\"; expected one of: mqtt, modbus, replay, host"},
      {source + "    driver: mqtt\n", "f:2:5: missing key \"address\""},
      {source + "    driver: mqtt\n    address: h:99999\n",
       "f:4:14: address \"h:99999\": expected host:port, like \"192.168.1.20:502\""},
      {source + "    driver: host\n    address: h\n    loop: true\n",
       "f:4:14: \"address\" is not for driver host\nf:5:11: \"loop\" is not for driver host"},
      {source + "    driver: mqtt\n    address: h\n    topics: [a/#/b]\n",
       "f:5:14: topic filter \"a/#/b\": expected levels between \"/\", where \"+\" stands for one "
       "level and \"#\" for all that follow"},
      {source + "    driver: modbus\n    address: h\n    poll_interval: 1ms\n",
       "f:5:20: expected a duration from 10ms to 1d, found 1ms"},
      {"sources:\n  - {id: plc1, driver: host}\n  - {id: plc1, driver: host}\n",
       "f:3:10: source \"plc1\" is declared twice; it stands on line 2 already"},
      {"sources: []\n",
       "f:1:10: datastream \"p1\" needs source \"plc1\", which this file takes away; keep the "
       "source, or declare datastreams too"},
      {"sources:\n  - {id: PLC 1, driver: host}\ndatastreams: []\n",
       "f:2:10: id \"PLC 1\": expected 1 to 63 of a-z 0-9 . _ - that begin with a letter or digit"},
      {stream, "f:2:5: missing key \"from\""},
      {stream + "    from: {source: plc2, address: x}\n",
       "f:6:20: source \"plc2\" is not declared; did you mean \"plc1\"?"},
      {stream + "    from: {source: plc1, address: 40001}\n",
       "f:6:35: address \"40001\": expected unit/table/register:type, like \"1/input/4:f32\"; "
       "tables are holding, input, coil, discrete"},
      {stream + "    from: {source: broker, address: pump/+/x}\n",
       "f:6:37: address \"pump/+/x\": expected one topic, with \"#/pointer\" behind it for a field "
       "of a JSON payload, like \"pump/1/state#/vibration\""},
      {stream + "    from: {source: plc1, address: 1/holding/0, interval: 1s}\n",
       "f:6:58: faster than source \"plc1\" may be asked: its poll_interval is 2s"},
      {stream + "    from: {source: plc1, address: 1/holding/0, time: /t}\n",
       "f:6:54: only driver mqtt has JSON payloads to point into"},
      {stream + from + "    unitt: bar\n", "f:7:5: unknown key \"unitt\"; did you mean \"unit\"?"},
      {stream + from + "    range: [5, 1]\n",
       "f:7:12: the least is greater than the most: no value would be good"},
      {stream + from + "    range: [5]\n",
       "f:7:12: expected [least, most], like [0, 16] or [0, none]"},
      {stream + from + "    location: {latitude: 91}\n",
       "f:7:15: missing key \"longitude\"\nf:7:26: expected a number from -90 to 90, found 91"},
      {stream + from + "    calibration: {scale: 0}\n",
       "f:7:26: calibration scale is 0: every value would be lost"},
      {stream + from + "    policy: {uplink: always, max_lateness: 10}\n",
       "f:7:22: unknown value \"always\"; expected one of: never, summary, raw\n"
       "f:7:44: expected a duration like 250ms, 10s, 5m, 24h or 30d, found \"10\""},
      {"datastreams:\n  - {id: d, asset: a//b, property: flow rate, kind: text, from: {source: "
       "plc1, address: 1/coil/0}}\n",
       "f:2:20: asset \"a//b\": expected a path like \"enterprise/site/area/line/asset\" without "
       "empty parts\nf:2:36: property \"flow rate\": expected one word like \"flow-rate\""},
      {stream + from + "    kind: waveform\n",
       "f:6:20: driver modbus brings no waveforms; mqtt does"},
      {stream + "    from: {source: broker, address: t#/x, rate_hz: 5, media_type: a/b}\n",
       "f:6:52: \"rate_hz\" is of kind waveform only; this is a value of kind number\n"
       "f:6:67: \"media_type\" is of kind object only; this is a value of kind number"},
      {stream + "    kind: object\n    from: {source: broker, address: t#/x, unit: bar}\n",
       "f:7:37: an object is a whole payload: expected a topic without \"#\"\n"
       "f:7:49: a value of kind object has no unit"},
      {stream + "    kind: waveform\n    policy: {uplink: raw}\n    from: {source: broker, "
                "address: t#/x}\n",
       "f:7:22: a value of kind waveform cannot leave the site over the link yet: write uplink: "
       "never"},
      {stream + "    kind: interval\n    range: [0, 1]\n    policy: {uplink: summary}\n    from: "
                "{source: broker, address: t#/x}\n",
       "f:7:12: a value of kind interval has no range\n"
       "f:8:22: a value of kind interval has no summary that could leave the site: write uplink: "
       "never"},
      {stream + from + "    policy: {thinning: []}\n",
       "f:7:24: expected steps like {beyond: 30d, keep: minutes}; leave it out for the default"},
      {stream + from + "    policy: {thinning: [{beyond: 30d}, {beyond: x, keep: days}]}\n",
       "f:7:25: missing key \"keep\"\n"
       "f:7:49: expected a duration like 250ms, 10s, 5m, 24h or 30d, found \"x\"\n"
       "f:7:58: unknown value \"days\"; expected one of: nothing, minutes, hours"},
      {stream + from + "    policy: {thinning: [{beyond: 40000d, keep: hours}]}\n",
       "f:7:34: expected a duration from 0s to 36525d, found 40000d"},
      {stream + from + "    kind: text\n    policy: {thinning: [{beyond: 1d, keep: hours}]}\n",
       "f:8:44: thinning: a value of kind text has no summaries: nothing can be kept of it; write "
       "keep: nothing"},
      {stream + from + "    policy: {thinning: [" + nine_steps + "]}\n",
       "f:7:24: expected at most 8 steps, found 9"},
      {"bindings: {pump-watch: {a: b}}\n",
       "f:1:24: app \"pump-watch\" is not assigned to this site"},
  };
  for (const auto& [yaml, expected] : rows) {
    // A file that replaces the sources says what becomes of the datastreams.
    EXPECT_EQ(mistakes(yaml + (yaml.starts_with(source) ? "datastreams: []\n" : "")), expected)
        << yaml;
  }
}

TEST(Yaml, UnitsAreThoseOfUcumAndMustFit) {
  const std::string head = "datastreams:\n  - id: d1\n    asset: a\n    property: p\n";
  const std::string unknown =
      mistakes(head + "    unit: furlong\n    from: {source: plc1, address: 1/holding/0}\n");
  EXPECT_TRUE(unknown.starts_with("f:5:11: ")) << unknown;
  const std::string misfit =
      mistakes(head + "    unit: bar\n    from: {source: plc1, address: 1/holding/0, unit: Cel}\n");
  EXPECT_TRUE(misfit.starts_with("f:6:54: ")) << misfit;
  EXPECT_NE(misfit.find("Cel"), std::string::npos);
  EXPECT_NE(misfit.find("bar"), std::string::npos);
}

TEST(Yaml, AllMistakesAreToldAtOnceInTheOrderOfTheFile) {
  const std::string found = mistakes(
      "sources:\n  - {id: A, driver: host}\n  - {id: b}\ndatastreams:\n  - {id: c}\nextra: 1\n");
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n') + 1, 7) << found;
}

TEST(Yaml, HostileTextIsRefusedAndNothingElse) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "[";
  EXPECT_FALSE(parse_yaml(deep, "f", {}).ok());
  const std::string good = kGood;
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto cut = parse_yaml(std::string_view(good).substr(0, size), "f", {});
    if (cut.ok()) {
      EXPECT_TRUE(valid(*cut).ok());
    }
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'\0', '\n', ':', '-', '"', '#', '{', '\xff'}) {
      std::string bad = good;
      bad[i] = c;
      const auto parsed = parse_yaml(bad, "f", {});
      if (!parsed.ok()) continue;
      const auto again = parse_yaml(to_yaml(*parsed), "f", *parsed);
      ASSERT_TRUE(again.ok()) << again.error().message() << to_yaml(*parsed);
      EXPECT_TRUE(same_content(*again, *parsed));
    }
  }
}

TEST(Yaml, HowFarModelsGoByThemselvesIsReadKeptWrittenAndReadByOlderSitesWhereItIsTheUsual) {
  const Desired base = *parse_yaml("commit_interval: 1s\n", "x", {});
  EXPECT_EQ(base.autonomy, Autonomy::kShadow);
  EXPECT_EQ(encode(base)[1], 1) << "a format that sites of before read";
  const auto promote = parse_yaml("models: {autonomy: promote}\n", "x", base);
  ASSERT_TRUE(promote.ok()) << promote.error().message();
  EXPECT_EQ(promote->autonomy, Autonomy::kPromote);
  EXPECT_EQ(decode_desired(encode(*promote))->autonomy, Autonomy::kPromote);
  EXPECT_EQ(parse_yaml("commit_interval: 2s\n", "x", *promote)->autonomy, Autonomy::kPromote);
  EXPECT_EQ(parse_yaml(to_yaml(*promote), "x", base)->autonomy, Autonomy::kPromote);
  EXPECT_EQ(to_text(plan(base, *promote).at(0)), "set autonomy of models");
  const auto wrong = parse_yaml("models: {autonomy: full}\n", "x", base);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message().find("x:1:20"), std::string::npos) << wrong.error().message();
}

}  // namespace
}  // namespace lander::twin
