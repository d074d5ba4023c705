// The key of a server that nobody vouched for yet: shown to a person, who compares and pins it.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace lander::http {

// PublicKey::id of the key that the server at `url` (https://host:port) proves to hold. A TLS
// handshake and no more: nothing is sent. kInvalid, kUnavailable, kTimeout.
base::Result<std::string> key_id_on_first_use(const std::string& url, base::DurationUs timeout);

}  // namespace lander::http
