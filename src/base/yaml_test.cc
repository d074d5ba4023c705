#include "base/yaml.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "base/time.h"

namespace lander::base {
namespace {

constexpr char kDeclaration[] =
    "site: mühle\n"
    "every: 10s\n"
    "sensors:\n"
    "  - id: p1\n"
    "    unit: bar\n"
    "    range: {low: 0, high: 16.5}\n"
    "    production: true\n"
    "  - id: t1\n"
    "    unit: Cel\n"
    "labels: {area: north, line: \"7\"}\n";

struct Sensor {
  std::string id;
  std::size_t unit = 0;
  double low = 0, high = 0;
  bool production = false;
};

struct Declaration {
  std::string site;
  std::int64_t every_us = 0;
  std::vector<Sensor> sensors;
  std::vector<std::pair<std::string, std::string>> labels;
};

// A small reader of the kind that every module writes.
Status read(std::string_view text, Declaration& out) {
  static constexpr std::array<std::string_view, 3> kUnits = {"bar", "Cel", "mm/s"};
  LANDER_ASSIGN(Yaml root, Yaml::parse(text, "a.yaml"));
  out.site = root.required("site").text();
  out.every_us = root.optional("every").duration_us(kMinute);
  for (Yaml& item : root.required("sensors").items()) {
    Sensor sensor;
    sensor.id = item.required("id").text();
    sensor.unit = item.required("unit").one_of(kUnits);
    if (Yaml range = item.optional("range"); range.present()) {
      sensor.low = range.required("low").number(0, -1000, 1000);
      sensor.high = range.required("high").number(0, -1000, 1000);
    }
    sensor.production = item.optional("production").boolean(false);
    out.sensors.push_back(sensor);
  }
  if (Yaml labels = root.optional("labels"); labels.present()) {
    for (auto& [name, value] : labels.entries()) out.labels.emplace_back(name, value.text());
  }
  return root.finish();
}

std::string mistakes_of(std::string_view text) {
  Declaration declaration;
  const Status status = read(text, declaration);
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code(), Code::kInvalid);
  return status.error().message();
}

TEST(Yaml, AWellFormedFileIsReadWhole) {
  Declaration d;
  const Status status = read(kDeclaration, d);
  ASSERT_TRUE(status.ok()) << status.error().message();
  EXPECT_EQ(d.site, "mühle");
  EXPECT_EQ(d.every_us, 10 * kSecond);
  ASSERT_EQ(d.sensors.size(), 2u);
  EXPECT_EQ(d.sensors[0].high, 16.5);
  EXPECT_TRUE(d.sensors[0].production);
  EXPECT_EQ(d.sensors[1].unit, 1u);
  ASSERT_EQ(d.labels.size(), 2u);
  EXPECT_EQ(d.labels[1].second, "7");
}

TEST(Yaml, AnUnknownKeyIsToldWithItsPlaceAndTheNearestName) {
  EXPECT_EQ(mistakes_of("site: a\nsensors:\n  - id: p1\n    unitt: bar\n    unit: bar\n"),
            "a.yaml:4:5: unknown key \"unitt\"; did you mean \"unit\"?");
  EXPECT_EQ(mistakes_of("site: a\nesvery: 10s\nsensors: []\n"),
            "a.yaml:2:1: unknown key \"esvery\"; did you mean \"every\"?");
  EXPECT_EQ(mistakes_of("site: a\nsensors: []\ncolour: red\n"),
            "a.yaml:3:1: unknown key \"colour\"; expected one of: site, every, sensors, labels");
}

TEST(Yaml, EveryMistakeOfAFileIsToldAtOnceInTheOrderOfItsLines) {
  EXPECT_EQ(mistakes_of("site: [x]\n"
                        "every: 10\n"
                        "sensors:\n"
                        "  - unit: baar\n"
                        "    range: {low: zero, high: 2000}\n"
                        "    production: yes\n"),
            "a.yaml:1:7: expected text, found a list\n"
            "a.yaml:2:8: expected a duration like 250ms, 10s, 5m, 24h or 30d, found \"10\"\n"
            "a.yaml:4:5: missing key \"id\"\n"
            "a.yaml:4:11: unknown value \"baar\"; did you mean \"bar\"?\n"
            "a.yaml:5:18: expected a number, found \"zero\"\n"
            "a.yaml:5:30: expected a number from -1000 to 1000, found 2000\n"
            "a.yaml:6:17: expected true or false, found \"yes\"");
}

TEST(Yaml, ColumnsCountCharactersAsAnEditorDoes) {
  EXPECT_EQ(mistakes_of("site: a\nsensors: []\nlabels: {für: [1]}\n"),
            "a.yaml:3:15: expected text, found a list");
}

TEST(Yaml, WhatIsMissingOrEmptyIsToldWhereItShouldStand) {
  EXPECT_EQ(mistakes_of(""), "a.yaml:1:1: expected a map, found nothing");
  EXPECT_EQ(mistakes_of("- a\n"), "a.yaml:1:1: expected a map, found a list");
  EXPECT_EQ(mistakes_of("site: a\n"), "a.yaml:1:1: missing key \"sensors\"");
  EXPECT_EQ(mistakes_of("site: a\nsensors:\nevery: 1s\n"),
            "a.yaml:2:1: expected a list, found nothing");
}

TEST(Yaml, DuplicateKeysAreRefused) {
  EXPECT_EQ(mistakes_of("site: a\nsensors: []\nsite: b\n"),
            "a.yaml:3:1: duplicate key \"site\"; it stands on line 1 already");
}

TEST(Yaml, AnchorsAliasesTagsAndSecondDocumentsAreRefused) {
  EXPECT_EQ(mistakes_of("site: &x a\nsensors: []\n"),
            "a.yaml:1:7: an anchor (&); expected every value written out");
  EXPECT_NE(mistakes_of("a: [&x [b], *x]\n").find("an anchor"), std::string::npos);
  EXPECT_NE(mistakes_of("a: *x\n").find("a.yaml:1:4: "), std::string::npos);
  EXPECT_EQ(mistakes_of("site: !!str a\nsensors: []\n"),
            "a.yaml:1:7: a tag (!); expected a plain value");
  EXPECT_NE(mistakes_of("site: a\nsensors: []\n---\nsite: b\n").find("a second document"),
            std::string::npos);
  EXPECT_NE(mistakes_of("[a, b]: c\n").find("a key that is no text"), std::string::npos);
}

TEST(Yaml, ASyntaxErrorIsToldWithItsPlace) {
  EXPECT_EQ(mistakes_of("site: a\nsensors: [1, 2\n").substr(0, 9), "a.yaml:3:");
  EXPECT_EQ(mistakes_of("site: \"a\n").substr(0, 7), "a.yaml:");
  EXPECT_NE(mistakes_of("site: a\n\tsensors: []\n"), "");
  EXPECT_EQ(mistakes_of(std::string_view("site: a\0b\n", 10)),
            "a.yaml:1:8: a control character; expected plain text");
  EXPECT_EQ(mistakes_of("site: \xFF\n"), "a.yaml: not UTF-8 text");
}

TEST(Yaml, SizeAndDepthAreBounded) {
  EXPECT_NE(mistakes_of(std::string((1u << 20) + 1, 'a')), "");
  for (const char* open : {"[", "{a: ", "- ", "? "}) {
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += open;
    EXPECT_NE(mistakes_of(deep), "") << open;
  }
  std::string allowed = "site: a\nsensors: []\nlabels: ";
  EXPECT_EQ(mistakes_of(allowed + std::string(62, '[') + std::string(62, ']')),
            "a.yaml:3:9: expected a map, found a list");
  EXPECT_NE(
      mistakes_of(allowed + std::string(64, '[') + std::string(64, ']')).find("nested deeper"),
      std::string::npos);
}

TEST(Yaml, NumbersAreNotGuessedFromQuotedTextOrOddForms) {
  for (const char* value : {"\"1\"", "0x10", "1_000", ".inf", ".nan", "1e999", "1,5", "12 bar"}) {
    const std::string text = std::string("site: a\nsensors: [{id: a, unit: bar, range: {low: ") +
                             value + ", high: 1}}]\n";
    EXPECT_NE(mistakes_of(text).find("expected"), std::string::npos) << value;
  }
  auto root = Yaml::parse("a: 9223372036854775807\nb: 9223372036854775808\nc: 1.0\n", "n");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->required("a").integer(), INT64_MAX);
  EXPECT_EQ(root->required("b").integer(-5), -5);
  EXPECT_EQ(root->required("c").integer(-6), -6);
  EXPECT_EQ(root->mistakes().size(), 2u);
}

TEST(Yaml, ManyMistakesStayBounded) {
  std::string text = "site: a\nsensors: []\n";
  for (int i = 0; i < 20'000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  EXPECT_LT(mistakes_of(text).size(), 64u << 10);
}

TEST(Yaml, ADamagedFileIsReadOrRefusedButNeverBreaksTheReader) {
  std::mt19937_64 random(7);
  const std::string whole = kDeclaration;
  Declaration ignored;
  for (std::size_t size = 0; size < whole.size(); ++size)
    (void)read(whole.substr(0, size), ignored);
  constexpr std::string_view kNasty = "{}[]:,-&*!|>'\"%@`#\n\t ?~\\0x\xC3\xFF";
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    for (const char c : kNasty) {
      damaged[at] = c;
      Declaration d;
      (void)read(damaged, d);
    }
  }
  for (int i = 0; i < 3000; ++i) {
    std::string noise(random() % 60, ' ');
    for (char& c : noise) c = kNasty[random() % kNasty.size()];
    Declaration d;
    (void)read(noise, d);
  }
}

}  // namespace
}  // namespace lander::base
