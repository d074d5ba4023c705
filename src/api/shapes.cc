#include "api/shapes.h"

#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

namespace lander::api {

namespace {

constexpr base::DurationUs kLongestShelve = 30 * base::kDay;

Json model_inputs(const model::Model& model) {
  Json list = Json::array();
  for (const auto& input : model.inputs) {
    list.push_back({{"datastream", input.datastream},
                    {"revision", input.revision},
                    {"property", input.property},
                    {"unit", input.unit},
                    {"least", number(input.least)},
                    {"most", number(input.most)}});
  }
  return list;
}

Json verdict(alert::Verdict given) {
  return given == alert::Verdict::kNone ? Json(nullptr) : Json(alert::to_string(given));
}

Json similar(const alert::Similar& s) {
  return {{"alert", s.alert},
          {"raised", time(s.raised)},
          {"title", s.title},
          {"likeness", number(s.likeness)},
          {"verdict", verdict(s.verdict)},
          {"note", s.note}};
}

// What holds, whether it was declared or is the default.
Json thinning(const sensing::Datastream& d) {
  Json list = Json::array();
  const auto& declared = d.policy.thinning;
  for (const auto& step : declared.empty() ? sensing::default_thinning(d.kind) : declared) {
    const char* keep = step.summaries == 0               ? "nothing"
                       : step.summaries == base::kMinute ? "minutes"
                                                         : "hours";
    list.push_back({{"beyond", base::to_text(step.beyond)}, {"keep", keep}});
  }
  return list;
}

}  // namespace

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json time(base::TimeUs time) { return time == 0 ? Json(nullptr) : Json(base::to_rfc3339(time)); }

Json datastream(const sensing::Datastream& d) {
  Json out = {
      {"id", d.id},
      {"revision", d.revision},
      {"name", d.name},
      {"asset", d.asset},
      {"property", d.property},
      {"unit", d.unit},
      {"kind", sensing::to_string(d.kind)},
      {"sensor", {{"name", d.sensor.name}, {"model", d.sensor.model}, {"serial", d.sensor.serial}}},
      {"calibration",
       {{"scale", number(d.calibration.scale)},
        {"offset", number(d.calibration.offset)},
        {"date", d.calibration.date},
        {"certificate", d.calibration.certificate}}},
      {"policy",
       {{"uplink", sensing::to_string(d.policy.uplink)},
        {"pickup", d.policy.pickup},
        {"thinning", thinning(d)}}},
      {"source", d.binding.source},
      {"address", d.binding.address}};
  if (d.location) {
    out["location"] = {{"latitude", d.location->latitude},
                       {"longitude", d.location->longitude},
                       {"altitude_m", d.location->altitude_m}};
  }
  if (d.least || d.most) {
    out["range"] = {d.least ? number(*d.least) : Json(nullptr),
                    d.most ? number(*d.most) : Json(nullptr)};
  }
  return out;
}

Json alert(const alert::Alert& a, std::string_view site, base::TimeUs now) {
  Json causes = Json::array();
  for (const auto& cause : a.info.causes) {
    causes.push_back({{"datastream", cause.datastream},
                      {"share", number(cause.share)},
                      {"value", number(cause.value)},
                      {"expected", number(cause.expected)},
                      {"unit", cause.unit},
                      {"deviation", number(cause.deviation)}});
  }
  return {{"id", a.id},
          {"site", site},
          {"asset", a.info.asset},
          {"title", a.info.title},
          {"detail", a.info.detail},
          {"severity", alert::to_string(a.info.severity)},
          {"state", alert::to_string(a.state(now))},
          {"active", a.active},
          {"brief", a.brief},
          {"raised", time(a.raised)},
          {"cleared", time(a.cleared)},
          {"acknowledged", time(a.acknowledged)},
          {"acknowledged_by", a.acknowledged_by},
          {"shelved_until", time(a.shelved_until)},
          {"rule", a.info.rule},
          {"model", a.info.model},
          {"score", number(a.info.score)},
          {"since", time(a.info.since)},
          {"causes", std::move(causes)},
          {"similar", a.info.similar ? similar(*a.info.similar) : Json(nullptr)},
          {"verdict", verdict(a.verdict)},
          {"judged", time(a.judged)},
          {"judged_by", a.judged_by},
          {"note", a.note},
          {"comment", a.comment}};
}

Json alert_in_detail(const alert::Alert& a, const std::vector<alert::Event>& events,
                     std::string_view site, base::TimeUs now) {
  Json out = alert(a, site, now);
  Json series = Json::array();
  for (const auto& [id, samples] : a.info.evidence.series) {
    Json list = Json::array();
    for (const auto& p : samples) list.push_back({p.time / 1000, number(p.value)});
    series.push_back({{"datastream", id}, {"points", std::move(list)}});
  }
  out["evidence"] = {{"from", time(a.info.evidence.from)},
                     {"to", time(a.info.evidence.to)},
                     {"series", std::move(series)}};
  Json list = Json::array();
  for (const auto& event : events) {
    list.push_back({{"id", event.id},
                    {"kind", alert::to_string(event.kind)},
                    {"time", time(event.time)},
                    {"actor", event.actor},
                    {"verdict", verdict(event.verdict)},
                    {"comment", event.comment}});
  }
  out["events"] = std::move(list);
  return out;
}

Json component(const twin::Component& c) {
  return {{"id", c.id},           {"desired", c.desired},
          {"running", c.running}, {"status", twin::to_string(c.status)},
          {"reason", c.reason},   {"since", time(c.since)}};
}

Json twin(const twin::Desired& desired, const twin::Reported& reported) {
  Json components = Json::array();
  bool in_sync = desired.revision == reported.desired_revision;
  for (const auto& c : reported.components) {
    components.push_back(component(c));
    in_sync = in_sync && c.status == twin::Status::kApplied;
  }
  return {{"desired",
           {{"revision", desired.revision},
            {"origin", desired.origin == twin::Origin::kHub ? "hub" : "site"},
            {"author", desired.author},
            {"created", time(desired.created)},
            {"yaml", twin::to_yaml(desired)}}},
          {"reported",
           {{"desired_revision", reported.desired_revision},
            {"time", time(reported.time)},
            {"software", reported.software},
            {"components", std::move(components)}}},
          {"in_sync", in_sync}};
}

Json model(const model::Model& m, std::string_view digest) {
  Json metrics = Json::array();
  for (const auto& metric : m.lineage.metrics) {
    metrics.push_back({{"name", metric.name}, {"value", number(metric.value)}});
  }
  return {{"digest", digest},
          {"method", m.lineage.method},
          {"asset", m.lineage.asset},
          {"created", time(m.lineage.created)},
          {"trained_from", time(m.lineage.trained_from)},
          {"trained_to", time(m.lineage.trained_to)},
          {"rows", m.lineage.rows},
          {"rows_left_out", m.lineage.rows_left_out},
          {"parent", m.lineage.parent},
          {"trained_by", m.lineage.trained_by},
          {"labels_digest", m.lineage.labels_digest},
          {"metrics", std::move(metrics)},
          {"inputs", model_inputs(m)},
          {"interval_ms", m.interval / base::kMillisecond},
          {"false_alarms_per_day", number(m.false_alarms_per_day)}};
}

Json history(const model::History& history) {
  Json list = Json::array();
  for (auto at = history.events.rbegin(); at != history.events.rend(); ++at) {
    Json numbers = Json::array();
    for (const auto& n : at->numbers)
      numbers.push_back({{"name", n.name}, {"value", number(n.value)}});
    list.push_back({{"what", model::to_string(at->what)},
                    {"time", time(at->time)},
                    {"actor", at->actor},
                    {"model", at->digest},
                    {"reason", at->reason},
                    {"numbers", std::move(numbers)}});
  }
  return list;
}

Json readiness(const learn::Readiness& r) {
  Json inputs = Json::array();
  for (const auto& input : r.inputs) {
    inputs.push_back({{"datastream", input.datastream},
                      {"missing", number(input.missing)},
                      {"frozen", number(input.frozen)},
                      {"bad", number(input.bad)},
                      {"complaint", input.complaint}});
  }
  return {{"ready", r.ready},
          {"reason", r.reason},
          {"rows_usable", r.rows_usable},
          {"rows_needed", r.rows_needed},
          {"inputs", std::move(inputs)}};
}

Json package(const package::Package& p, std::uint64_t size, base::TimeUs imported) {
  Json ports = Json::array();
  for (const auto& port : p.manifest.ports) {
    ports.push_back({{"name", port.name},
                     {"property", port.property},
                     {"unit", port.unit},
                     {"asset", port.asset}});
  }
  return {{"name", p.manifest.name},
          {"version", p.manifest.version},
          {"vendor", p.vendor},
          {"title", p.manifest.title},
          {"description", p.manifest.description},
          {"licence", p.manifest.licence},
          {"support", p.manifest.support},
          {"purpose", p.manifest.purpose},
          {"digest", p.digest},
          {"signer", p.signer_key_id},
          {"size", size},
          {"imported", time(imported)},
          {"ports", std::move(ports)}};
}

Json rollout(const fleet::Rollout& r) {
  Json sites = Json::object();
  for (const auto& [name, site] : r.sites) {
    sites[name] = {{"status", twin::to_string(site.status)}, {"reason", site.reason}};
  }
  return {{"id", r.id},
          {"app", r.app},
          {"version", r.version},
          {"digest", r.digest},
          {"state", fleet::to_string(r.state)},
          {"phase", r.phase},
          {"phases", r.phases},
          {"max_failed", r.max_failed},
          {"reason", r.reason},
          {"created", time(r.created)},
          {"author", r.author},
          {"sites", std::move(sites)}};
}

Json card(std::string_view kind, std::string_view tenant, std::string_view name,
          const base::Bytes& signing_der, const base::Bytes& sealing_der) {
  return {{"lander", kind},
          {"tenant", tenant},
          {"name", name},
          {"signing", base::to_base64(signing_der)},
          {"sealing", base::to_base64(sealing_der)}};
}

Json points(const std::vector<std::pair<base::TimeUs, sensing::Summary>>& buckets) {
  Json list = Json::array();
  for (const auto& [from, s] : buckets) {
    if (s.count > 0) {
      list.push_back(
          {from / 1000, number(s.least), number(s.mean()), number(s.most), s.count, s.others});
    } else {
      list.push_back({from / 1000, nullptr, nullptr, nullptr, 0, s.others});
    }
  }
  return list;
}

std::string dump(const Json& body) {
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

http::Response reply(int status, const Json& body) {
  return http::Response::json(status, dump(body));
}

http::Response mistakes(const base::Error& error) {
  Json lines = Json::array();
  std::string_view rest = error.message();
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    lines.push_back(std::string(rest.substr(0, end)));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  auto response = reply(
      422,
      {{"status", 422}, {"code", "invalid"}, {"detail", error.message()}, {"mistakes", lines}});
  response.content_type = "application/problem+json";
  return response;
}

base::Result<Json> parse_object(base::ByteView body) {
  const auto text = base::as_text(body);
  int depth = 0;
  auto bounded = [&](int d, Json::parse_event_t, Json&) {
    depth = std::max(depth, d);
    return d <= 16;
  };
  try {
    Json out = Json::parse(text.begin(), text.end(), bounded);
    if (depth > 16)
      return base::Error(base::Code::kInvalid, "the body nests deeper than 16 levels");
    if (!out.is_object())
      return base::Error(base::Code::kInvalid, "the body must be a JSON object {...}");
    return out;
  } catch (const Json::parse_error& error) {
    return base::Error(base::Code::kInvalid,
                       "the body is not JSON: at byte " + std::to_string(error.byte));
  } catch (const Json::exception&) {  // 1e999 is no parse_error there
    return base::Error(base::Code::kInvalid, "the body holds a number beyond what JSON can hold");
  }
}

base::Result<std::string> text(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string() || at->get_ref<const std::string&>().empty()) {
    return base::Error(base::Code::kInvalid, std::string("the body needs \"") + key + "\", a text");
  }
  return at->get<std::string>();
}

base::Result<std::string> text_or(const Json& object, const char* key, std::string fallback) {
  if (const auto at = object.find(key); at == object.end() || at->is_null()) return fallback;
  return text(object, key);
}

http::Response problem(const base::Error& error) { return http::Response::problem(error); }

http::Response busy(std::string_view whose) {
  return problem(base::Error(base::Code::kUnavailable,
                             std::string(whose) + " is busy: try again in a second"));
}

std::string gauge(std::string_view name, std::string_view help, double value) {
  const std::string named(name);
  return "# HELP " + named + " " + std::string(help) + "\n# TYPE " + named + " gauge\n" + named +
         " " + Json(value).dump() + "\n";
}

std::string parameter(const http::Request& request, const char* name) {
  const auto at = request.query.find(name);
  return at == request.query.end() ? std::string() : at->second;
}

base::Result<Range> range(const http::Request& request, base::TimeUs now,
                          base::DurationUs default_last) {
  auto get = [&](const char* name) -> const std::string* {
    const auto at = request.query.find(name);
    return at == request.query.end() ? nullptr : &at->second;
  };
  Range out{now - default_last, now + 1};
  if (const auto* last = get("last")) {
    auto parsed = base::parse_duration(*last);
    if (!parsed.ok()) return parsed.error().context("?last");
    if (*parsed == 0) return base::Error(base::Code::kInvalid, "?last must be longer than 0");
    out.from = now - *parsed;
    return out;
  }
  if (const auto* from = get("from")) {
    auto parsed = base::parse_rfc3339(*from);
    if (!parsed.ok()) return parsed.error().context("?from");
    out.from = *parsed;
  }
  if (const auto* to = get("to")) {
    auto parsed = base::parse_rfc3339(*to);
    if (!parsed.ok()) return parsed.error().context("?to");
    out.to = *parsed;
  }
  if (out.from >= out.to) return base::Error(base::Code::kInvalid, "?from must lie before ?to");
  return out;
}

base::Result<std::size_t> count(const http::Request& request, const char* name,
                                std::size_t fallback, std::size_t most) {
  const auto at = request.query.find(name);
  if (at == request.query.end()) return fallback;
  std::size_t out = 0;
  const std::string& text = at->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out < 1 || out > most) {
    return base::Error(base::Code::kInvalid, std::string("?") + name + "=\"" + text.substr(0, 32) +
                                                 "\": expected a number from 1 to " +
                                                 std::to_string(most));
  }
  return out;
}

base::Result<alert::Event> parse_alert_event(base::ByteView body, std::string_view alert_id,
                                             std::string_view actor, std::string event_id,
                                             base::TimeUs now) {
  LANDER_ASSIGN(const Json object, parse_object(body));
  LANDER_ASSIGN(const std::string kind, text(object, "kind"));
  alert::Event event;
  event.id = std::move(event_id);
  event.alert = alert_id;
  event.time = now;
  event.actor = actor;
  LANDER_ASSIGN(event.comment, text_or(object, "comment", ""));
  if (event.comment.size() > 1000)
    return base::Error(base::Code::kInvalid, "a comment has at most 1000 bytes");
  constexpr alert::EventKind kByPeople[] = {
      alert::EventKind::kAcknowledge, alert::EventKind::kShelve,
      alert::EventKind::kUnshelve,    alert::EventKind::kSuppress,
      alert::EventKind::kUnsuppress,  alert::EventKind::kOutOfService,
      alert::EventKind::kInService,   alert::EventKind::kVerdict};
  bool known = false;
  std::string allowed;
  for (const auto candidate : kByPeople) {
    const auto name = alert::to_string(candidate);
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
    if (name != kind) continue;
    event.kind = candidate;
    known = true;
  }
  if (!known)
    return base::Error(base::Code::kInvalid,
                       "\"kind\" is \"" + kind.substr(0, 32) + "\": expected one of " + allowed);
  if (event.kind == alert::EventKind::kVerdict) {
    LANDER_ASSIGN(const std::string verdict, text(object, "verdict"));
    LANDER_ASSIGN(event.verdict, alert::parse_verdict(verdict));
  }
  if (event.kind == alert::EventKind::kShelve) {
    LANDER_ASSIGN(const std::string until, text_or(object, "until", ""));
    LANDER_ASSIGN(const std::string length, text_or(object, "for", until.empty() ? "1h" : ""));
    if (!until.empty()) {
      LANDER_ASSIGN(event.until, base::parse_rfc3339(until));
    } else {
      LANDER_ASSIGN(const base::DurationUs duration, base::parse_duration(length));
      event.until = now + duration;
    }
    if (event.until <= now || event.until > now + kLongestShelve) {
      return base::Error(base::Code::kInvalid,
                         "an alert is shelved until a time within the next 30 days");
    }
  }
  return event;
}

}  // namespace lander::api
