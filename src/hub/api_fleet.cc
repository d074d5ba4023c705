// Packages, rollouts and trust for people; enrolment and bundles for sites.

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "base/cbor.h"
#include "carrier/https.h"
#include "hub/server.h"
#include "os/clock.h"

namespace lander::hub {
namespace {

using access::Right;
using access::Scope;
using api::Json;
using api::problem;
using http::Request;
using http::Response;

constexpr std::size_t kMaxTrust = 1 << 20;
constexpr std::size_t kMaxEnrol = 64 << 10;
constexpr std::size_t kMaxPhases = 100;

base::Result<std::vector<std::string>> names(const Json& list, const char* what) {
  std::vector<std::string> out;
  if (!list.is_array())
    return base::Error(base::Code::kInvalid, std::string(what) + " must be a list of site names");
  for (const auto& entry : list) {
    if (!entry.is_string())
      return base::Error(base::Code::kInvalid, std::string(what) + " must be a list of site names");
    out.push_back(entry.get<std::string>());
  }
  return out;
}

base::Result<std::vector<std::vector<std::string>>> phases(const Json& body) {
  std::vector<std::vector<std::string>> out;
  if (const auto at = body.find("phases"); at != body.end()) {
    if (!at->is_array() || at->size() > kMaxPhases)
      return base::Error(base::Code::kInvalid,
                         "\"phases\" must be a list of at most 100 lists of site names");
    for (const auto& phase : *at) {
      LANDER_ASSIGN(auto sites, names(phase, "a phase"));
      out.push_back(std::move(sites));
    }
  } else if (const auto sites = body.find("sites"); sites != body.end()) {
    LANDER_ASSIGN(auto all, names(*sites, "\"sites\""));
    out.push_back(std::move(all));
  } else {
    return base::Error(base::Code::kInvalid, "the body needs \"phases\" or \"sites\"");
  }
  return out;
}

base::Result<Json> start_rollout(Core& core, const Scope& scope, const Request& request) {
  LANDER_ASSIGN(const Json body, api::parse_object(request.body));
  LANDER_ASSIGN(const std::string app, api::text(body, "app"));
  LANDER_ASSIGN(const std::string version, api::text(body, "version"));
  LANDER_ASSIGN(auto wanted, phases(body));
  const auto failed = body.value("max_failed", Json(0u));
  if (!failed.is_number_unsigned() || failed.get<std::uint64_t>() > 1'000'000)
    return base::Error(base::Code::kInvalid, "\"max_failed\" must be a number of sites");
  LANDER_ASSIGN(const auto* rollout, core.start_rollout(scope, app, version, std::move(wanted),
                                                        failed.get<std::uint32_t>()));
  return api::rollout(*rollout);
}

Json packages(const Tenant& tenant) {
  Json list = Json::array();
  for (const auto& [digest, package] : tenant.packages)
    list.push_back(api::package(package.package, package.size, package.imported));
  return list;
}

Json rollouts(const Tenant& tenant) {
  Json list = Json::array();
  for (auto at = tenant.rollouts.rbegin(); at != tenant.rollouts.rend(); ++at)
    list.push_back(api::rollout(at->second));
  return list;
}

Json recipients_json(const trust::Document& document) {
  Json out = Json::array();
  for (const auto& recipient : document.recipients) {
    const auto key = crypto::PublicKey::from_der(recipient.signing_der);
    out.push_back({{"name", recipient.name}, {"key_id", key.ok() ? key->id() : ""}});
  }
  return out;
}

base::Result<Json> trust_json(const Tenant& tenant) {
  Json signers = Json::array();
  for (const auto& signer : tenant.trust.signers) {
    LANDER_ASSIGN(const auto key, crypto::PublicKey::from_der(signer.key_der));
    signers.push_back(
        {{"vendor", signer.vendor}, {"key_id", key.id()}, {"packages", signer.packages}});
  }
  return Json{{"root_key_id", tenant.root ? Json(tenant.root->id()) : Json(nullptr)},
              {"version", tenant.trust.version},
              {"signers", signers},
              {"recipients", recipients_json(tenant.trust)},
              {"revoked_packages", tenant.trust.revoked_packages},
              {"document", base::to_base64(tenant.trust_document)}};
}

base::Status put_trust(Core& core, const Scope& scope, const Request& request) {
  base::CborReader in(request.body);
  LANDER_ASSIGN(const std::uint64_t fields, in.array());
  if (fields != 2)
    return base::Error(
        base::Code::kInvalid,
        "the body must be CBOR [root key, signed document]: `lander trust` makes it");
  LANDER_ASSIGN(const auto root, in.bytes());
  LANDER_ASSIGN(const auto document, in.bytes());
  LANDER_TRY(in.end());
  return core.set_trust(scope, root, document);
}

}  // namespace

void serve_fleet(Server& server, api::Gate& gate) {
  auto on_core = [&](const char* method, const char* pattern, Right right, std::size_t max_body,
                     int status, auto work) {
    gate.route(method, pattern, right, max_body,
               [&server, work, status](Request request, Scope scope, http::Responder responder) {
                 server.on_core(
                     std::move(responder),
                     [work, status, request = std::move(request), scope](Core& core) -> Response {
                       base::Result<Json> body = work(core, scope, request);
                       return body.ok() ? api::reply(status, *body) : problem(body.error());
                     });
               });
  };
  using Body = base::Result<Json>;
  on_core("GET", "/api/v1/packages", Right::kLook, 0, 200,
          [](Core& core, const Scope& scope, const Request&) -> Body {
            LANDER_ASSIGN(const auto* tenant, core.tenant(scope));
            return packages(*tenant);
          });
  on_core("POST", "/api/v1/packages", Right::kManagePackages, package::kMaxPackageBytes, 201,
          [](Core& core, const Scope& scope, const Request& request) -> Body {
            LANDER_ASSIGN(const auto* package, core.import_package(scope, request.body));
            return api::package(package->package, package->size, package->imported);
          });
  on_core("GET", "/api/v1/rollouts", Right::kLook, 0, 200,
          [](Core& core, const Scope& scope, const Request&) -> Body {
            LANDER_ASSIGN(const auto* tenant, core.tenant(scope));
            return rollouts(*tenant);
          });
  on_core("GET", "/api/v1/rollouts/{id}", Right::kLook, 0, 200,
          [](Core& core, const Scope& scope, const Request& request) -> Body {
            LANDER_ASSIGN(const auto* tenant, core.tenant(scope));
            const auto at = tenant->rollouts.find(request.params.at("id"));
            if (at == tenant->rollouts.end())
              return base::Error(base::Code::kNotFound,
                                 "no rollout \"" + request.params.at("id") + "\"");
            return api::rollout(at->second);
          });
  on_core("POST", "/api/v1/rollouts", Right::kOperate, 1 << 20, 201, start_rollout);
  on_core("POST", "/api/v1/rollouts/{id}/cancel", Right::kOperate, 4096, 200,
          [](Core& core, const Scope& scope, const Request& request) -> Body {
            LANDER_ASSIGN(const auto* rollout, core.cancel_rollout(scope, request.params.at("id")));
            return api::rollout(*rollout);
          });
  on_core("GET", "/api/v1/trust", Right::kLook, 0, 200,
          [](Core& core, const Scope& scope, const Request&) -> Body {
            LANDER_ASSIGN(const auto* tenant, core.tenant(scope));
            return trust_json(*tenant);
          });
  on_core("PUT", "/api/v1/trust", Right::kManagePackages, kMaxTrust, 200,
          [](Core& core, const Scope& scope, const Request& request) -> Body {
            LANDER_TRY(put_trust(core, scope, request));
            LANDER_ASSIGN(const auto* tenant, core.tenant(scope));
            return trust_json(*tenant);
          });
}

namespace {

using Bundles = base::Result<std::vector<base::Bytes>>;

Response bare(int status, base::Bytes body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  response.bare = true;
  return response;
}

Response exchange_all(Core& core, const std::string& key_id, const Bundles& bundles) {
  if (!bundles.ok()) return problem(bundles.error());
  std::vector<base::Bytes> replies;
  for (const auto& sealed : *bundles) {
    auto reply = core.exchange(key_id, sealed);
    if (!reply.ok()) return problem(reply.error());
    replies.push_back(std::move(*reply));
  }
  return bare(200, carrier::encode_list(replies));
}

Response take_piece(Core& core, carrier::Uploads& uploads, const Request& request) {
  const auto piece = carrier::decode_piece(request.body);
  if (!piece.ok()) return problem(piece.error());
  auto answer = uploads.step(request.client_key_id, *piece, os::system_clock().monotonic_us());
  if (!answer.ok()) return problem(answer.error());
  if (!answer->message) return bare(202, carrier::encode_want(answer->want));
  return exchange_all(core, request.client_key_id, Bundles({std::move(*answer->message)}));
}

void serve_bundles(Server& server, http::Server& http) {
  const auto on_core = [&server, &http](const char* path, std::size_t max_body,
                                        std::function<Response(Core&, const Request&)> work) {
    http.route("POST", path, max_body,
               [&server, work = std::move(work)](Request request, http::Responder responder) {
                 if (request.client_key_id.empty()) {
                   return responder.reply(
                       problem(base::Error(base::Code::kUnauthenticated,
                                           "a site shows its certificate here: enrol it first")));
                 }
                 const std::size_t bytes = request.body.size();
                 server.on_core(
                     std::move(responder),
                     [work, request = std::move(request)](Core& core) {
                       if (core.knows(request.client_key_id)) return work(core, request);
                       return problem(base::Error(
                           base::Code::kDenied,
                           "this key is not one of an enrolled site: enrol with a token "
                           "(`lander site add`)"));
                     },
                     bytes);
               });
  };
  on_core(carrier::kBundlesPath, carrier::kMaxListBytes, [](Core& core, const Request& request) {
    return exchange_all(core, request.client_key_id, carrier::decode_list(request.body));
  });
  on_core(carrier::kPiecesPath, carrier::kMaxPieceBodyBytes,
          [uploads = std::make_shared<carrier::Uploads>()](Core& core, const Request& request) {
            return take_piece(core, *uploads, request);
          });
}

}  // namespace

void serve_sites(Server& server, http::Server& http) {
  http.route("POST", "/link/v1/enrol", kMaxEnrol,
             [&server](Request request, http::Responder responder) {
               const std::size_t bytes = request.body.size();
               server.on_core(
                   std::move(responder),
                   [request = std::move(request)](Core& core) -> Response {
                     auto run = [&]() -> base::Result<trust::EnrolReply> {
                       LANDER_ASSIGN(const auto enrol, trust::decode_enrol_request(request.body));
                       return core.enrol(enrol);
                     };
                     const auto reply = run();
                     if (!reply.ok()) return problem(reply.error());
                     Response response;
                     response.content_type = "application/cbor";
                     response.body = trust::encode(*reply);
                     return response;
                   },
                   bytes);
             });
  serve_bundles(server, http);
}

}  // namespace lander::hub
