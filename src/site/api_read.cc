#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "site/api.h"
#include "site/newest.h"
#include "source/raw.h"

namespace lander::site {
namespace {

using api::Json;
using api::parameter;
using api::problem;

constexpr std::size_t kMaxSamples = 100'000;
constexpr std::size_t kMaxPoints = 5'000;

Json with_latest(const store::Store& store, sensing::SeriesKey key,
                 const sensing::Datastream& datastream) {
  Json out = api::datastream(datastream);
  const auto latest = store.latest(key);
  if (latest.ok() && *latest) {
    const auto& o = (*latest)->observation;
    out["latest"] = {{"time", api::time(o.time)},
                     {"value", api::brief(o)},
                     {"quality", sensing::to_string(o.quality)}};
  }
  return out;
}

http::Response datastreams(const store::Store& store) {
  Json list = Json::array();
  for (const auto& [id, entry] : newest_datastreams(store))
    list.push_back(with_latest(store, entry.first, entry.second));
  return api::reply(200, list);
}

bool asked_for(const http::Request& request, const sensing::Datastream& d) {
  const std::string id = parameter(request, "datastream"),
                    property = parameter(request, "property"), asset = parameter(request, "asset");
  if (!id.empty() && d.id != id) return false;
  // "vibration" also finds "vibration-velocity": people ask by meaning, not by spelling.
  if (!property.empty() && d.property != property && !d.property.starts_with(property + "-"))
    return false;
  return asset.empty() || d.asset == asset || d.asset.ends_with("/" + asset) ||
         d.asset.starts_with(asset + "/");
}

std::size_t numbers_in(const sensing::Value& value) {
  const auto* waveform = std::get_if<std::shared_ptr<const sensing::Waveform>>(&value);
  return waveform ? (*waveform)->samples.size() : 1;
}

base::Result<Json> observations(const store::Store& store, const http::Request& request,
                                base::TimeUs now) {
  LANDER_ASSIGN(const api::Range range, api::range(request, now, 10 * base::kMinute));
  LANDER_ASSIGN(const std::size_t limit, api::count(request, "limit", 1000, kMaxSamples));
  std::map<std::string, Json> series;  // all revisions of a datastream answer together
  // Of all datastreams together, a waveform's own samples counted too; `limit` is each one's.
  std::size_t left = kMaxSamples;
  bool truncated = false;
  for (const auto& [key, datastream] : store.datastreams()) {
    if (!asked_for(request, datastream)) continue;
    Json& entry = series[datastream.id];
    entry["datastream"] = api::datastream(datastream);
    Json& samples = entry["samples"];
    if (!samples.is_array()) samples = Json::array();
    const auto take = [&](const store::Sample& sample) {
      if (left == 0 || samples.size() == limit) {
        truncated = true;
        return false;
      }
      const auto& o = sample.observation;
      left -= std::min(left, numbers_in(o.value));
      Json row = {{"time", api::time(o.time)},
                  {"value", api::value(o)},
                  {"quality", sensing::to_string(o.quality)}};
      if (sample.time_error != INT64_MAX) row["error_us"] = sample.time_error;
      samples.push_back(std::move(row));
      return true;
    };
    LANDER_ASSIGN(const auto gaps, store.read(key, range.from, range.to, limit + 1, take));
    for (const store::Gap& gap : gaps) {
      entry["gaps"].push_back({{"why", store::to_string(gap.why)},
                               {"from", api::time(gap.from)},
                               {"to", api::time(gap.to)},
                               {"observations", gap.observations}});
    }
  }
  if (series.empty()) {
    return base::Error(base::Code::kNotFound,
                       "no datastream matches: `lander datastreams` lists them");
  }
  Json out = {{"series", Json::array()}, {"truncated", truncated}};
  for (auto& [id, entry] : series) out["series"].push_back(std::move(entry));
  return out;
}

base::Result<Json> chart(const store::Store& store, const http::Request& request,
                         base::TimeUs now) {
  LANDER_ASSIGN(const api::Range range, api::range(request, now, 10 * base::kMinute));
  LANDER_ASSIGN(const std::size_t points, api::count(request, "points", 600, kMaxPoints));
  const std::string id = parameter(request, "datastream");
  const auto keys = store.keys(id);
  if (keys.empty())
    return base::Error(base::Code::kNotFound, "no datastream \"" + id + "\" at this site");
  std::map<base::TimeUs, sensing::Summary> merged;
  for (const auto key : keys) {
    LANDER_ASSIGN(const auto buckets, store.downsample(key, range.from, range.to, points));
    for (const auto& bucket : buckets) merged[bucket.from].add(bucket.summary);
  }
  const auto datastream = store.datastream(keys.back());
  return Json{{"datastream", id},
              {"unit", datastream ? datastream->unit : ""},
              {"from", api::time(range.from)},
              {"to", api::time(range.to)},
              {"points", api::points({merged.begin(), merged.end()})}};
}

// Nothing that a sensor sent may run in a browser: only what is an image is shown, as the image
// that its own first bytes say it is.
base::Result<http::Response> object(const store::Store& store, const http::Request& request) {
  const std::string& name = request.params.at("sha256");
  const auto digest = base::from_hex(name);
  std::array<std::uint8_t, 32> sha256{};
  if (!digest.ok() || digest->size() != sha256.size())
    return base::Error(base::Code::kInvalid, "an object's name is its SHA-256: 64 hex digits");
  std::copy(digest->begin(), digest->end(), sha256.begin());
  LANDER_ASSIGN(base::Bytes content, store.object(sha256));
  http::Response response;
  response.content_type = source::media_type_of(content);
  const bool image = response.content_type.starts_with("image/");
  response.headers = {{"Content-Disposition", image ? "inline" : "attachment"},
                      {"Content-Security-Policy", "default-src 'none'; sandbox"},
                      {"Cache-Control", "private, max-age=31536000, immutable"}};
  response.body = std::move(content);
  return response;
}

Json candidates(const Drivers& drivers, const store::Store& store) {
  std::map<std::string, std::string> declared;  // source + address -> datastream
  for (const auto& [id, entry] : newest_datastreams(store)) {
    const auto& binding = entry.second.binding;
    declared[binding.source + "\n" + binding.address] = id;
  }
  Json list = Json::array();
  for (const auto& c : drivers.candidates()) {
    const auto at = declared.find(c.source + "\n" + c.address);
    list.push_back({{"source", c.source},
                    {"address", c.address},
                    {"example", c.example},
                    {"rate_hz", api::number(c.rate_hz)},
                    {"kind", sensing::to_string(c.kind)},
                    {"suggested_property", c.suggested_property},
                    {"suggested_unit", c.suggested_unit},
                    {"declared", at != declared.end() || c.declared},
                    {"datastream", at == declared.end() ? "" : at->second}});
  }
  return list;
}

}  // namespace

base::Status is_this_site(const Server& server, const http::Request& request) {
  const auto at = request.params.find("site");
  if (at != request.params.end() && at->second != server.name()) {
    return base::Error(base::Code::kNotFound,
                       "no site \"" + at->second + "\" here: this is \"" + server.name() + "\"");
  }
  return {};
}

void serve_reads(Server& server, api::Gate& gate) {
  auto read = [&](const char* pattern, auto make) {
    gate.route(
        "GET", pattern, access::Right::kLook, 0,
        [&server, make](http::Request request, const access::Scope&, http::Responder responder) {
          if (auto ours = is_this_site(server, request); !ours.ok())
            return responder.reply(problem(ours.error()));
          server.on_reader(std::move(responder),
                           [&server, make, request = std::move(request)]() -> http::Response {
                             base::Result<Json> body = make(server, request);
                             return body.ok() ? api::reply(200, *body) : problem(body.error());
                           });
        });
  };
  gate.route(
      "GET", "/api/v1/sites/{site}/datastreams", access::Right::kLook, 0,
      [&server](const http::Request& request, const access::Scope&, http::Responder responder) {
        if (auto ours = is_this_site(server, request); !ours.ok())
          return responder.reply(problem(ours.error()));
        server.on_reader(std::move(responder), [&server] { return datastreams(server.store()); });
      });
  read("/api/v1/sites/{site}/observations", [](Server& s, const http::Request& request) {
    return observations(s.store(), request, s.store().utc_now().time);
  });
  read("/api/v1/sites/{site}/series", [](Server& s, const http::Request& request) {
    return chart(s.store(), request, s.store().utc_now().time);
  });
  read("/api/v1/sites/{site}/candidates",
       [](Server& s, const http::Request&) -> base::Result<Json> {
         return candidates(s.drivers(), s.store());
       });
  gate.route("GET", "/api/v1/sites/{site}/objects/{sha256}", access::Right::kLook, 0,
             [&server](http::Request request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               server.on_reader(std::move(responder), [&server, request = std::move(request)] {
                 auto response = object(server.store(), request);
                 return response.ok() ? std::move(*response) : problem(response.error());
               });
             });
  gate.route(
      "GET", "/api/v1/events", access::Right::kLook, 0,
      [&server](const http::Request&, const access::Scope& scope, http::Responder responder) {
        if (!server.live().add("", scope.user, responder.stream()))
          return;  // dropped: the reader tries again
      });
}

}  // namespace lander::site
