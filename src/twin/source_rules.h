// What must hold of sources, their addresses and the settings, as a person wrote them or as they
// came from a peer.
#pragma once

#include <string>
#include <string_view>

#include "source/config.h"
#include "twin/twin.h"

namespace lander::twin {

inline constexpr std::size_t kMaxTopics = 64;
inline constexpr base::DurationUs kMaxPollInterval = base::kDay;
inline constexpr double kMaxSpeed = 1e6;
inline constexpr base::DurationUs kMinCommitInterval = 50 * base::kMillisecond;
inline constexpr base::DurationUs kMaxCommitInterval = base::kMinute;

std::string_view to_string(source::Driver driver);

// Which of a source's keys a driver knows; the others stay at their defaults.
bool takes_login(source::Driver driver);   // username, password_file, client_id
bool takes_topics(source::Driver driver);  // topics (mqtt), ranges (modbus)
bool takes_polls(source::Driver driver);   // poll_interval
bool takes_replay(source::Driver driver);  // speed, loop, time_column

base::Status valid(const source::Config& config);  // kInvalid: "source/plc1: ..."
// "host:port", "[::1]:port".
base::Status valid_peer(std::string_view address);
base::Status valid_topic_filter(std::string_view filter);
base::Status valid_modbus_range(std::string_view range);  // "1/holding/0-63"
// The form of a datastream's address, as far as it is known without the driver.
base::Status valid_address(source::Driver driver, std::string_view address);
base::Status valid_webhook(std::string_view url, std::uint8_t least_severity);

}  // namespace lander::twin
