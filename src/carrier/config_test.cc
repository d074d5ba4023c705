#include "carrier/config.h"

#include <gtest/gtest.h>

#include <set>

#include "carrier/carrier.h"

namespace lander::carrier {
namespace {

Config config(std::string type, std::map<std::string, std::string> settings = {}) {
  Config config;
  config.terms.id = "one";
  config.type = std::move(type);
  config.settings = std::move(settings);
  return config;
}

TEST(CarrierKinds, AreFoundByTheirTypeAndDescribeThemselves) {
  std::set<std::string_view> types;
  for (const Kind* kind : kinds()) {
    EXPECT_EQ(find_kind(kind->type), kind);
    EXPECT_TRUE(types.insert(kind->type).second) << kind->type;
    EXPECT_FALSE(kind->about.empty());
    EXPECT_GT(kind->max_up, 0u);
    EXPECT_GT(kind->max_down, 0u);
    for (const Setting& setting : kind->settings) EXPECT_FALSE(setting.meaning.empty());
  }
  EXPECT_EQ(find_kind("pigeon"), nullptr);
}

TEST(CarrierConfig, SaysWhichCarrierAndWhichFieldIsWrong) {
  EXPECT_TRUE(valid(config("https")).ok());
  EXPECT_TRUE(valid(config("mqtt", {{"url", "mqtts://broker:8883"}})).ok());
  EXPECT_TRUE(
      valid(config("short-message",
                   {{"device", "/dev/ttyUSB0"}, {"address", "300234010753370"}, {"baud", "9600"}}))
          .ok());
  const struct {
    Config config;
    const char* field;
  } table[] = {
      {config("pigeon"), "type \"pigeon\": expected one of https"},
      {config("https", {{"colour", "red"}}), "no setting \"colour\""},
      {config("mqtt"), "url is missing"},
      {config("mqtt", {{"url", "http://h"}}), "url: expected mqtt://"},
      {config("mqtt", {{"url", "mqtt://h"}, {"username", ""}}), "username: expected 1 to"},
      {config("mqtt", {{"url", "mqtt://h"}, {"ca_file", "ca"}}), "ca_file: expected a path"},
      {config("short-message", {{"address", "300234010753370"}}), "device is missing"},
      {config("short-message", {{"device", "/dev/x"}, {"address", "3"}}), "address: expected"},
      {config("short-message",
              {{"device", "/dev/x"}, {"address", "300234010753370"}, {"baud", "7"}}),
       "baud: a serial line"},
  };
  for (const auto& row : table) {
    const auto status = valid(row.config);
    ASSERT_FALSE(status.ok()) << row.field;
    EXPECT_EQ(status.error().code(), base::Code::kInvalid);
    EXPECT_NE(status.error().message().find("carrier one: "), std::string::npos);
    EXPECT_NE(status.error().message().find(row.field), std::string::npos)
        << status.error().message();
  }
  Config expensive = config("https");
  expensive.terms.price = -1;
  EXPECT_NE(valid(expensive).error().message().find("price"), std::string::npos);
}

}  // namespace
}  // namespace lander::carrier
