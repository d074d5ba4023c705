// Couriers at the hub: what a stick brought, what it takes back, and that the lake has it at once.
#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "hub/server.h"

namespace lander::hub {
namespace {

using access::Right;
using access::Scope;
using api::problem;
using http::Request;
using http::Response;

Response cbor(base::Bytes body) {
  Response response;
  response.content_type = "application/cbor";
  response.body = std::move(body);
  return response;
}

Response take(Core& core, const Scope& scope, const Request& request) {
  auto brought = core.courier(scope, request.params.at("site"), request.body);
  if (!brought.ok()) return problem(brought.error());
  Response response = cbor(std::move(brought->answer));
  response.headers.emplace_back("lander-new-items", std::to_string(brought->items));
  return response;
}

Response way_in(Core& core, const Scope& scope, const Request& request) {
  const std::string after = api::parameter(request, "after");
  const auto part =
      core.way_in(scope, request.params.at("site"), after.substr(0, carrier::WayIn::kMaxNext));
  return part.ok() ? cbor(carrier::encode(*part)) : problem(part.error());
}

Response card(Core& core, const Scope& scope, const Request& request) {
  const auto site = core.site(scope, request.params.at("site"));
  if (!site.ok()) return problem(site.error());
  if ((*site)->key_id.empty())
    return problem(base::Error(base::Code::kConflict, "this site is not enrolled: no keys yet"));
  return api::reply(200, api::card("site", (*site)->key.tenant, (*site)->key.site,
                                   (*site)->signing.to_der(), (*site)->sealing.to_der()));
}

}  // namespace

void serve_couriers(Server& server, api::Gate& gate) {
  const auto on_core = [&](const char* method, const char* pattern, Right right, std::size_t most,
                           Response (*work)(Core&, const Scope&, const Request&)) {
    gate.route(method, pattern, right, most,
               [&server, work](Request request, Scope scope, http::Responder responder) {
                 const std::size_t bytes = request.body.size();
                 server.on_core(
                     std::move(responder),
                     [work, request = std::move(request), scope](Core& core) {
                       return work(core, scope, request);
                     },
                     bytes);
               });
  };
  on_core("POST", "/api/v1/sites/{site}/import", Right::kOperate, link::kMaxBundleBytes, take);
  on_core("GET", "/api/v1/sites/{site}/way-in", Right::kOperate, 0, way_in);
  on_core("GET", "/api/v1/sites/{site}/card", Right::kLook, 0, card);
  // What was imported is there for SQL when this answers.
  gate.route(
      "POST", "/api/v1/lake/flush", Right::kOperate, 0,
      [&server](const Request&, const Scope&, http::Responder responder) {
        server.on_lake(std::move(responder), [&server]() -> Response {
          const auto flushed = server.lake().flush();
          if (!flushed.ok()) return problem(flushed.error());
          return api::reply(
              200, {{"rows", flushed->rows}, {"files", flushed->files}, {"bytes", flushed->bytes}});
        });
      });
}

}  // namespace lander::hub
