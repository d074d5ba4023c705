// One run of the command: the flags that hold everywhere, the server it talks to, what it prints.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "cli/connection.h"
#include "cli/shape.h"
#include "cli/text.h"
#include "cli/world.h"
#include "http/client.h"

namespace lander::cli {

// "%2F" for what may not stand in a path's segment or a query's value.
std::string escaped(std::string_view text);

// A query string, "?a=b&c=d"; empty values are left out.
class Query {
 public:
  Query& add(std::string_view name, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Me {
  std::string user, role, tenant, server, name, version;
  bool hub() const { return server == "hub"; }
};

class Session {
 public:
  explicit Session(World& world_) : world(world_) {}

  World& world;
  std::string at, site_flag;
  bool json = false;

  // --- the server ---
  base::Result<const Door*> door();
  // An answer of 2xx, parsed (null: without a body). Others are errors with the server's own words;
  // problem() then is what it said.
  base::Result<Json> get(const std::string& target);
  base::Result<Json> post(const std::string& target, const Json& body);
  base::Result<Json> send(std::string_view method, const std::string& target, base::ByteView body,
                          std::string_view content_type);
  base::Result<base::Bytes> fetch(const std::string& target);  // bytes rather than JSON
  base::Result<http::ClientResponse> post_for_response(const std::string& target,
                                                       base::ByteView body,
                                                       std::string_view content_type);
  base::Result<base::Bytes> post_for_bytes(const std::string& target, base::ByteView body,
                                           std::string_view content_type);
  // As send(), whatever the status: for /healthz.
  base::Result<http::ClientResponse> exchange(std::string_view method, const std::string& target,
                                              base::ByteView body, std::string_view content_type);
  const Json& problem() const;
  base::Result<const Me*> me();
  // "/api/v1/sites/NAME": the given name, --site, a site's own, or the only one of a hub.
  base::Result<std::string> site_path(const std::string& given = "");
  base::Result<std::string> site_name(const std::string& given = "");
  // kUnsupported when the server is not the `wanted` "hub" or "site".
  base::Status need(std::string_view wanted);

  // --- what it says ---
  base::TimeUs now() const { return world.clock.wall_us(); }
  bool colour() const { return world.out_is_terminal && world.environment("NO_COLOR").empty(); }
  void say(std::string_view text) { world.out(text); }
  void say(const Table& table) { world.out(table.text(colour())); }
  void say(const Facts& facts) { world.out(facts.text(colour())); }
  void raw(const Json& body);              // one line of JSON
  void note(std::string_view text);        // a line on stderr, not with --json
  base::Error usage(std::string message);  // of a mistake in how it was called: exit status 2
  bool wrong_usage() const { return wrong_usage_; }

 private:
  base::Result<http::Client*> client();
  base::Error refusal(const http::ClientResponse& response);
  std::optional<Door> door_;
  std::unique_ptr<http::Client> client_;
  std::optional<Me> me_;
  std::shared_ptr<Json> problem_;
  bool wrong_usage_ = false;
};

}  // namespace lander::cli
