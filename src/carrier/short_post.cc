#include <algorithm>
#include <charconv>
#include <map>

#include <nlohmann/json.hpp>

#include "carrier/sbd_modem.h"
#include "carrier/short_gateway.h"
#include "http/url.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;
using Fields = std::map<std::string, std::string>;

constexpr std::size_t kMaxFields = 64;

bool is_ours(std::string_view name) { return name == "imei" || name == "momsn" || name == "data"; }

base::Result<Fields> form_fields(std::string_view body) {
  Fields fields;
  for (std::size_t count = 0; !body.empty(); ++count) {
    if (count == kMaxFields) return Error(Code::kInvalid, "a form of too many fields");
    const std::size_t end = std::min(body.find('&'), body.size());
    const std::string_view field = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    const std::size_t equal = std::min(field.find('='), field.size());
    LANDER_ASSIGN(const auto name, http::percent_decode(field.substr(0, equal), true));
    if (!is_ours(name)) continue;
    const std::string_view value = field.substr(std::min(equal + 1, field.size()));
    LANDER_ASSIGN(auto decoded, http::percent_decode(value, true));
    if (!fields.emplace(name, std::move(decoded)).second)
      return Error(Code::kInvalid, name + " stands there twice");
  }
  return fields;
}

base::Result<Fields> json_fields(std::string_view body) {
  const auto json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
  if (!json.is_object()) return Error(Code::kInvalid, "expected a JSON object");
  Fields fields;
  for (const auto& [name, value] : json.items()) {
    if (!is_ours(name)) continue;
    if (value.is_string()) {
      fields.emplace(name, value.get<std::string>());
    } else if (value.is_number_unsigned()) {
      fields.emplace(name, std::to_string(value.get<std::uint64_t>()));
    } else {
      return Error(Code::kInvalid, name + ": expected a text or a number");
    }
  }
  return fields;
}

base::Result<ShortPost> read_fields(Fields fields) {
  ShortPost post;
  post.imei = fields["imei"];
  const bool digits =
      std::all_of(post.imei.begin(), post.imei.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (post.imei.size() != 15 || !digits) return Error(Code::kInvalid, "imei: expected 15 digits");
  const std::string& momsn = fields["momsn"];
  const auto [end, error] = std::from_chars(momsn.data(), momsn.data() + momsn.size(), post.momsn);
  if (error != std::errc() || end != momsn.data() + momsn.size())
    return Error(Code::kInvalid, "momsn: expected a number");
  auto bytes = base::from_hex(fields["data"]);
  if (!bytes.ok() || bytes->empty() || bytes->size() > kMaxMoBytes) {
    return Error(Code::kInvalid, "data: expected 1 to " + std::to_string(kMaxMoBytes) +
                                     " bytes in hexadecimal digits");
  }
  post.bytes = std::move(*bytes);
  return post;
}

}  // namespace

base::Result<ShortPost> parse_short_post(base::ByteView body, std::string_view content_type) {
  const auto parse = [&]() -> base::Result<ShortPost> {
    if (body.size() > kMaxShortPostBytes) return Error(Code::kInvalid, "too long");
    if (content_type.starts_with("application/json")) {
      LANDER_ASSIGN(auto fields, json_fields(base::as_text(body)));
      return read_fields(std::move(fields));
    }
    if (content_type.starts_with("application/x-www-form-urlencoded")) {
      LANDER_ASSIGN(auto fields, form_fields(base::as_text(body)));
      return read_fields(std::move(fields));
    }
    return Error(Code::kUnsupported,
                 "expected application/json or application/x-www-form-urlencoded");
  };
  auto post = parse();
  if (!post.ok()) return post.error().context("a satellite operator's message");
  return post;
}

}  // namespace lander::carrier
