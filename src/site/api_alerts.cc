#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "os/random.h"
#include "site/api.h"

namespace lander::site {
namespace {

using api::Json;
using api::problem;

http::Response list(Core& core, const http::Request& request) {
  const auto limit = api::count(request, "limit", 200, 1000);
  if (!limit.ok()) return problem(limit.error());
  const auto state = request.query.find("state");
  const bool only_open = state == request.query.end() || state->second != "all";
  const base::TimeUs now = core.context().now();
  Json out = Json::array();
  for (const auto& alert : core.alarms().book().alerts(only_open, now, *limit)) {
    out.push_back(api::alert(alert, core.context().site, now));
  }
  return api::reply(200, out);
}

http::Response detail(Core& core, const std::string& id) {
  const auto alert = core.alarms().book().find(id);
  if (!alert)
    return problem(base::Error(base::Code::kNotFound, "no alert \"" + id + "\" at this site"));
  return api::reply(200, api::alert_in_detail(*alert, core.alarms().book().events(id),
                                              core.context().site, core.context().now()));
}

http::Response change(Core& core, const http::Request& request, const std::string& actor) {
  const base::TimeUs now = core.context().now();
  auto event = api::parse_alert_event(request.body, request.params.at("id"), actor,
                                      core.context().random.uuid7(now), now);
  if (!event.ok()) return problem(event.error());
  auto alert = core.alarms().command(*event);
  if (!alert.ok()) return problem(alert.error());
  return api::reply(200, api::alert(*alert, core.context().site, now));
}

}  // namespace

void serve_alerts(Server& server, api::Gate& gate) {
  auto listed = [&server](http::Request request, const access::Scope&, http::Responder responder) {
    if (auto ours = is_this_site(server, request); !ours.ok())
      return responder.reply(problem(ours.error()));
    server.on_core(std::move(responder),
                   [request = std::move(request)](Core& core) { return list(core, request); });
  };
  gate.route("GET", "/api/v1/alerts", access::Right::kLook, 0, listed);
  gate.route("GET", "/api/v1/sites/{site}/alerts", access::Right::kLook, 0, listed);
  gate.route("GET", "/api/v1/sites/{site}/alerts/{id}", access::Right::kLook, 0,
             [&server](http::Request request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               server.on_core(std::move(responder),
                              [id = request.params["id"]](Core& core) { return detail(core, id); });
             });
  gate.route(
      "POST", "/api/v1/sites/{site}/alerts/{id}/events", access::Right::kHandleAlerts, 4096,
      [&server](http::Request request, const access::Scope& scope, http::Responder responder) {
        if (auto ours = is_this_site(server, request); !ours.ok())
          return responder.reply(problem(ours.error()));
        server.on_core(std::move(responder),
                       [request = std::move(request), actor = "user:" + scope.user + "@site"](
                           Core& core) { return change(core, request, actor); });
      });
}

}  // namespace lander::site
