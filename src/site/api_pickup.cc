// What a technician does at the site: pick up, bring in, wipe.
#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "site/api.h"

namespace lander::site {
namespace {

using access::Right;
using api::Json;
using api::problem;
using base::Code;
using base::Error;
using http::Request;
using http::Response;

Json sticks_json(const Pickups& pickups) {
  Json out = Json::array();
  for (const auto& stick : pickups.sticks()) {
    out.push_back({{"folder", stick.folder},
                   {"marked", stick.marked},
                   {"mounted", stick.mounted},
                   {"free_bytes", stick.free_bytes}});
  }
  return out;
}

Json pickup_json(const Pickups& pickups, const std::vector<std::string>& peers) {
  const Pickups::State s = pickups.state();
  const bool runs = s.state == "running";
  Json eta = nullptr;
  if (runs && s.bytes_a_second > 0) eta = static_cast<double>(s.done.bytes_left) / s.bytes_a_second;
  return {{"state", s.state},
          {"folder", s.folder},
          {"peer", s.peer},
          {"peers", peers},
          {"reason", s.reason},
          {"began", api::time(s.began)},
          {"ended", api::time(s.ended)},
          {"seconds", static_cast<double>(s.running) / base::kSecond},
          {"files", s.done.files},
          {"bytes", s.done.bytes},
          {"items", s.done.items},
          {"kept", s.done.kept},
          {"mended", s.done.mended},
          {"removed", s.done.removed},
          {"items_left", s.done.items_left},
          {"bytes_left", s.done.bytes_left},
          {"bytes_a_second", s.bytes_a_second},
          {"eta_s", eta},
          {"brought", s.brought},
          {"refused", s.refused}};
}

base::Result<carrier::PartAsked> parse_asked(const Request& request) {
  LANDER_ASSIGN(const Json body, api::parse_object(request.body));
  carrier::PartAsked out;
  LANDER_ASSIGN(out.peer, api::text(body, "peer"));
  std::uint64_t lane = carrier::BundleName::kNoLane;
  const auto number = [&](const char* key, std::uint64_t& value) -> base::Status {
    const auto at = body.find(key);
    if (at == body.end()) return {};
    if (!at->is_number_unsigned() || at->get<std::uint64_t>() > INT64_MAX)
      return Error(Code::kInvalid, std::string("\"") + key + "\" must be a number from 0");
    value = at->get<std::uint64_t>();
    return {};
  };
  LANDER_TRY(number("lane", lane));
  LANDER_TRY(number("after", out.after));
  LANDER_TRY(number("before", out.before));
  if (lane >= link::kLanes && lane != carrier::BundleName::kNoLane)
    return Error(Code::kInvalid, "\"lane\" must be 0 to 4, or 9 for none");
  out.lane = static_cast<std::uint8_t>(lane);
  return out;
}

Response part(Server& server, Core& core, const Request& request) {
  const auto asked = parse_asked(request);
  if (!asked.ok()) return problem(asked.error());
  const auto made = core.pickup_part(*asked, server.vitals());
  if (!made.ok()) return problem(made.error());
  Response response;
  response.content_type = "application/cbor";
  response.body = carrier::encode(*made);
  return response;
}

Response bring(Core& core, const Request& request) {
  const std::string peer = api::parameter(request, "peer");
  const auto taken = core.brought(peer.empty() ? std::string(link::kHub) : peer, request.body);
  if (!taken.ok()) return problem(taken.error());
  Response response;
  response.status = 204;
  return response;
}

std::string_view why_of(store::Wiped::Kept::Why why) {
  switch (why) {
    case store::Wiped::Kept::Why::kNoExit:
      return "no-exit";
    case store::Wiped::Kept::Why::kNotOffered:
      return "not-picked-up";
    case store::Wiped::Kept::Why::kNotReceipted:
      return "not-receipted";
    case store::Wiped::Kept::Why::kIncomplete:
      return "incomplete";
    case store::Wiped::Kept::Why::kObjects:
      return "objects";
  }
  return "other";
}

Response wipe(Server& server, base::TimeUs before) {
  const auto wiped = server.store().wipe(before);
  if (!wiped.ok()) return problem(wiped.error());
  const auto lanes = server.store().lanes();
  if (!lanes.ok()) return problem(lanes.error());
  std::uint64_t waiting = 0;
  for (const auto& lane : *lanes) {
    if (lane.lane >= link::kLaneBulk) waiting += lane.waiting;
  }
  Json kept = Json::array();
  for (const auto& one : wiped->kept)
    kept.push_back(
        {{"datastream", one.datastream}, {"from", api::time(one.from)}, {"why", why_of(one.why)}});
  return api::reply(200, {{"observations", wiped->observations},
                          {"bytes", wiped->bytes},
                          {"before", api::time(before)},
                          {"waiting", waiting},
                          {"kept", kept}});
}

base::Result<base::TimeUs> parse_before(const Request& request, base::TimeUs now) {
  LANDER_ASSIGN(const Json body, api::parse_object(request.body));
  LANDER_ASSIGN(const std::string before, api::text_or(body, "before", ""));
  if (before.empty()) return now;
  return base::parse_rfc3339(before);
}

base::Result<Json> card(Core& core) {
  if (core.uplink() == nullptr)
    return Error(Code::kConflict, "this site is not enrolled: it has no keys yet");
  const Identity& identity = core.uplink()->identity();
  return api::card("site", identity.tenant, identity.site,
                   identity.keys.signing.public_key().to_der(),
                   identity.keys.sealing.public_key().to_der());
}

Response answer(const base::Result<Json>& body) {
  return body.ok() ? api::reply(200, *body) : problem(body.error());
}

void serve_jobs(Server& server, api::Gate& gate) {
  gate.route("POST", "/api/v1/sites/{site}/pickup", Right::kPickup, 4096,
             [&server](const Request& request, const access::Scope&, http::Responder responder) {
               const auto start = [&]() -> base::Status {
                 LANDER_TRY(is_this_site(server, request));
                 LANDER_ASSIGN(const Json body, api::parse_object(request.body));
                 LANDER_ASSIGN(const std::string folder, api::text(body, "folder"));
                 LANDER_ASSIGN(const std::string peer, api::text_or(body, "peer", ""));
                 return server.pickups().start(folder, peer);
               };
               const auto started = start();
               responder.reply(started.ok() ? api::reply(202, pickup_json(server.pickups(), {}))
                                            : problem(started.error()));
             });
  gate.route("POST", "/api/v1/sites/{site}/wipe", Right::kPickup, 4096,
             [&server](const Request& request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               const auto before = parse_before(request, server.store().utc_now().time);
               if (!before.ok()) return responder.reply(problem(before.error()));
               auto shared = std::make_shared<http::Responder>(std::move(responder));
               if (!server.pickups().post([&server, shared, before = *before] {
                     shared->reply(wipe(server, before));
                   }))
                 shared->reply(api::busy("the site"));
             });
}

}  // namespace

void serve_pickups(Server& server, api::Gate& gate) {
  const auto on_core = [&](const char* method, const char* pattern, Right right, std::size_t body,
                           auto work) {
    gate.route(method, pattern, right, body,
               [&server, work](Request request, const access::Scope&, http::Responder responder) {
                 if (auto ours = is_this_site(server, request); !ours.ok())
                   return responder.reply(problem(ours.error()));
                 server.on_core(std::move(responder),
                                [&server, work, request = std::move(request)](Core& core) {
                                  return work(server, core, request);
                                });
               });
  };
  on_core(
      "GET", "/api/v1/sites/{site}/sticks", Right::kLook, 0,
      [](Server& s, Core&, const Request&) { return api::reply(200, sticks_json(s.pickups())); });
  on_core("GET", "/api/v1/sites/{site}/pickup", Right::kLook, 0,
          [](Server& s, Core& core, const Request&) {
            return api::reply(200, pickup_json(s.pickups(), core.peers()));
          });
  on_core("POST", "/api/v1/sites/{site}/pickup/bundles", Right::kPickup, 4096,
          [](Server& s, Core& core, const Request& request) { return part(s, core, request); });
  on_core("POST", "/api/v1/sites/{site}/way-in", Right::kPickup, link::kMaxBundleBytes,
          [](Server&, Core& core, const Request& request) { return bring(core, request); });
  on_core("GET", "/api/v1/sites/{site}/card", Right::kLook, 0,
          [](Server&, Core& core, const Request&) { return answer(card(core)); });
  serve_jobs(server, gate);
}

}  // namespace lander::site
