// What people ask of the hub: sites, twins, alerts, charts, SQL.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "hub/server.h"

namespace lander::hub {
namespace {

using access::Right;
using access::Scope;
using api::Json;
using api::parameter;
using api::problem;
using http::Request;
using http::Response;

constexpr std::size_t kMaxYaml = 1 << 20;
constexpr std::size_t kMaxSql = 64 << 10;
constexpr std::size_t kMaxPoints = 5'000;

Response answer(const base::Result<Json>& body, int status = 200) {
  return body.ok() ? api::reply(status, *body) : problem(body.error());
}

Json site_json(const Core& core, const Site& site) {
  const auto now = core.now();
  std::size_t open = 0, unacknowledged = 0;
  int worst = -1;
  for (const auto& alert : site.alerts.alerts(true, now, SIZE_MAX)) {
    ++open;
    if (alert.acknowledged == 0) ++unacknowledged;
    if (alert.active) worst = std::max(worst, static_cast<int>(alert.info.severity));
  }
  const bool applied =
      std::all_of(site.reported.components.begin(), site.reported.components.end(),
                  [](const auto& c) { return c.status == twin::Status::kApplied; });
  Json location = nullptr;
  for (const auto& [id, revisions] : site.datastreams) {
    const auto& d = revisions.rbegin()->second;
    if (!d.location) continue;
    location = {{"latitude", d.location->latitude}, {"longitude", d.location->longitude}};
    break;
  }
  return {
      {"site", site.key.site},
      {"presence", site.revoked ? "revoked" : std::string(fleet::to_string(core.presence(site)))},
      {"last_contact", api::time(site.last_contact)},
      {"version", site.reported.software},
      {"open_alerts", open},
      {"unacknowledged", unacknowledged},
      {"worst",
       worst < 0 ? Json(nullptr) : Json(alert::to_string(static_cast<alert::Severity>(worst)))},
      {"vitals", site.vitals},
      {"desired_revision", site.desired.revision},
      {"reported_revision", site.reported.desired_revision},
      {"in_sync", applied && site.desired.revision == site.reported.desired_revision},
      {"location", location},
      {"link_error", site.link_error},
      // Two machines use its identity since then.
      {"cloned_since", api::time(site.instances.cloned_since())}};
}

Json datastreams_json(const Site& site) {
  Json list = Json::array();
  for (const auto& [id, revisions] : site.datastreams) {
    Json d = api::datastream(revisions.rbegin()->second);
    if (const auto at = site.latest.find(id); at != site.latest.end()) {
      d["latest"] = {{"time", api::time(at->second.time)},
                     {"value", api::number(at->second.value)},
                     {"quality", "Good"}};
    }
    list.push_back(std::move(d));
  }
  return list;
}

Json models_json(const Site& site) {
  Json list = Json::array();
  for (const auto& [asset, models] : site.models) {
    auto one = [](const std::optional<model::Model>& model, const std::string& digest) {
      return model ? api::model(*model, digest) : Json(nullptr);
    };
    const auto at = site.histories.find(asset);
    list.push_back(
        {{"asset", asset},
         {"active", one(models.active, models.active_digest)},
         {"shadow", one(models.shadow, models.shadow_digest)},
         {"previous", one(models.previous, models.previous_digest)},
         {"history", api::history(at == site.histories.end() ? model::History() : at->second)}});
  }
  return list;
}

Json alerts_json(const Core& core, const std::vector<const Site*>& sites, bool only_open,
                 std::size_t limit) {
  std::vector<std::pair<const Site*, alert::Alert>> all;
  const auto now = core.now();
  for (const Site* site : sites) {
    for (auto& alert : site->alerts.alerts(only_open, now, limit))
      all.emplace_back(site, std::move(alert));
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.second.raised > b.second.raised; });
  if (all.size() > limit) all.resize(limit);
  Json list = Json::array();
  for (const auto& [site, alert] : all) list.push_back(api::alert(alert, site->key.site, now));
  return list;
}

base::Result<Json> admit(Server& server, Core& core, const Scope& scope, const Request& request) {
  LANDER_ASSIGN(const Json body, api::parse_object(request.body));
  LANDER_ASSIGN(const std::string site, api::text(body, "site"));
  LANDER_ASSIGN(const std::string valid, api::text_or(body, "valid_for", "24h"));
  LANDER_ASSIGN(const auto valid_for, base::parse_duration(valid));
  LANDER_ASSIGN(const std::string token, core.admit(scope, site, valid_for));
  return Json{{"site", site},
              {"token", token},
              {"expires", api::time(core.now() + valid_for)},
              {"hub", server.enrol_url()},
              {"enrol", "lander-site enrol --hub " + server.enrol_url() + " --token " + token}};
}

Response apply(Core& core, const Scope& scope, const Request& request) {
  const std::string file = parameter(request, "file").empty()
                               ? "desired.yaml"
                               : parameter(request, "file").substr(0, 200);
  auto applied = core.apply_yaml(scope, request.params.at("site"), base::as_text(request.body),
                                 file, parameter(request, "dry_run") == "1");
  if (!applied.ok())
    return applied.error().code() == base::Code::kInvalid ? api::mistakes(applied.error())
                                                          : problem(applied.error());
  return api::reply(200, {{"revision", applied->revision}, {"changes", applied->changes}});
}

base::Result<Json> alert_event(Core& core, const Scope& scope, const Request& request) {
  const auto now = core.now();
  LANDER_ASSIGN(const auto event, api::parse_alert_event(request.body, request.params.at("id"),
                                                         "user:" + scope.user + "@hub",
                                                         core.random().uuid7(now), now));
  LANDER_ASSIGN(const auto alert, core.alert_event(scope, request.params.at("site"), event));
  return api::alert(alert, request.params.at("site"), now);
}

base::Result<Json> chart(Server& server, const Scope& scope, const Request& request,
                         const std::string& unit) {
  const auto now = os::system_clock().wall_us();
  LANDER_ASSIGN(const api::Range range, api::range(request, now, base::kHour));
  LANDER_ASSIGN(const std::size_t points, api::count(request, "points", 600, kMaxPoints));
  const std::string id = parameter(request, "datastream");
  LANDER_ASSIGN(const auto series, server.lake().series(scope.tenant, request.params.at("site"), id,
                                                        range.from, range.to, points));
  return Json{{"datastream", id},
              {"unit", unit},
              {"from", api::time(range.from)},
              {"to", api::time(range.to)},
              {"points", api::points(series)}};
}

Response sql(Server& server, const Scope& scope, const Request& request) {
  auto run = [&]() -> base::Result<lake::SqlResult> {
    LANDER_ASSIGN(const Json body, api::parse_object(request.body));
    LANDER_ASSIGN(const std::string query, api::text(body, "sql"));
    return server.sql().run(server.tenant_folder(scope.tenant), query);
  };
  auto result = run();
  return result.ok() ? Response::json(200, std::move(result->json)) : problem(result.error());
}

}  // namespace

void serve_people(Server& server, api::Gate& gate) {
  auto on_core = [&](const char* method, const char* pattern, Right right, std::size_t max_body,
                     auto work) {
    gate.route(method, pattern, right, max_body,
               [&server, work](Request request, Scope scope, http::Responder responder) {
                 server.on_core(
                     std::move(responder),
                     [&server, work, request = std::move(request), scope](Core& core) -> Response {
                       return work(server, core, scope, request);
                     });
               });
  };
  // Of one site: 404 before anything else when it is not this tenant's.
  auto of_site = [&](const char* pattern, auto make) {
    on_core("GET", pattern, Right::kLook, 0,
            [make](Server&, Core& core, const Scope& scope, const Request& request) -> Response {
              const auto site = core.site(scope, request.params.at("site"));
              return site.ok() ? answer(make(core, **site, request)) : problem(site.error());
            });
  };
  on_core("GET", "/api/v1/sites", Right::kLook, 0,
          [](Server&, Core& core, const Scope& scope, const Request&) {
            Json list = Json::array();
            for (const Site* site : core.sites(scope)) list.push_back(site_json(core, *site));
            return api::reply(200, list);
          });
  on_core("POST", "/api/v1/sites", Right::kAdmit, 4096,
          [](Server& s, Core& core, const Scope& scope, const Request& request) {
            return answer(admit(s, core, scope, request), 201);
          });
  on_core("DELETE", "/api/v1/sites/{site}", Right::kAdmit, 0,
          [](Server&, Core& core, const Scope& scope, const Request& request) {
            const auto done = core.revoke(scope, request.params.at("site"));
            if (!done.ok()) return problem(done.error());
            Response response;
            response.status = 204;
            return response;
          });
  of_site("/api/v1/sites/{site}",
          [](Core& core, const Site& site, const Request&) -> base::Result<Json> {
            return site_json(core, site);
          });
  of_site("/api/v1/sites/{site}/datastreams",
          [](Core&, const Site& site, const Request&) -> base::Result<Json> {
            return datastreams_json(site);
          });
  of_site("/api/v1/sites/{site}/models",
          [](Core&, const Site& site, const Request&) -> base::Result<Json> {
            return models_json(site);
          });
  of_site("/api/v1/sites/{site}/twin",
          [](Core&, const Site& site, const Request&) -> base::Result<Json> {
            return api::twin(site.desired, site.reported);
          });
  of_site("/api/v1/sites/{site}/alerts",
          [](Core& core, const Site& site, const Request& request) -> base::Result<Json> {
            LANDER_ASSIGN(const std::size_t limit, api::count(request, "limit", 200, 1000));
            return alerts_json(core, {&site}, parameter(request, "state") != "all", limit);
          });
  of_site("/api/v1/sites/{site}/alerts/{id}",
          [](Core& core, const Site& site, const Request& request) -> base::Result<Json> {
            const auto alert = site.alerts.find(request.params.at("id"));
            if (!alert)
              return base::Error(base::Code::kNotFound,
                                 "no alert \"" + request.params.at("id") + "\" at this site");
            return api::alert_in_detail(*alert, site.alerts.events(alert->id), site.key.site,
                                        core.now());
          });
  on_core("GET", "/api/v1/alerts", Right::kLook, 0,
          [](Server&, Core& core, const Scope& scope, const Request& request) {
            const auto limit = api::count(request, "limit", 200, 1000);
            if (!limit.ok()) return problem(limit.error());
            return api::reply(200, alerts_json(core, core.sites(scope),
                                               parameter(request, "state") != "all", *limit));
          });
  on_core("POST", "/api/v1/sites/{site}/alerts/{id}/events", Right::kHandleAlerts, 4096,
          [](Server&, Core& core, const Scope& scope, const Request& request) {
            return answer(alert_event(core, scope, request));
          });
  on_core("POST", "/api/v1/sites/{site}/clone-resolved", Right::kOperate, 4096,
          [](Server&, Core& core, const Scope& scope, const Request& request) -> Response {
            const auto done = core.clone_resolved(scope, request.params.at("site"));
            return done.ok() ? api::reply(200, Json::object()) : problem(done.error());
          });
  on_core("POST", "/api/v1/sites/{site}/desired", Right::kOperate, kMaxYaml,
          [](Server&, Core& core, const Scope& scope, const Request& request) {
            return apply(core, scope, request);
          });

  // The core says whose site it is, the reader reads the lake.
  gate.route("GET", "/api/v1/sites/{site}/series", Right::kLook, 0,
             [&server](Request request, const Scope& scope, http::Responder responder) {
               auto shared = std::make_shared<http::Responder>(std::move(responder));
               server.on_core_then(shared, [&server, shared, request = std::move(request),
                                            scope](Core& core) {
                 const auto site = core.site(scope, request.params.at("site"));
                 if (!site.ok()) return shared->reply(problem(site.error()));
                 const auto known = (*site)->datastreams.find(parameter(request, "datastream"));
                 if (known == (*site)->datastreams.end()) {
                   return shared->reply(problem(base::Error(
                       base::Code::kNotFound,
                       "no datastream \"" + parameter(request, "datastream") + "\" at this site")));
                 }
                 server.on_reader(std::move(*shared), [&server, scope, request,
                                                       unit = known->second.rbegin()->second.unit] {
                   return answer(chart(server, scope, request, unit));
                 });
               });
             });
  gate.route("POST", "/api/v1/sql", Right::kQuerySql, kMaxSql,
             [&server](Request request, const Scope& scope, http::Responder responder) {
               server.on_sql(std::move(responder), [&server, request = std::move(request), scope] {
                 return sql(server, scope, request);
               });
             });
  gate.route("GET", "/api/v1/events", Right::kLook, 0,
             [&server](const Request&, const Scope& scope, http::Responder responder) {
               if (!server.live().add(scope.tenant, scope.user, responder.stream()))
                 return;  // dropped: the reader tries again
             });
}

}  // namespace lander::hub
