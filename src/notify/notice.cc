#include <nlohmann/json.hpp>

#include "notify/webhook.h"

namespace lander::notify {
namespace {

using Json = nlohmann::ordered_json;

void put_time(Json& into, const char* key, base::TimeUs time) {
  if (time != 0) into[key] = base::to_rfc3339(time);
}

void put_text(Json& into, const char* key, const std::string& text) {
  if (!text.empty()) into[key] = text;
}

Json event_json(const alert::Event& event) {
  Json out = {{"id", event.id},
              {"kind", alert::to_string(event.kind)},
              {"time", base::to_rfc3339(event.time)},
              {"actor", event.actor}};
  put_text(out, "comment", event.comment);
  put_time(out, "until", event.until);
  return out;
}

Json causes_json(const std::vector<alert::Cause>& causes) {
  Json out = Json::array();
  for (const auto& cause : causes) {
    out.push_back({{"datastream", cause.datastream},
                   {"share", cause.share},
                   {"value", cause.value},
                   {"expected", cause.expected},
                   {"unit", cause.unit}});
  }
  return out;
}

// Where to look, not the samples: a notice stays small, and raw data stays where its policy says.
Json evidence_json(const alert::Evidence& evidence) {
  Json out = Json::object();
  put_time(out, "from", evidence.from);
  put_time(out, "to", evidence.to);
  out["datastreams"] = Json::array();
  for (const auto& series : evidence.series) out["datastreams"].push_back(series.first);
  return out;
}

Json alert_json(const alert::Alert& alert, base::TimeUs now) {
  const alert::Info& info = alert.info;
  Json out = {{"id", alert.id},
              {"state", alert::to_string(alert.state(now))},
              {"severity", alert::to_string(info.severity)},
              {"asset", info.asset},
              {"title", info.title},
              {"detail", info.detail},
              {"rule", info.rule}};
  put_text(out, "model", info.model);
  out["score"] = info.score;
  put_time(out, "since", info.since);
  put_time(out, "raised", alert.raised);
  put_time(out, "cleared", alert.cleared);
  put_time(out, "acknowledged", alert.acknowledged);
  put_text(out, "acknowledged_by", alert.acknowledged_by);
  put_time(out, "shelved_until", alert.shelved_until);
  put_text(out, "comment", alert.comment);
  if (alert.verdict != alert::Verdict::kNone) out["verdict"] = alert::to_string(alert.verdict);
  put_text(out, "note", alert.note);
  out["causes"] = causes_json(info.causes);
  out["evidence"] = evidence_json(info.evidence);
  return out;
}

}  // namespace

std::string to_json(const Notice& notice) {
  const Json out = {{"format", "lander.alert/1"},
                    {"tenant", notice.tenant},
                    {"site", notice.site},
                    {"event", event_json(notice.event)},
                    {"alert", alert_json(notice.alert, notice.event.time)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lander::notify
