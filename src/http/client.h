// HTTPS client: blocking, one connection kept alive per Client, for carriers, webhooks and the CLI.
// One thread at a time, except cancel(). Redirects are never followed: an answer comes from whom it
// was asked of.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::http {

struct ClientOptions {
  std::string url;  // "https://host:port", scheme and authority only; http:// for local webhooks
  // Whom to trust: exactly one way. Pin = PublicKey::id of the server's key (no names, no dates:
  // works with a wrong clock); else the system's authorities and the host's name.
  std::string pinned_key_id;
  std::string certificate_pem, key_pem;                  // client certificate; empty: none
  base::DurationUs connect_timeout = 5 * base::kSecond;  // TCP and TLS; not the name's resolution
  base::DurationUs total_timeout = 30 * base::kSecond;   // connecting included
  std::size_t max_response = 64 << 20;
  std::string user_agent = "lander";  // empty: the header is left out
};

struct ClientResponse {
  int status = 0;
  std::string content_type;
  base::Bytes body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};

// What a response says that is not 2xx: `who` answered it ("the hub"), with the detail of its
// problem (RFC 9457) where it has one, and with code_of() its status.
base::Error refusal(const ClientResponse& response, std::string_view who);

class Client {
 public:
  static base::Result<std::unique_ptr<Client>> make(const ClientOptions& options);
  virtual ~Client() = default;
  // kUnavailable: no connection, or it ended early; kTimeout; kDenied: the server's key is not the
  // pinned one; kExhausted: over max_response; kCorrupt: not HTTP; kInvalid: the request is none.
  // Any HTTP status is a response, not an error. Retries once on a kept connection that the server
  // had closed before it answered: a server may see such a request twice.
  virtual base::Result<ClientResponse> send(
      std::string_view method, std::string_view target, base::ByteView body,
      std::string_view content_type,
      const std::vector<std::pair<std::string, std::string>>& headers = {}) = 0;
  // Reads server-sent events until the visitor returns false or the server ends the stream (both
  // ok). Errors as send()'s, and by a status that is not 200, as refusal(). kTimeout when nothing,
  // not even a comment, came for total_timeout.
  virtual base::Status events(
      std::string_view target, const std::vector<std::pair<std::string, std::string>>& headers,
      const std::function<bool(std::string_view event, std::string_view data)>& visit) = 0;
  // From any thread: what is under way, and everything after, fails with kUnavailable "cancelled".
  virtual void cancel() = 0;
  virtual std::uint64_t bytes_sent() const = 0;  // on the TCP connection, TLS included
  virtual std::uint64_t bytes_received() const = 0;
};

}  // namespace lander::http
