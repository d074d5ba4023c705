#include "cli/session.h"

#include <nlohmann/json.hpp>

#include "http/message.h"

namespace lander::cli {

using base::Code;
using base::Error;

std::string escaped(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Query& Query::add(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  text_ += text_.empty() ? '?' : '&';
  text_.append(name).append("=").append(escaped(value));
  return *this;
}

base::Result<const Door*> Session::door() {
  if (!door_) {
    LANDER_ASSIGN(door_, find_door(world, at));
  }
  return &*door_;
}

base::Result<http::Client*> Session::client() {
  if (client_) return client_.get();
  LANDER_ASSIGN(const Door* found, door());
  http::ClientOptions options;
  options.url = found->url;
  options.pinned_key_id = found->key_id;
  options.total_timeout = 2 * base::kMinute;  // a large SQL query, a package over a thin line
  LANDER_ASSIGN(client_, http::Client::make(options));
  return client_.get();
}

base::Result<http::ClientResponse> Session::exchange(std::string_view method,
                                                     const std::string& target, base::ByteView body,
                                                     std::string_view content_type) {
  LANDER_ASSIGN(http::Client * http, client());
  auto response =
      http->send(method, target, body, content_type, {{"Authorization", "Bearer " + door_->token}});
  if (response.ok()) return response;
  const std::string& said = response.error().message();
  switch (response.error().code()) {
    case Code::kUnavailable:
    case Code::kTimeout:
      return Error(response.error().code(),
                   said + (door_->local ? "\nIs it running? Its address stands in " + door_->from +
                                              ", from when it was last started."
                                        : "\nIs it running, and reachable from here?"));
    case Code::kDenied:
      return Error(Code::kDenied,
                   said +
                       "\nThis is not the server that was confirmed before. If it was installed "
                       "anew: `lander logout " +
                       door_->url + " --forget`, then log in again.");
    default:
      return response;
  }
}

base::Result<Json> Session::send(std::string_view method, const std::string& target,
                                 base::ByteView body, std::string_view content_type) {
  LANDER_ASSIGN(const http::ClientResponse response, exchange(method, target, body, content_type));
  if (response.status < 200 || response.status >= 300) return refusal(response);
  if (response.body.empty()) return Json();
  Json parsed = Json::parse(response.body.begin(), response.body.end(), nullptr, false);
  if (parsed.is_discarded())
    return Error(Code::kCorrupt, door_->url + target + " answered with something that is not JSON");
  return parsed;
}

base::Result<Json> Session::get(const std::string& target) { return send("GET", target, {}, ""); }

base::Result<base::Bytes> Session::fetch(const std::string& target) {
  LANDER_ASSIGN(http::ClientResponse response, exchange("GET", target, {}, ""));
  if (response.status < 200 || response.status >= 300) return refusal(response);
  return std::move(response.body);
}

base::Result<http::ClientResponse> Session::post_for_response(const std::string& target,
                                                              base::ByteView body,
                                                              std::string_view content_type) {
  LANDER_ASSIGN(http::ClientResponse response, exchange("POST", target, body, content_type));
  if (response.status < 200 || response.status >= 300) return refusal(response);
  return response;
}

base::Result<base::Bytes> Session::post_for_bytes(const std::string& target, base::ByteView body,
                                                  std::string_view content_type) {
  LANDER_ASSIGN(http::ClientResponse response, post_for_response(target, body, content_type));
  return std::move(response.body);
}

base::Result<Json> Session::post(const std::string& target, const Json& body) {
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return send("POST", target, base::as_bytes(text), "application/json");
}

Error Session::refusal(const http::ClientResponse& response) {
  Json parsed = Json::parse(response.body.begin(), response.body.end(), nullptr, false);
  problem_ = std::make_shared<Json>(parsed.is_object() ? std::move(parsed) : Json());
  std::string detail = text_of(*problem_, "detail");
  if (detail.empty()) detail = "the server answered " + std::to_string(response.status);
  if (response.status == 401) {
    detail += door_->local ? "\nThe pass in " + door_->from +
                                 " is of an earlier start: is another server running there now?"
                           : "\n`lander login " + door_->url + "` begins a new one.";
  }
  return Error(http::code_of(response.status), detail);
}

const Json& Session::problem() const {
  static const Json none;
  return problem_ ? *problem_ : none;
}

base::Result<const Me*> Session::me() {
  if (!me_) {
    LANDER_ASSIGN(const Json body, get("/api/v1/me"));
    me_ = Me{text_of(body, "user"),   text_of(body, "role"), text_of(body, "tenant"),
             text_of(body, "server"), text_of(body, "name"), text_of(body, "version")};
  }
  return &*me_;
}

base::Result<std::string> Session::site_name(const std::string& given) {
  if (!given.empty() && !site_flag.empty() && given != site_flag)
    return usage("two sites are named, " + given + " and --site " + site_flag + ": which one?");
  const std::string& wanted = given.empty() ? site_flag : given;
  if (!wanted.empty()) return wanted;
  LANDER_ASSIGN(const Me* who, me());
  if (!who->hub()) return who->name;
  LANDER_ASSIGN(const Json sites, get("/api/v1/sites"));
  std::vector<std::string> names;
  for (const auto& site : sites) names.push_back(text_of(site, "site"));
  if (names.size() == 1) return names[0];
  if (names.empty())
    return Error(Code::kNotFound, "this hub has no site yet: `lander site add NAME` admits one");
  if (names.size() > 20) names.resize(20);
  return usage("which site? Say --site NAME: " + joined(names, ", "));
}

base::Result<std::string> Session::site_path(const std::string& given) {
  LANDER_ASSIGN(const std::string name, site_name(given));
  return "/api/v1/sites/" + escaped(name);
}

base::Status Session::need(std::string_view wanted) {
  LANDER_ASSIGN(const Me* who, me());
  if (who->server == wanted) return {};
  return Error(Code::kUnsupported, "only a " + std::string(wanted) + " can do this, and " +
                                       door_->url + " is the " + who->server + " \"" + who->name +
                                       "\": say --at FOLDER or --at https://HOST:PORT of a " +
                                       std::string(wanted));
}

void Session::raw(const Json& body) {
  world.out(body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Session::note(std::string_view text) {
  if (!json) world.err(std::string(text) + "\n");
}

Error Session::usage(std::string message) {
  wrong_usage_ = true;
  return {Code::kInvalid, std::move(message)};
}

}  // namespace lander::cli
