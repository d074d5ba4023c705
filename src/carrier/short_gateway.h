// The hub's end of the short-message carrier: a satellite's operator, who hands on what modems sent
// by an HTTP POST to us, and takes what is for them by an HTTP POST of ours. As RockBLOCK, Ground
// Control and others have it; docs/formats/carrier.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "carrier/carrier.h"

namespace lander::carrier {

inline constexpr std::size_t kMaxShortPostBytes = 8 << 10;

// What an operator hands on of a modem.
struct ShortPost {
  std::string imei;         // 15 digits
  std::uint32_t momsn = 0;  // its number of the message, which may come twice
  base::Bytes bytes;        // 1 to 340
  friend bool operator==(const ShortPost&, const ShortPost&) = default;
};
// A form (application/x-www-form-urlencoded) or a JSON object with imei, momsn and data in hex;
// what else they say is not read. kInvalid names the field; kUnsupported: of another type.
base::Result<ShortPost> parse_short_post(base::ByteView body, std::string_view content_type);

struct ShortGatewayOptions {
  std::string url;  // of the operator, path included
  std::string username, password_file;
  // The modem of a site. None: it has none.
  std::function<std::optional<std::string>(const Address& to)> imei_of;
  base::DurationUs first_retry = base::kSecond, longest_retry = base::kMinute;
};

// Posts from a thread of its own, in order; what the operator does not take now waits, what it
// refuses for good is dropped (receipts make the link send it again). imei_of is called by send().
class ShortGateway : public Gateway {
 public:
  static constexpr std::size_t kMaxOfSite = 8, kMaxWaiting = 10'000;
  // kInvalid: the options; else as reading password_file.
  static base::Result<std::unique_ptr<ShortGateway>> make(const ShortGatewayOptions& options);
};

}  // namespace lander::carrier
