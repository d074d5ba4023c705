#include "http/first_use.h"

#include <poll.h>

#include "http/socket.h"
#include "http/tls.h"
#include "http/url.h"
#include "os/clock.h"

namespace lander::http {

base::Result<std::string> key_id_on_first_use(const std::string& url, base::DurationUs timeout) {
  LANDER_ASSIGN(const Url parsed, parse_url(url));
  if (!parsed.tls) {
    return base::Error(base::Code::kInvalid,
                       "URL \"" + url + "\": a key is proven over https:// only");
  }
  const base::DurationUs deadline = os::system_clock().monotonic_us() + timeout;
  LANDER_ASSIGN(const auto tls, Tls::stranger());
  LANDER_ASSIGN(const os::Descriptor socket, connect_to(parsed.host, parsed.port, deadline, -1));
  const auto stream = tls->connect(socket.get(), parsed.host);
  while (true) {
    const Io io = stream->handshake();
    if (io == Io::kDone) break;
    if (io == Io::kEnd || io == Io::kFailed) return stream->failure().context("TLS handshake");
    LANDER_TRY(wait_for(socket.get(), io == Io::kWantWrite ? POLLOUT : POLLIN, deadline, -1));
  }
  const std::string id = stream->peer().key_id;
  stream->shutdown();
  if (id.empty()) return base::Error(base::Code::kUnavailable, "the server showed no key");
  return id;
}

}  // namespace lander::http
