// Kinds of records in the hub's state. On disk: never rename (docs/formats/hub-state.md).
#pragma once

#include <string_view>

namespace lander::hub {

inline constexpr std::string_view kTenantRecord = "tenant";  // key "": name
inline constexpr std::string_view kTrustRecord = "trust";    // key "": [root key, signed document]
inline constexpr std::string_view kTokenRecord = "token";    // site
inline constexpr std::string_view kSiteRecord = "site";      // site: enrolled keys
inline constexpr std::string_view kContactRecord = "contact";         // site: last contact
inline constexpr std::string_view kDesiredRecord = "desired";         // site
inline constexpr std::string_view kReportedRecord = "reported";       // site
inline constexpr std::string_view kReceiverRecord = "receiver";       // site
inline constexpr std::string_view kAlertEventRecord = "alert-event";  // site, key: event id
inline constexpr std::string_view kInstancesRecord = "instances";     // site
inline constexpr std::string_view kDictionaryRecord = "dictionary";   // site, key: epoch
inline constexpr std::string_view kBriefRecord = "brief";             // site, key: epoch/number
inline constexpr std::string_view kShortRecord = "short";  // site, key: time/hash of a message
inline constexpr std::string_view kCounterRecord = "short-counter";       // site, key: epoch
inline constexpr std::string_view kDatastreamRecord = "datastream";       // site, key: id/revision
inline constexpr std::string_view kModelRecord = "model";                 // site, key: asset
inline constexpr std::string_view kModelHistoryRecord = "model-history";  // site, key: asset
inline constexpr std::string_view kPackageRecord = "package";             // key: digest
inline constexpr std::string_view kRolloutRecord = "rollout";             // key: id
inline constexpr std::string_view kAccountRecord = "account";             // key: user

}  // namespace lander::hub
