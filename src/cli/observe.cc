// datastreams, query, plot.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

constexpr int kChartRows = 12;

struct Which {
  std::string meaning, datastream, asset, last, from, to;
  std::size_t limit = 1000;
  bool csv = false;

  Query query() const {
    Query query;
    query.add("datastream", datastream).add("property", meaning).add("asset", asset);
    query.add("last", last).add("from", from).add("to", to);
    return query;
  }
};

std::string sensor_text(const Json& datastream) {
  const Json& sensor = member(datastream, "sensor");
  std::string out = text_of(sensor, "name");
  for (const char* key : {"model", "serial"}) {
    const std::string more = text_of(sensor, key);
    if (!more.empty()) out += (out.empty() ? "" : " ") + more;
  }
  return out;
}

Paint quality_paint(const std::string& quality) {
  if (quality.starts_with("Good")) return Paint::kPlain;
  return quality.starts_with("Uncertain") ? Paint::kYellow : Paint::kRed;
}

base::Status datastreams(Session& session, const std::string& site) {
  LANDER_ASSIGN(const std::string path, session.site_path(site));
  LANDER_ASSIGN(const Json list, session.get(path + "/datastreams"));
  if (session.json) {
    session.raw(list);
    return {};
  }
  Table table(
      {"DATASTREAM", "PROPERTY", ">LATEST", "UNIT", "QUALITY", "WHEN", "ASSET", "UPLINK", "FROM"});
  for (const auto& d : list) {
    const Json& latest = member(d, "latest");
    const std::string quality = text_of(latest, "quality");
    table.add({text_of(d, "id"),
               text_of(d, "property"),
               value_text(member(latest, "value")),
               text_of(d, "unit"),
               {quality, quality_paint(quality)},
               relative(time_of(latest, "time"), session.now()),
               text_of(d, "asset"),
               text_of(member(d, "policy"), "uplink"),
               text_of(d, "source") + " " + text_of(d, "address")});
  }
  if (table.empty()) {
    session.say("No datastream yet: `lander apply FILE` declares some.\n");
  } else {
    session.say(table);
  }
  return {};
}

std::string error_text(const Json& sample) {
  const auto error = number_of(sample, "error_us");
  return error ? "±" + length_text(static_cast<base::DurationUs>(*error)) : "±?";
}

void say_csv(Session& session, const Json& answer) {
  session.say("datastream,asset,property,time,time_error_us,value,unit,quality\n");
  for (const auto& series : member(answer, "series")) {
    const Json& d = member(series, "datastream");
    for (const auto& sample : member(series, "samples")) {
      const Json& value = member(sample, "value");
      const Json& error = member(sample, "error_us");
      session.say(csv_line(
          std::vector<std::string>{text_of(d, "id"), text_of(d, "asset"), text_of(d, "property"),
                                   text_of(sample, "time"), error.is_number() ? error.dump() : "",
                                   value.is_null()     ? ""
                                   : value.is_string() ? value.get<std::string>()
                                                       : value.dump(),
                                   text_of(d, "unit"), text_of(sample, "quality")}));
    }
  }
}

void say_series(Session& session, const Json& series) {
  const Json& d = member(series, "datastream");
  session.say(painted(clean(text_of(d, "id")), Paint::kBold, session.colour()) + "  " +
              clean(text_of(d, "property") + ", " + text_of(d, "asset") +
                    (sensor_text(d).empty() ? "" : ", sensor " + sensor_text(d)) + ", from " +
                    text_of(d, "source") + " " + text_of(d, "address")) +
              "\n");
  Table table({"TIME", "ERROR", ">VALUE", "UNIT", "QUALITY"});
  for (const auto& sample : member(series, "samples")) {
    const std::string quality = text_of(sample, "quality");
    table.add({text_of(sample, "time"),
               error_text(sample),
               value_text(member(sample, "value")),
               text_of(d, "unit"),
               {quality, quality_paint(quality)}});
  }
  if (table.empty()) {
    session.say("nothing in this time\n");
  } else {
    session.say(table);
  }
}

base::Status check_range(Session& session, const Which& which) {
  if (!which.last.empty() && !(which.from.empty() && which.to.empty()))
    return session.usage("--last and --from/--to exclude each other");
  return {};
}

base::Status query(Session& session, const Which& which) {
  LANDER_TRY(check_range(session, which));
  LANDER_ASSIGN(const Me* me, session.me());
  if (me->hub()) {
    return base::Error(base::Code::kUnsupported,
                       "single observations are at the site; of what came to the hub `lander sql` "
                       "and `lander plot` tell");
  }
  LANDER_ASSIGN(const std::string path, session.site_path());
  Query query = which.query();
  query.add("limit", std::to_string(which.limit));
  LANDER_ASSIGN(const Json answer, session.get(path + "/observations" + query.text()));
  if (session.json) {
    session.raw(answer);
  } else if (which.csv) {
    say_csv(session, answer);
  } else {
    bool first = true;
    for (const auto& series : member(answer, "series")) {
      if (!first) session.say("\n");
      first = false;
      say_series(session, series);
    }
  }
  if (flag_of(answer, "truncated"))
    session.note("There is more: a higher --limit (now " + std::to_string(which.limit) +
                 ") or a shorter time shows it.");
  return {};
}

// The datastreams that are meant, by id.
base::Result<std::vector<std::string>> chosen(Session& session, const std::string& path,
                                              const Which& which) {
  if (!which.datastream.empty()) return std::vector<std::string>{which.datastream};
  LANDER_ASSIGN(const Json list, session.get(path + "/datastreams"));
  std::vector<std::string> out;
  for (const auto& d : list) {
    const std::string property = text_of(d, "property"), asset = text_of(d, "asset");
    const bool meant = which.meaning.empty() || property == which.meaning ||
                       property.starts_with(which.meaning + "-");
    const bool there = which.asset.empty() || asset == which.asset ||
                       asset.ends_with("/" + which.asset) || asset.starts_with(which.asset + "/");
    if (meant && there) out.push_back(text_of(d, "id"));
  }
  if (out.empty())
    return base::Error(base::Code::kNotFound,
                       "no datastream matches: `lander datastreams` lists them");
  return out;
}

struct Point {
  std::int64_t time_ms;
  Bucket bucket;
};

std::vector<Point> points_of(const Json& series) {
  std::vector<Point> out;
  for (const auto& point : member(series, "points")) {
    if (!point.is_array() || point.size() < 4 || !point[0].is_number_integer()) continue;
    auto at = [&](std::size_t i) {
      return point[i].is_number() ? point[i].get<double>() : std::nan("");
    };
    out.push_back({point[0].get<std::int64_t>(), {at(1), at(2), at(3)}});
  }
  return out;
}

// One column for each step of time, as many as fit: where nothing was measured the chart is empty.
std::vector<Bucket> columns_of(const std::vector<Point>& points, std::int64_t from_ms,
                               std::int64_t to_ms, std::size_t columns) {
  if (to_ms <= from_ms) return {};
  std::int64_t step = to_ms - from_ms;
  for (std::size_t i = 1; i < points.size(); ++i)
    step = std::min(step, std::max<std::int64_t>(1, points[i].time_ms - points[i - 1].time_ms));
  columns = std::min(columns, static_cast<std::size_t>((to_ms - from_ms + step - 1) / step));
  const double nothing = std::nan("");
  std::vector<Bucket> out(columns, Bucket{nothing, nothing, nothing});
  for (const auto& point : points) {
    const double share = static_cast<double>(point.time_ms - from_ms) /
                         static_cast<double>(to_ms - from_ms) * static_cast<double>(columns);
    // The first bucket may begin before the range does.
    const double column = std::clamp(share, 0.0, static_cast<double>(columns - 1));
    Bucket& at = out[static_cast<std::size_t>(column)];
    at = {std::fmin(at.least, point.bucket.least), point.bucket.mean,
          std::fmax(at.most, point.bucket.most)};
  }
  return out;
}

void say_chart(Session& session, const Json& series, std::size_t columns) {
  const auto from = time_of(series, "from"), to = time_of(series, "to");
  session.say(painted(clean(text_of(series, "datastream")), Paint::kBold, session.colour()) + "  " +
              clean(text_of(series, "from")) + " .. " + clean(text_of(series, "to")) + "\n");
  const auto drawn = from && to ? columns_of(points_of(series), *from / 1000, *to / 1000, columns)
                                : std::vector<Bucket>();
  const std::string text = chart(drawn, kChartRows, text_of(series, "unit"));
  session.say(text.empty() ? "nothing in this time\n" : text);
}

base::Status plot(Session& session, const Which& which) {
  LANDER_TRY(check_range(session, which));
  if (which.datastream.empty() && which.meaning.empty() && which.asset.empty())
    return session.usage("what to plot? Say --meaning, --datastream or --asset");
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const auto ids, chosen(session, path, which));
  const auto columns = static_cast<std::size_t>(std::clamp(session.world.columns - 16, 20, 400));
  Json all = Json::array();
  for (const auto& id : ids) {
    Query query;
    query.add("datastream", id).add("last", which.last).add("from", which.from);
    query.add("to", which.to).add("points", std::to_string(columns));
    LANDER_ASSIGN(Json series, session.get(path + "/series" + query.text()));
    if (session.json) {
      all.push_back(std::move(series));
    } else {
      say_chart(session, series, columns);
    }
  }
  if (session.json) session.raw(all);
  return {};
}

void add_which(CLI::App* command, const std::shared_ptr<Which>& which) {
  command->add_option("--meaning", which->meaning, "Observed property: vibration, pressure, ..");
  command->add_option("--datastream", which->datastream, "Id of a datastream");
  command->add_option("--asset", which->asset, "Asset, or an end of its path");
  command->add_option("--last", which->last, "How far back (default 10m)")->check(is_duration());
  command->add_option("--from", which->from, "From this time on, RFC 3339")->check(is_time());
  command->add_option("--to", which->to, "Until this time, RFC 3339")->check(is_time());
}

}  // namespace

void add_observe(Commands& commands) {
  auto site = std::make_shared<std::string>();
  auto* listing = commands.add("datastreams", "What is measured, with the latest value of each",
                               kDaily, "lander datastreams",
                               [site](Session& session) { return datastreams(session, *site); });
  listing->add_option("SITE", *site, "Default: --site");
  auto which = std::make_shared<Which>();
  auto* asking = commands.add("query", "Stored observations with unit, quality, time and its error",
                              kDaily, "lander query --meaning vibration --last 10m",
                              [which](Session& session) { return query(session, *which); });
  add_which(asking, which);
  asking->add_option("--limit", which->limit, "At most so many observations")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  asking->add_flag("--csv", which->csv, "Comma-separated values");
  auto* plotting = commands.add("plot", "Draw a datastream in the terminal", kDaily,
                                "lander plot --datastream p1-vibration --last 1h",
                                [which](Session& session) { return plot(session, *which); });
  add_which(plotting, which);
}

}  // namespace lander::cli
