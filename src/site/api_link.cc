// How the link stands: carriers, lanes, and where each item is.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "site/api.h"
#include "site/newest.h"

namespace lander::site {
namespace {

using access::Right;
using api::Json;
using api::problem;
using http::Request;

constexpr std::size_t kTraced = 5;  // of each lane

Json or_none(std::uint64_t bytes) { return bytes == UINT64_MAX ? Json() : Json(bytes); }

Json carrier_json(const Ways::Way& way, const link::Standing& standing, base::TimeUs now,
                  base::DurationUs next_try) {
  const link::Terms& terms = way.config.terms;
  return {{"id", terms.id},
          {"type", way.config.type},
          {"connected", way.up && way.last_contact > 0},
          {"reason", way.reason},
          {"last_contact", api::time(way.last_contact)},
          {"next_try_s", static_cast<double>(next_try) / base::kSecond},
          {"next_contact",
           link::in_contact(terms, now) ? Json() : api::time(link::next_contact(terms, now))},
          {"brief", standing.brief},
          {"price", terms.price},
          {"budget", or_none(terms.bytes_a_day == 0 ? UINT64_MAX : terms.bytes_a_day)},
          {"budget_left", or_none(standing.left)},
          {"bytes_a_second", way.bytes_a_second}};
}

Json lane_json(const Uplink::LaneState& lane) {
  Json gone = Json::array();
  for (const auto& range : lane.gone) {
    gone.push_back({{"first", range.first},
                    {"last", range.last},
                    {"why", link::to_string(static_cast<link::Gone>(range.why))}});
  }
  return {{"lane", link::lane_name(lane.lane)},
          {"waiting", lane.waiting},
          {"bytes", lane.bytes},
          {"last", lane.last},
          {"oldest", api::time(lane.oldest)},
          {"more", lane.unoffered},
          {"drained", lane.drained ? api::time(*lane.drained) : Json()},
          {"gone", gone}};
}

base::Result<Json> link_json(Server& server, Core& core) {
  const auto state = server.link_state();
  const auto tries = server.next_tries();
  const base::TimeUs now = core.context().now();
  Json carriers = Json::array();
  const Ways::Way* best = nullptr;
  base::TimeUs last_contact = 0;
  for (const auto& way : core.ways().all()) {
    const auto next = tries.find(way.config.terms.id);
    carriers.push_back(
        carrier_json(way, core.ways().standing(way), now, next == tries.end() ? 0 : next->second));
    last_contact = std::max(last_contact, way.last_contact);
    const bool works = way.up && way.last_contact > 0 && core.ways().standing(way).contact;
    if (works && (best == nullptr || way.last_contact > best->last_contact)) best = &way;
  }
  Json lanes = Json::array();
  if (core.uplink() != nullptr) {
    LANDER_ASSIGN(const auto all, core.uplink()->lanes());
    for (const auto& lane : all) lanes.push_back(lane_json(lane));
  }
  const Ways::Way* https = core.ways().find(std::string(kHttps));
  std::string reason = state.reason;
  if (!state.enrolled) reason = "not enrolled: lander-site enrol --hub URL --token T";
  if (reason.empty() && best == nullptr && https != nullptr) reason = https->reason;
  const auto utc = server.store().utc_now();
  return Json{{"enrolled", state.enrolled},
              {"hub", state.hub},
              {"connected", best != nullptr},
              {"carrier", best == nullptr ? "" : best->config.terms.id},
              {"last_contact", api::time(last_contact)},
              {"reason", reason},
              {"carriers", carriers},
              {"lanes", lanes},
              {"clock_offset_us", utc.time - server.clock().wall_us()}};
}

Json trace_json(const Uplink::Trace& trace, base::TimeUs now, base::DurationUs monotonic) {
  Json out{{"lane", link::lane_name(trace.head.lane)},
           {"number", trace.head.number},
           {"type", trace.type},
           {"subject", trace.subject},
           {"bytes", trace.head.bytes},
           {"worth", trace.head.worth},
           {"created", api::time(trace.head.created)},
           {"expires", api::time(trace.head.expires)},
           {"in_brief", trace.in_brief}};
  if (trace.flight) {
    out["under_way"] = {
        {"carrier", trace.flight->carrier},
        {"since", api::time(now - (monotonic - trace.flight->at))},
        {"again", api::time(now + trace.flight->patience - (monotonic - trace.flight->at))}};
  }
  Json carriers = Json::object();
  for (const auto& [id, why] : trace.carriers) carriers[id] = link::to_string(why);
  out["carriers"] = carriers;
  return out;
}

// "LANE/NUMBER", or nothing for all.
base::Result<std::optional<std::pair<std::uint8_t, std::uint64_t>>> wanted(const Request& request) {
  const std::string text = api::parameter(request, "item");
  if (text.empty()) return std::optional<std::pair<std::uint8_t, std::uint64_t>>();
  const auto slash = text.find('/');
  for (std::uint8_t lane = 0; lane < link::kLanes && slash != std::string::npos; ++lane) {
    if (text.substr(0, slash) != link::lane_name(lane)) continue;
    const std::string digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 18 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      break;
    return std::optional(std::pair(lane, std::uint64_t{std::stoull(digits)}));
  }
  return base::Error(base::Code::kInvalid,
                     "expected an item like alert/12 (lanes: alert, state, summary, bulk, pickup), "
                     "found \"" +
                         text.substr(0, 64) + "\"");
}

base::Result<Json> trace(Core& core, const Request& request) {
  if (core.uplink() == nullptr) {
    return base::Error(base::Code::kConflict, "this site is not enrolled: nothing leaves it");
  }
  LANDER_ASSIGN(const auto item, wanted(request));
  LANDER_ASSIGN(const auto found, core.uplink()->trace(item, kTraced));
  if (item && found.empty()) {
    return base::Error(base::Code::kNotFound,
                       "no such item waits: it was receipted, is gone, or never was");
  }
  Json out = Json::array();
  const auto& context = core.context();
  for (const auto& one : found) {
    out.push_back(trace_json(one, context.now(), context.clock.monotonic_us()));
  }
  return out;
}

base::Result<Json> audit(Server& server, const std::map<std::string, Uplink::Sent>& sent) {
  Json out = Json::array();
  for (const auto& [id, entry] : newest_datastreams(server.store())) {
    const auto& d = entry.second;
    std::int64_t stored = 0;
    for (const auto revision : server.store().keys(d.id)) {
      LANDER_ASSIGN(
          const auto buckets,
          server.store().downsample(revision, 0, server.store().utc_now().time + base::kDay, 1));
      for (const auto& bucket : buckets) stored += bucket.summary.count + bucket.summary.others;
    }
    const auto at = sent.find(d.id);
    out.push_back({{"datastream", d.id},
                   {"uplink", sensing::to_string(d.policy.uplink)},
                   {"observations_stored", stored},
                   {"raw_sent", at == sent.end() ? 0 : at->second.raw},
                   {"summaries_sent", at == sent.end() ? 0 : at->second.summaries}});
  }
  return out;
}

}  // namespace

void serve_link(Server& server, api::Gate& gate) {
  const auto on_core = [&](const char* pattern, auto work) {
    gate.route("GET", pattern, Right::kLook, 0,
               [&server, work](Request request, const access::Scope&, http::Responder responder) {
                 if (auto ours = is_this_site(server, request); !ours.ok())
                   return responder.reply(problem(ours.error()));
                 server.on_core(std::move(responder),
                                [&server, work, request = std::move(request)](Core& core) {
                                  auto body = work(server, core, request);
                                  return body.ok() ? api::reply(200, *body) : problem(body.error());
                                });
               });
  };
  on_core("/api/v1/sites/{site}/link",
          [](Server& s, Core& core, const Request&) { return link_json(s, core); });
  on_core("/api/v1/sites/{site}/link/trace",
          [](Server&, Core& core, const Request& request) { return trace(core, request); });
  gate.route("GET", "/api/v1/sites/{site}/link/audit", Right::kLook, 0,
             [&server](const Request& request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               server.then_read(std::move(responder), [&server](Core& core) {
                 return [&server, sent = core.sent()]() -> http::Response {
                   auto body = audit(server, sent);
                   return body.ok() ? api::reply(200, *body) : problem(body.error());
                 };
               });
             });
}

}  // namespace lander::site
