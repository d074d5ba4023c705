#include "carrier/carrier.h"
#include "http/client.h"
#include "link/link.h"
#include "os/clock.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

class Https : public Carrier {
 public:
  Https(std::unique_ptr<http::Client> client, const HttpsOptions& options)
      : client_(std::move(client)),
        headers_({{kTenantHeader, options.tenant}, {kSiteHeader, options.site}}) {}

  std::string_view name() const override { return "https"; }
  std::size_t max_message() const override { return link::kMaxBundleBytes; }

  base::Result<Contact> exchange(base::ByteView sealed) override {
    if (sealed.empty() || sealed.size() > max_message()) {
      return Error(Code::kInvalid, "a bundle of " + std::to_string(sealed.size()) +
                                       " bytes: expected 1 to " + std::to_string(max_message()));
    }
    const base::Bytes body = encode_list({{sealed.begin(), sealed.end()}});
    const auto began = os::system_clock().monotonic_us();
    LANDER_ASSIGN(const auto response,
                  client_->send("POST", kBundlesPath, body, kBundlesType, headers_));
    if (response.status != 200) return http::refusal(response, "the hub");
    Contact contact;
    contact.round_trip = os::system_clock().monotonic_us() - began;
    LANDER_ASSIGN(contact.received, decode_list(response.body));
    return contact;
  }

  void cancel() override { client_->cancel(); }

 private:
  std::unique_ptr<http::Client> client_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace

base::Result<std::unique_ptr<Carrier>> make_https(const HttpsOptions& options) {
  if (options.hub_key_id.empty()) {
    return Error(Code::kInvalid,
                 "HTTPS carrier: the hub's key id is missing: enrol the site first");
  }
  http::ClientOptions client;
  client.url = options.url;
  client.pinned_key_id = options.hub_key_id;
  client.certificate_pem = options.certificate_pem;
  client.key_pem = options.key_pem;
  client.max_response = kMaxListBytes;
  auto made = http::Client::make(client);
  if (!made.ok()) return made.error().context("HTTPS carrier");
  return std::unique_ptr<Carrier>(std::make_unique<Https>(std::move(*made), options));
}

}  // namespace lander::carrier
