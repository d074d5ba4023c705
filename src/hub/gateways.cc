// The hub's ends of carriers whose messages come by themselves: a broker, a satellite's operator.

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "carrier/mqtt_gateway.h"
#include "carrier/mqtt_line.h"
#include "carrier/sbd_modem.h"
#include "carrier/short_gateway.h"
#include "hub/server.h"
#include "os/log.h"

namespace lander::hub {
namespace {

// Of all gateways: what came and is not taken yet. Beyond it messages are dropped: sites send what
// is not receipted again, and a satellite's operator is told to.
constexpr std::size_t kMaxArrived = 1000, kMaxArrivedBytes = 64 << 20;

}  // namespace

// From a gateway's thread.
bool Server::arrived(Gateway gateway, std::vector<SiteKey> claimed, base::Bytes sealed) {
  const std::size_t bytes = sealed.size();
  // Both counts go back when the last copy of the task is gone.
  const auto held = std::shared_ptr<void>(nullptr, [this, bytes](void*) {
    --arrived_;
    arrived_bytes_ -= bytes;
  });
  const bool room = ++arrived_ <= kMaxArrived;
  if (arrived_bytes_.fetch_add(bytes) + bytes > kMaxArrivedBytes || !room || stopping_)
    return false;
  return core_worker_->post(
      [this, gateway, held, claimed = std::move(claimed), sealed = std::move(sealed)] {
        if (!stopping_) answer_arrived(gateway, claimed, sealed);
      });
}

// The answer goes back the same way.
void Server::answer_arrived(Gateway gateway, const std::vector<SiteKey>& claimed,
                            base::ByteView sealed) {
  const bool mqtt = gateway == Gateway::kMqtt;
  const std::size_t most = mqtt ? carrier::kMaxMqttBytes : carrier::kMaxMtBytes;
  for (const SiteKey& site : claimed) {
    const auto reply = core_->arrived(site, sealed, most, claimed.size() == 1);
    if (!reply.ok()) continue;  // counted and logged there
    const auto& way = mqtt ? mqtt_ : short_;
    if (!way || reply->empty()) return;
    if (auto sent = way->send({site.tenant, site.site}, *reply); !sent.ok()) {
      os::log_warn("hub", "an answer does not leave",
                   {{"site", site.site}, {"error", sent.error().message()}});
    }
    return;
  }
}

base::Status Server::open_gateways() {
  if (!options_.mqtt.url.empty()) {
    carrier::MqttGatewayOptions mqtt = options_.mqtt;
    // One session for the life of this hub: the broker keeps what came while it was away.
    mqtt.client_id = "lander-hub-" + core_->keys().signing.public_key().id().substr(0, 16);
    LANDER_ASSIGN(
        mqtt_,
        carrier::make_mqtt_gateway(mqtt, [this](const carrier::Address& from, base::Bytes sealed) {
          if (!arrived(Gateway::kMqtt, {{from.tenant, from.site}}, std::move(sealed))) {
            os::log_warn("hub", "a message is not taken: too much waits", {{"site", from.site}});
          }
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
                 auto sites = core.sites_of_address(post.imei);
                 if (sites.empty()) {
                   return api::problem(base::Error(base::Code::kNotFound,
                                                   "no site has a modem of IMEI " + post.imei));
                 }
                 if (!server.arrived(Server::Gateway::kShort, std::move(sites), post.bytes))
                   return api::busy("the hub");
                 return api::reply(200, api::Json{{"taken", true}});
               });
             });
}

}  // namespace lander::hub
