// The parts of the site's API, each registers its routes.
#pragma once

#include "api/gate.h"
#include "site/server.h"

namespace lander::site {

void serve_reads(Server& server, api::Gate& gate);  // datastreams, observations, series, candidates
void serve_alerts(Server& server, api::Gate& gate);
void serve_store(Server& server, api::Gate& gate);
void serve_link(Server& server, api::Gate& gate);
void serve_pickups(Server& server, api::Gate& gate);  // sticks, pickups, the way in, wiping
void serve_changes(Server& server, api::Gate& gate);  // twin, desired, models

// Routes name a site; this one knows only itself. 404 for any other name.
base::Status is_this_site(const Server& server, const http::Request& request);

}  // namespace lander::site
