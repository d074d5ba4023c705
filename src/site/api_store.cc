// How the store does: for people, for Prometheus, for the hub.
#include <cmath>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "site/api.h"

namespace lander::site {
namespace {

using api::Json;
using api::problem;

constexpr std::size_t kIncidents = 100;  // the newest

// Newest first.
base::Result<Json> incidents(const store::Store& store, std::uint64_t newest) {
  const std::uint64_t after = newest > kIncidents ? newest - kIncidents : 0;
  LANDER_ASSIGN(const auto list, store.incidents(after, 2 * kIncidents));
  Json out = Json::array();
  for (auto at = list.rbegin(); at != list.rend() && out.size() < kIncidents; ++at) {
    out.push_back({{"id", at->id},
                   {"kind", store::to_string(at->kind)},
                   {"time", api::time(at->time)},
                   {"datastream", at->datastream},
                   {"from", api::time(at->from)},
                   {"to", api::time(at->to)},
                   {"observations", at->observations},
                   {"detail", at->detail}});
  }
  return out;
}

Json or_null(const std::optional<double>& value) { return value ? api::number(*value) : Json(); }

base::Result<Json> health(Server& server) {
  const Server::StoreHealth h = server.store_health();
  const store::Stats& s = h.stats;
  LANDER_ASSIGN(Json list, incidents(server.store(), h.last_incident));
  return Json{{"bytes",
               {{"database", s.file_bytes},
                {"unused", s.unused_bytes},
                {"log", h.log_bytes},
                {"objects", s.object_bytes},
                {"disk_free", s.free_bytes}}},
              {"observations", s.observations},
              {"objects", s.objects},
              {"tail", {{"observations", s.tail_observations}, {"bytes", s.tail_bytes}}},
              {"bytes_per_observation", or_null(h.bytes_per_observation())},
              {"bytes_per_day", or_null(h.bytes_a_day)},
              {"days_left", or_null(h.days_left)},
              {"oldest", api::time(s.oldest)},
              {"newest", api::time(s.newest)},
              {"thinned", s.thinned},
              {"damaged", s.damaged},
              {"wiped", s.wiped},
              {"incidents", std::move(list)}};
}

}  // namespace

std::optional<double> Server::StoreHealth::bytes_per_observation() const {
  const std::uint64_t used = stats.file_bytes - std::min(stats.file_bytes, stats.unused_bytes);
  const std::uint64_t compacted =
      stats.observations - std::min(stats.observations, stats.tail_observations);
  if (compacted == 0) return std::nullopt;
  return static_cast<double>(used - std::min(used, stats.tail_bytes)) /
         static_cast<double>(compacted);
}

Server::StoreHealth Server::store_health() const {
  StoreHealth out;
  out.stats = store_->stats();
  const auto log = os::system_files().size(options_.data + "/site.db-wal");
  out.log_bytes = log.ok() ? *log : 0;
  if (const StoreWatch* watch = store_watch_) {
    out.bytes_a_day = watch->bytes_a_day();
    out.days_left = watch->days_left(out.stats);
    out.last_incident = watch->last_incident();
  }
  return out;
}

std::string Server::store_metrics() const {
  std::string out;
  const StoreHealth h = store_health();
  const auto gauge = [&](const char* name, const char* help, double value) {
    out += api::gauge(name, help, value);
  };
  const auto count = [&](const char* name, const char* help, std::uint64_t value) {
    gauge(name, help, static_cast<double>(value));
  };
  const auto seconds = [](base::TimeUs time) { return static_cast<double>(time) / base::kSecond; };
  const store::Stats& s = h.stats;
  count("lander_store_observations", "Observations in the store.", s.observations);
  count("lander_store_bytes", "Size of the database file.", s.file_bytes);
  count("lander_store_unused_bytes", "Free within the database file.", s.unused_bytes);
  count("lander_store_log_bytes", "Size of the write-ahead log.", h.log_bytes);
  count("lander_store_objects", "Objects beside the database.", s.objects);
  count("lander_store_object_bytes", "Size of all objects.", s.object_bytes);
  count("lander_store_tail_observations", "Observations that are not compacted yet.",
        s.tail_observations);
  count("lander_store_tail_bytes", "Bytes of what is not compacted yet.", s.tail_bytes);
  count("lander_store_commits", "Commits since the database was made.", s.commits);
  count("lander_store_duplicates", "Repeated observations that were dropped.", s.duplicates);
  count("lander_store_thinned", "Observations that went for room, as policies say.", s.thinned);
  count("lander_store_damaged", "Observations that are lost by damage.", s.damaged);
  count("lander_store_wiped", "Observations that were carried off, and wiped.", s.wiped);
  if (s.oldest != 0) {
    gauge("lander_store_oldest_seconds", "Unix time of the oldest observation.", seconds(s.oldest));
    gauge("lander_store_newest_seconds", "Unix time of the newest observation.", seconds(s.newest));
  }
  // What is not known is not told.
  const auto known = [&](const char* name, const char* help, const std::optional<double>& value) {
    if (value) gauge(name, help, *value);
  };
  known("lander_store_bytes_per_observation", "Of what is compacted, everything counted.",
        h.bytes_per_observation());
  known("lander_store_bytes_per_day", "By which the store grew in the last day.", h.bytes_a_day);
  known("lander_store_days_left", "Until the disk is full at the last day's rate.", h.days_left);
  return out;
}

void Server::add_store_vitals(std::map<std::string, double>& vitals) const {
  const StoreHealth h = store_health();
  vitals["store_bytes"] =
      static_cast<double>(h.stats.file_bytes + h.stats.object_bytes + h.log_bytes);
  vitals["store_thinned"] = static_cast<double>(h.stats.thinned);
  vitals["store_damaged"] = static_cast<double>(h.stats.damaged);
  vitals["store_oldest_s"] = static_cast<double>(h.stats.oldest) / base::kSecond;
  if (const auto each = h.bytes_per_observation()) vitals["store_bytes_each"] = *each;
  if (h.days_left) vitals["store_days_left"] = *h.days_left;
}

void serve_store(Server& server, api::Gate& gate) {
  gate.route(
      "GET", "/api/v1/sites/{site}/store", access::Right::kLook, 0,
      [&server](const http::Request& request, const access::Scope&, http::Responder responder) {
        if (auto ours = is_this_site(server, request); !ours.ok())
          return responder.reply(problem(ours.error()));
        server.on_reader(std::move(responder), [&server]() -> http::Response {
          auto body = health(server);
          return body.ok() ? api::reply(200, *body) : problem(body.error());
        });
      });
}

}  // namespace lander::site
