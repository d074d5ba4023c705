#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "os/proc.h"
#include "site/api.h"
#include "site/newest.h"

namespace lander::site {
namespace {

using api::Json;
using api::problem;

constexpr std::size_t kMaxYaml = 1 << 20;

Json site(Server& server, Core& core) {
  const auto now = core.context().now();
  const auto alerts = core.alarms().book().alerts(true, now, SIZE_MAX);
  std::size_t unacknowledged = 0;
  int worst = -1;
  for (const auto& a : alerts) {
    if (a.acknowledged == 0) ++unacknowledged;
    if (a.active) worst = std::max(worst, static_cast<int>(a.info.severity));
  }
  const Json twin = api::twin(core.desired(), core.reported());
  return {{"site", core.context().site},
          {"presence", "on-time"},
          {"last_contact", api::time(now)},
          {"version", LANDER_VERSION},
          {"open_alerts", alerts.size()},
          {"unacknowledged", unacknowledged},
          {"worst",
           worst < 0 ? Json(nullptr) : Json(alert::to_string(static_cast<alert::Severity>(worst)))},
          {"vitals", server.vitals()},
          {"desired_revision", core.desired().revision},
          {"reported_revision", core.desired().revision},
          {"in_sync", twin["in_sync"]}};
}

Json pointers(Core& core, const Pointers& p) {
  auto one = [&](const std::string& digest) -> Json {
    const auto model = core.models().model(digest);
    return model ? api::model(*model, digest) : Json(nullptr);
  };
  return {{"asset", p.asset},
          {"active", one(p.active)},
          {"shadow", one(p.shadow)},
          {"previous", one(p.previous)}};
}

Json models(Core& core) {
  Json out = Json::array();
  const auto health = core.context().shell.pipeline_health();
  for (const auto& p : core.models().all()) {
    Json entry = pointers(core, p);
    for (const char* role : {"watch", "shadow"}) {
      const auto at = health.find(std::string(role) + "/" + p.asset);
      if (at == health.end() || !at->second.score.valid) continue;
      entry[std::string(role) + "_score"] = {{"time", api::time(at->second.score.time)},
                                             {"score", api::number(at->second.score.score)}};
    }
    const LoopState loop = core.models().loop(p.asset);
    const auto [drift, why] = core.models().drift(p.asset);
    const Labels labels = labels_of(core.alarms().book(), p.asset, core.context().now());
    entry["loop"] = {
        {"phase", to_string(loop.phase)},
        {"since", api::time(loop.since)},
        {"autonomy", twin::to_string(core.desired().autonomy)},
        {"drift", api::number(drift)},
        {"drift_reason", why},
        {"verdicts", labels.verdicts},
        {"new_verdicts", labels.verdicts - std::min<std::uint64_t>(labels.verdicts, loop.labels)}};
    entry["history"] = api::history(core.models().history(p.asset));
    out.push_back(std::move(entry));
  }
  return out;
}

// Frames shorter than this say the same thing twice; longer ones average a fault away.
constexpr base::DurationUs kLeastFrame = 100 * base::kMillisecond, kMostFrame = base::kMinute;

base::Result<base::DurationUs> frame_interval(const std::string& text) {
  if (text.empty()) return base::kSecond;
  auto interval = base::parse_duration(text);
  if (!interval.ok()) return interval.error().context("interval");
  if (*interval < kLeastFrame || *interval > kMostFrame) {
    return base::Error(base::Code::kInvalid, "\"interval\" must lie between 100ms and 1m");
  }
  return interval;
}

struct Wanted {
  FramesWanted frames;
  std::string method;
};

base::Result<Wanted> parse_training(const http::Request& request, base::TimeUs now) {
  LANDER_ASSIGN(const Json body, api::parse_object(request.body));
  Wanted out;
  LANDER_ASSIGN(out.frames.asset, api::text(body, "asset"));
  LANDER_ASSIGN(out.method, api::text_or(body, "method", "mewma"));
  LANDER_ASSIGN(const std::string interval, api::text_or(body, "interval", ""));
  LANDER_ASSIGN(out.frames.interval, frame_interval(interval));
  LANDER_ASSIGN(const std::string last, api::text_or(body, "last", ""));
  LANDER_ASSIGN(const std::string from, api::text_or(body, "from", ""));
  LANDER_ASSIGN(const std::string to, api::text_or(body, "to", ""));
  Span& span = out.frames.span;
  span = {now - kTrainingSpan, now};
  if (!last.empty()) {
    LANDER_ASSIGN(const base::DurationUs duration, base::parse_duration(last));
    span.from = now - duration;
  }
  if (!from.empty()) {
    LANDER_ASSIGN(span.from, base::parse_rfc3339(from));
  }
  if (!to.empty()) {
    LANDER_ASSIGN(span.to, base::parse_rfc3339(to));
  }
  if (span.from >= span.to)
    return base::Error(base::Code::kInvalid, "\"from\" must lie before \"to\"");
  return out;
}

// On the reader's thread: is there enough? Then the trainer reads again and trains.
http::Response train(Server& server, const Wanted& wanted, LearnJob job) {
  auto frames = read_frames(server.store(), wanted.frames, job.labels);
  if (!frames.ok()) return problem(frames.error());
  const auto readiness = learn::assess(*frames);
  *frames = {};
  if (!readiness.ready) {
    auto response = api::reply(422, {{"status", 422},
                                     {"code", "invalid"},
                                     {"detail", "not ready to learn: " + readiness.reason},
                                     {"readiness", api::readiness(readiness)}});
    response.content_type = "application/problem+json";
    return response;
  }
  job.request.now = server.store().utc_now().time;
  auto id = server.start_job(job);
  if (!id.ok()) return problem(id.error());
  return api::reply(202, {{"job", *id}});
}

http::Response apply(Core& core, const http::Request& request, const std::string& author) {
  const std::string file = api::parameter(request, "file").empty()
                               ? "desired.yaml"
                               : api::parameter(request, "file").substr(0, 200);
  auto applied = core.apply_yaml(base::as_text(request.body), file, author,
                                 api::parameter(request, "dry_run") == "1");
  if (!applied.ok()) {
    return applied.error().code() == base::Code::kInvalid ? api::mistakes(applied.error())
                                                          : problem(applied.error());
  }
  return api::reply(200, {{"revision", applied->revision}, {"changes", applied->changes}});
}

}  // namespace

void serve_changes(Server& server, api::Gate& gate) {
  using access::Right;
  auto on_core = [&](const char* method, const char* pattern, Right right, std::size_t max_body,
                     auto work) {
    gate.route(
        method, pattern, right, max_body,
        [&server, work](http::Request request, const access::Scope& scope,
                        http::Responder responder) {
          if (auto ours = is_this_site(server, request); !ours.ok())
            return responder.reply(problem(ours.error()));
          server.on_core(
              std::move(responder),
              [&server, work, request = std::move(request), scope](Core& core) -> http::Response {
                return work(server, core, request, "user:" + scope.user + "@site");
              });
        });
  };
  using Request = http::Request;
  on_core("GET", "/api/v1/sites", Right::kLook, 0,
          [](Server& s, Core& core, const Request&, const std::string&) {
            return api::reply(200, Json::array({site(s, core)}));
          });
  on_core("GET", "/api/v1/sites/{site}", Right::kLook, 0,
          [](Server& s, Core& core, const Request&, const std::string&) {
            return api::reply(200, site(s, core));
          });
  on_core("GET", "/api/v1/sites/{site}/twin", Right::kLook, 0,
          [](Server&, Core& core, const Request&, const std::string&) {
            return api::reply(200, api::twin(core.desired(), core.reported()));
          });
  on_core("POST", "/api/v1/sites/{site}/desired", Right::kOperate, kMaxYaml,
          [](Server&, Core& core, const Request& request, const std::string& author) {
            return apply(core, request, author);
          });
  on_core("GET", "/api/v1/sites/{site}/models", Right::kLook, 0,
          [](Server&, Core& core, const Request&, const std::string&) {
            return api::reply(200, models(core));
          });
  on_core("POST", "/api/v1/sites/{site}/models/{change}", Right::kOperate, 4096,
          [](Server&, Core& core, const Request& request, const std::string& by) -> http::Response {
            auto run = [&]() -> base::Result<Json> {
              LANDER_ASSIGN(const Json body, api::parse_object(request.body));
              LANDER_ASSIGN(const std::string asset, api::text(body, "asset"));
              LANDER_ASSIGN(const std::string digest, api::text_or(body, "digest", ""));
              const std::string& change = request.params.at("change");
              if (change != "promote" && change != "rollback") {
                return base::Error(base::Code::kNotFound,
                                   "models are trained, promoted or rolled back");
              }
              LANDER_ASSIGN(const Pointers p, change == "promote"
                                                  ? core.models().promote(asset, digest, by)
                                                  : core.models().rollback(asset, by));
              return pointers(core, p);
            };
            auto done = run();
            return done.ok() ? api::reply(200, *done) : problem(done.error());
          });

  // Training and its readiness read much: the core says what is healthy, the reader reads.
  gate.route(
      "POST", "/api/v1/sites/{site}/train", Right::kOperate, 4096,
      [&server](const Request& request, const access::Scope& scope, http::Responder responder) {
        if (auto ours = is_this_site(server, request); !ours.ok())
          return responder.reply(problem(ours.error()));
        auto wanted = parse_training(request, server.store().utc_now().time);
        if (!wanted.ok()) return responder.reply(problem(wanted.error()));
        server.then_read(std::move(responder), [wanted = *wanted, &server,
                                                by = "user:" + scope.user + "@site"](Core& core) {
          const auto known = core.models().find(wanted.frames.asset);
          LearnJob job;
          job.wanted = wanted.frames;
          job.labels = labels_of(core.alarms().book(), wanted.frames.asset, core.context().now());
          job.request.asset = wanted.frames.asset;
          job.request.method = wanted.method;
          job.request.parent = known ? known->active : std::string();
          job.request.labels_digest = job.labels.digest;
          job.request.trained_by = by;
          return [&server, wanted, job = std::move(job)] { return train(server, wanted, job); };
        });
      });
  gate.route(
      "GET", "/api/v1/sites/{site}/readiness", Right::kLook, 0,
      [&server](Request request, const access::Scope&, http::Responder responder) {
        if (auto ours = is_this_site(server, request); !ours.ok())
          return responder.reply(problem(ours.error()));
        auto range = api::range(request, server.store().utc_now().time, kTrainingSpan);
        if (!range.ok()) return responder.reply(problem(range.error()));
        auto interval = frame_interval(request.query["interval"]);
        if (!interval.ok()) return responder.reply(problem(interval.error()));
        server.then_read(std::move(responder), [&server, range = *range, interval = *interval,
                                                asset = request.query["asset"]](Core& core) {
          return [&server, wanted = FramesWanted{asset, {range.from, range.to}, interval},
                  labels = labels_of(core.alarms().book(), asset,
                                     core.context().now())]() -> http::Response {
            auto frames = read_frames(server.store(), wanted, labels);
            if (!frames.ok()) return problem(frames.error());
            return api::reply(200, api::readiness(learn::assess(*frames)));
          };
        });
      });
  gate.route("GET", "/api/v1/sites/{site}/jobs/{job}", Right::kLook, 0,
             [&server](Request request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               const auto job = server.job(request.params["job"]);
               if (!job)
                 return responder.reply(problem(base::Error(base::Code::kNotFound, "no such job")));
               responder.reply(api::reply(200, {{"state", job->state},
                                                {"progress", job->progress},
                                                {"reason", job->reason},
                                                {"model", job->model}}));
             });
  gate.route("POST", "/api/v1/sites/{site}/jobs/{job}/cancel", Right::kOperate, 4096,
             [&server](Request request, const access::Scope&, http::Responder responder) {
               if (auto ours = is_this_site(server, request); !ours.ok())
                 return responder.reply(problem(ours.error()));
               if (!server.cancel_job(request.params["job"]))
                 return responder.reply(
                     problem(base::Error(base::Code::kNotFound, "no job of this name is running")));
               responder.reply(api::reply(200, Json::object()));
             });
}

void serve_api(Server& server, api::Gate& gate) {
  serve_reads(server, gate);
  serve_alerts(server, gate);
  serve_changes(server, gate);
  serve_store(server, gate);
  serve_pickups(server, gate);
  serve_link(server, gate);
}

std::string Server::metrics() const {
  std::string out;
  auto gauge = [&](const char* name, const char* help, double value) {
    out += api::gauge(name, help, value);
  };
  const auto intake = intake_.stats();
  const auto http = http_->stats();
  out += store_metrics();
  gauge("lander_intake_accepted", "Observations accepted from sources since the start.",
        static_cast<double>(intake.accepted));
  gauge("lander_intake_refused", "Observations refused because the queue was full.",
        static_cast<double>(intake.refused));
  gauge("lander_signals_dropped", "Signals of pipelines refused because the queue was full.",
        static_cast<double>(signals_dropped_.load()));
  gauge("lander_intake_pending",
        "Observations that are not durable yet; a waveform counts as its size.",
        static_cast<double>(intake.pending));
  gauge("lander_http_connections", "Open HTTP connections.", static_cast<double>(http.connections));
  gauge("lander_http_requests", "HTTP requests since the start.",
        static_cast<double>(http.requests));
  gauge("lander_link_connected", "1 when the last contact with the hub succeeded, by any carrier.",
        connected() ? 1 : 0);
  for (const auto& [name, value] : vitals()) {
    if (name.starts_with("store_")) continue;  // told above
    gauge(("lander_host_" + name).c_str(), "Vital sign of the machine.", value);
  }
  return out;
}

}  // namespace lander::site
