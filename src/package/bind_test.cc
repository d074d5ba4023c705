#include <gtest/gtest.h>

#include "package/package.h"

namespace lander::package {
namespace {

using base::Code;
using sensing::Datastream;

Datastream stream(const char* id, const char* property, const char* unit, const char* asset) {
  Datastream out;
  out.id = id;
  out.property = property;
  out.unit = unit;
  out.asset = asset;
  return out;
}

const std::vector<Datastream> kSite = {
    stream("p1-vib", "vibration", "mm/s", "acme/north/line1/pump-1"),
    stream("p2-vib", "vibration", "m/s", "acme/north/line1/pump-2"),
    stream("p1-temp", "temperature", "Cel", "acme/north/line1/pump-1"),
    stream("p1-press", "pressure", "bar", "acme/north/line1/pump-1"),
};

TEST(Binding, FindsTheOneThatMeansIt) {
  const auto bound =
      bind({{"vib", "vibration", "mm/s", "pump-1"}, {"p", "pressure", "kPa", ""}}, kSite, {});
  ASSERT_TRUE(bound.ok()) << bound.error().message();
  ASSERT_EQ(bound->size(), 2u);
  EXPECT_EQ((*bound)[0].port, "vib");
  EXPECT_EQ((*bound)[0].datastream, "p1-vib");
  EXPECT_EQ((*bound)[1].datastream, "p1-press") << "bar converts to kPa";
}

TEST(Binding, AmbiguityListsTheCandidatesAndNeverGuesses) {
  const auto bound = bind({{"vib", "vibration", "mm/s", ""}}, kSite, {});
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().code(), Code::kConflict);
  EXPECT_NE(bound.error().message().find("p1-vib"), std::string::npos);
  EXPECT_NE(bound.error().message().find("p2-vib"), std::string::npos);
  EXPECT_EQ(bound.error().message().find("p1-temp"), std::string::npos);
}

TEST(Binding, APinDecides) {
  const auto bound = bind({{"vib", "vibration", "mm/s", ""}}, kSite, {{"vib", "p2-vib"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message();
  EXPECT_EQ((*bound)[0].datastream, "p2-vib");
  EXPECT_EQ(bind({{"vib", "vibration", "mm/s", ""}}, kSite, {{"vib", "p9"}}).error().code(),
            Code::kNotFound);
  EXPECT_EQ(bind({{"vib", "vibration", "mm/s", ""}}, kSite, {{"vib", "p1-temp"}}).error().code(),
            Code::kInvalid)
      << "a temperature is no velocity";
  EXPECT_EQ(bind({{"p", "pressure", "bar", ""}}, kSite, {{"typo", "p1-vib"}}).error().code(),
            Code::kInvalid);
}

TEST(Binding, NothingThatFitsSaysWhatNearlyDid) {
  const auto other_asset = bind({{"p", "pressure", "bar", "pump-2"}}, kSite, {});
  ASSERT_FALSE(other_asset.ok());
  EXPECT_EQ(other_asset.error().code(), Code::kNotFound);
  EXPECT_NE(other_asset.error().message().find("p1-press"), std::string::npos);
  const auto other_unit = bind({{"p", "pressure", "Cel", ""}}, kSite, {});
  EXPECT_EQ(other_unit.error().code(), Code::kNotFound);
  const auto none = bind({{"h", "humidity", "%", ""}}, kSite, {});
  EXPECT_NE(none.error().message().find("no datastream has this property"), std::string::npos);
}

TEST(Binding, AnAssetIsComparedByWholeParts) {
  EXPECT_FALSE(bind({{"p", "pressure", "bar", "ump-1"}}, kSite, {}).ok());
  EXPECT_FALSE(bind({{"p", "pressure", "bar", "/pump-1"}}, kSite, {}).ok());
  EXPECT_TRUE(bind({{"p", "pressure", "bar", "line1/pump-1"}}, kSite, {}).ok());
  EXPECT_TRUE(bind({{"p", "pressure", "bar", "acme/north/line1/pump-1"}}, kSite, {}).ok());
  EXPECT_FALSE(bind({{"p", "pressure", "bar", "x/acme/north/line1/pump-1"}}, kSite, {}).ok());
}

TEST(Binding, TextFeedsNoPort) {
  std::vector<Datastream> site = {stream("state", "state", "1", "a/b")};
  site[0].kind = sensing::Kind::kText;
  EXPECT_FALSE(bind({{"s", "state", "1", ""}}, site, {}).ok());
  EXPECT_FALSE(bind({{"s", "state", "1", ""}}, site, {{"s", "state"}}).ok());
}

TEST(Binding, OnlyNumbersFeedAPort) {
  for (const auto kind :
       {sensing::Kind::kWaveform, sensing::Kind::kObject, sensing::Kind::kInterval}) {
    auto site = kSite;
    site[0].kind = kind;
    EXPECT_FALSE(bind({{"vib", "vibration", "mm/s", "pump-1"}}, site, {}).ok());
    const auto pinned = bind({{"vib", "vibration", "mm/s", ""}}, site, {{"vib", "p1-vib"}});
    ASSERT_FALSE(pinned.ok());
    EXPECT_NE(pinned.error().message().find("expected numbers"), std::string::npos);
  }
}

TEST(Binding, TellsOfEveryPortThatFailed) {
  const auto bound =
      bind({{"vib", "vibration", "mm/s", ""}, {"h", "humidity", "%", ""}}, kSite, {});
  EXPECT_NE(bound.error().message().find("\"vib\""), std::string::npos);
  EXPECT_NE(bound.error().message().find("\"h\""), std::string::npos);
}

}  // namespace
}  // namespace lander::package
