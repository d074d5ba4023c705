// The JSON shapes of docs/api/README.md, the same from site and hub.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "alert/alert.h"
#include "fleet/fleet.h"
#include "http/server.h"
#include "learn/learn.h"
#include "model/history.h"
#include "model/model.h"
#include "package/package.h"
#include "sensing/block.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"
#include "twin/twin.h"

namespace lander::api {

using Json = nlohmann::json;

// JSON has no NaN and no infinity: those are null here, the quality says why.
Json number(double value);
// A waveform {"rate_hz","samples"}, an object {"sha256","bytes","media_type"}, an interval
// {"end","duration_s","label"}.
Json value(const sensing::Observation& observation);
// The same where many are told at once: of a waveform
// {"rate_hz","count","least","most","rms","preview"}, the last at most 96 pairs of least and most,
// equally spaced.
Json brief(const sensing::Observation& observation);
Json time(base::TimeUs time);  // null for 0

Json datastream(const sensing::Datastream& datastream);
Json alert(const alert::Alert& alert, std::string_view site, base::TimeUs now);
Json alert_in_detail(const alert::Alert& alert, const std::vector<alert::Event>& events,
                     std::string_view site, base::TimeUs now);
Json component(const twin::Component& component);
Json twin(const twin::Desired& desired, const twin::Reported& reported);
Json model(const model::Model& model, std::string_view digest);
Json history(const model::History& history);  // newest first
Json readiness(const learn::Readiness& readiness);
Json package(const package::Package& package, std::uint64_t size, base::TimeUs imported);
Json rollout(const fleet::Rollout& rollout);
// Public keys, to hand on: docs/formats/trust.md.
Json card(std::string_view kind, std::string_view tenant, std::string_view name,
          const base::Bytes& signing_der, const base::Bytes& sealing_der);
// [[t_ms, min, mean, max, count, others], ..]
Json points(const std::vector<std::pair<base::TimeUs, sensing::Summary>>& buckets);

// Bytes from outside that are not UTF-8 are replaced: nothing that is sent may throw.
std::string dump(const Json& body);
http::Response reply(int status, const Json& body);
http::Response problem(const base::Error& error);
// 503: a bounded queue of `whose` is full.
http::Response busy(std::string_view whose);
// One gauge as Prometheus text.
std::string gauge(std::string_view name, std::string_view help, double value);
// A refused file: 422 with the whole text, and line by line for the console's editor.
http::Response mistakes(const base::Error& error);

// The body of a request as a JSON object, within bounds; kInvalid names the place.
base::Result<Json> parse_object(base::ByteView body);
// A member that must be there / may be there; kInvalid says what was expected.
base::Result<std::string> text(const Json& object, const char* key);
base::Result<std::string> text_or(const Json& object, const char* key, std::string fallback);

std::string parameter(const http::Request& request, const char* name);  // empty: not given
struct Range {
  base::TimeUs from = 0, to = 0;
};
// ?from=&to= or ?last=10m; kInvalid names the parameter.
base::Result<Range> range(const http::Request& request, base::TimeUs now,
                          base::DurationUs default_last);
base::Result<std::size_t> count(const http::Request& request, const char* name,
                                std::size_t fallback, std::size_t most);
// The body of POST .../alerts/{id}/events, checked: what the person wants done.
base::Result<alert::Event> parse_alert_event(base::ByteView body, std::string_view alert_id,
                                             std::string_view actor, std::string event_id,
                                             base::TimeUs now);

}  // namespace lander::api
