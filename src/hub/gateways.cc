// The hub's ends of carriers whose messages come by themselves: a broker, a satellite's operator.

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "carrier/mqtt_gateway.h"
#include "carrier/short_gateway.h"
#include "hub/server.h"
#include "os/log.h"

namespace lander::hub {
namespace {

// Of all gateways: what came and is not taken yet. A broker keeps the rest.
constexpr std::size_t kMaxArrived = 1000;

}  // namespace

// From a gateway's thread. The answer goes back the same way.
void Server::arrived(Gateway gateway, const carrier::Address& from, base::Bytes sealed) {
  if (stopping_) return;
  const auto work = [this, gateway, from, sealed = std::move(sealed)] {
    if (stopping_) return;
    auto reply = core_->arrived({from.tenant, from.site}, sealed);
    if (!reply.ok()) return;  // counted and logged there
    const auto& way = gateway == Gateway::kMqtt ? mqtt_ : short_;
    if (!way) return;
    if (auto sent = way->send(from, *reply); !sent.ok()) {
      os::log_warn("hub", "an answer does not leave",
                   {{"site", from.site}, {"error", sent.error().message()}});
    }
  };
  if (!core_worker_->post(work)) {
    os::log_warn("hub", "a message is not taken: too much waits", {{"site", from.site}});
  }
}

base::Status Server::open_gateways() {
  if (!options_.mqtt.url.empty()) {
    carrier::MqttGatewayOptions mqtt = options_.mqtt;
    // One session for the life of this hub: the broker keeps what came while it was away.
    mqtt.client_id = "lander-hub-" + core_->keys().signing.public_key().id().substr(0, 16);
    LANDER_ASSIGN(mqtt_, carrier::make_mqtt_gateway(
                             mqtt, [this](const carrier::Address& from, base::Bytes sealed) {
                               arrived(Gateway::kMqtt, from, std::move(sealed));
                             }));
  }
  if (!options_.short_messages.url.empty()) {
    carrier::ShortGatewayOptions operator_ = options_.short_messages;
    // Called by send(), and so on the core's thread.
    operator_.imei_of = [this](const carrier::Address& to) {
      return core_->address_of({to.tenant, to.site});
    };
    LANDER_ASSIGN(short_, carrier::ShortGateway::make(operator_));
  }
  return {};
}

// Whoever posts here is not known: the envelope proves whose the message is.
void serve_short_messages(Server& server, http::Server& http) {
  http.route("POST", "/link/v1/short-messages", carrier::kMaxShortPostBytes,
             [&server](http::Request request, http::Responder responder) {
               const auto type = request.headers.find("content-type");
               const auto post = carrier::parse_short_post(
                   request.body, type == request.headers.end() ? "" : type->second);
               if (!post.ok()) return responder.reply(api::problem(post.error()));
               server.on_core(std::move(responder), [&server, post = *post](Core& core) {
                 const auto site = core.site_of_address(post.imei);
                 if (!site) {
                   return api::problem(base::Error(base::Code::kNotFound,
                                                   "no site has a modem of IMEI " + post.imei));
                 }
                 server.arrived(Server::Gateway::kShort, {site->tenant, site->site}, post.bytes);
                 return api::reply(200, api::Json{{"taken", true}});
               });
             });
}

}  // namespace lander::hub
