// What a hub has for a site, onto a stick.
#pragma once

#include <string>

#include "carrier/stick.h"
#include "cli/session.h"

namespace lander::cli {

struct WayInLeft {
  std::uint64_t files = 0, bytes = 0;
};
// Replaces what waits there for the site. `last`: a bundle for it that comes after all else; empty:
// none. kConflict: the site is not enrolled.
base::Result<WayInLeft> leave_way_in(Session& session, carrier::Stick& stick,
                                     const std::string& tenant, const std::string& site,
                                     base::Bytes last);

}  // namespace lander::cli
