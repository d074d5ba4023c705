// The absolute URLs that a Client or a webhook is given, and the targets that a Server is asked
// for. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lander::http {

struct Url {
  bool tls = true;
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 443;
  std::string target = "/";       // path and query, as given
  std::string authority() const;  // "host:port", brackets where needed
};
// "https://host[:port][/path][?query]" or http://. User information and fragments are refused.
base::Result<Url> parse_url(std::string_view text);

struct Target {
  std::string raw_path;                      // as sent; what routes are matched on
  std::string path;                          // decoded
  std::map<std::string, std::string> query;  // decoded
};
// A request's target. kInvalid: not a path, a bad escape, a control character, a "." or ".."
// segment however it is spelt, or a query parameter given twice (two readers would disagree which
// one counts).
base::Result<Target> parse_target(std::string_view text);

// %XX decoding. In a query (`in_query`) "+" is a blank and line breaks are allowed.
base::Result<std::string> percent_decode(std::string_view text, bool in_query);

}  // namespace lander::http
