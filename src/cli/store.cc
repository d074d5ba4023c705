// store check, stats, export: the site's database, for the operator, whether the site runs or not.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/export.h"
#include "store/check.h"
#include "store/usage.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Status;

constexpr const char* kOwnFolder = "/var/lib/lander-site";

struct Wanted {
  std::string data, last, from, to;
  ExportOrder order;
};

// --data, else a folder that --at or LANDER_AT names, else the machine's own site.
std::string folder_of(const Session& session, const Wanted& wanted) {
  if (!wanted.data.empty()) return wanted.data;
  const std::string at = session.at.empty() ? session.world.environment("LANDER_AT") : session.at;
  return at.empty() || is_address(at) ? kOwnFolder : at;
}

Json time_json(base::TimeUs time) { return time == 0 ? Json() : Json(base::to_rfc3339(time)); }

// --- check ---------------------------------------------------------------------------------------

Json json_of(const store::CheckReport& report) {
  Json findings = Json::array();
  for (const auto& f : report.findings) {
    findings.push_back({{"place", f.place},
                        {"datastream", f.datastream},
                        {"from", time_json(f.from)},
                        {"to", time_json(f.to)},
                        {"observations", f.observations},
                        {"what", f.what}});
  }
  return {{"clean", report.clean()},    {"observations", report.observations},
          {"frames", report.frames},    {"chunks", report.chunks},
          {"rollups", report.rollups},  {"objects", report.objects},
          {"items", report.items},      {"findings", findings},
          {"left_out", report.left_out}};
}

void say_findings(Session& session, const store::CheckReport& report) {
  Table table({"WHERE", "DATASTREAM", "FROM", "TO", ">LOST", "WHAT"});
  for (const auto& f : report.findings) {
    const bool timed = f.from != 0 || f.to != 0;
    table.add({{f.place, Paint::kRed},
               f.datastream,
               timed ? base::to_rfc3339(f.from) : "",
               timed ? base::to_rfc3339(f.to) : "",
               f.observations == 0 ? "" : std::to_string(f.observations),
               f.what});
  }
  session.say(table);
  if (report.left_out > 0) {
    session.say("and " + std::to_string(report.left_out) + " more\n");
  }
}

Status check(Session& session, const Wanted& wanted) {
  LANDER_ASSIGN(const auto options, database_of(session, folder_of(session, wanted)));
  store::CheckReport report;
  {
    Progress progress(session);
    LANDER_ASSIGN(
        report,
        store::check({.path = options.path,
                      .files = &session.world.files,
                      .progress = [&](std::uint64_t done, std::uint64_t total) {
                        progress.show(
                            total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total),
                            bytes_text(static_cast<double>(done)) + " checked");
                      }}));
  }
  if (session.json) {
    session.raw(json_of(report));
  } else if (report.clean()) {
    session.say(
        painted("Clean.", Paint::kGreen, session.colour()) + " " +
        plural(static_cast<std::int64_t>(report.observations), "observation", "observations") +
        " in " + plural(static_cast<std::int64_t>(report.chunks), "chunk", "chunks") + " and " +
        plural(static_cast<std::int64_t>(report.frames), "frame", "frames") + ", " +
        plural(static_cast<std::int64_t>(report.objects), "object", "objects") + ": all verify.\n");
  } else {
    say_findings(session, report);
  }
  if (report.clean()) return {};
  return Error(
      Code::kCorrupt,
      options.path + " does not verify: " +
          plural(static_cast<std::int64_t>(report.findings.size() + report.left_out), "finding",
                 "findings") +
          ". What is named is lost or counted wrongly; where the file itself is whole, all else can"
          " be read and exported");
}

// --- stats ---------------------------------------------------------------------------------------

std::string share_text(std::uint64_t part, std::uint64_t of) {
  const double share = of == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(of);
  return bytes_text(static_cast<double>(part)) + ", " + number_text(std::round(share)) + " %";
}

double a_piece(std::uint64_t bytes, std::uint64_t pieces) {
  return pieces == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(pieces);
}

struct Told {
  store::Usage usage;
  store::Stats stats;
  double bytes_an_observation() const {
    const std::uint64_t tail = std::min(stats.tail_observations, stats.observations);
    return a_piece(usage.chunks, stats.observations - tail);
  }
};

Json json_of(const Told& told) {
  const auto& u = told.usage;
  const auto& s = told.stats;
  Json datastreams = Json::array();
  for (const auto& d : u.datastreams) {
    datastreams.push_back({{"datastream", d.id},
                           {"observations", d.observations},
                           {"bytes", d.bytes},
                           {"bytes_per_observation", a_piece(d.bytes, d.observations)}});
  }
  return {{"bytes",
           {{"file", u.file},
            {"chunks", u.chunks},
            {"frames", u.frames},
            {"rollups", u.rollups},
            {"items", u.items},
            {"records", u.records},
            {"other", u.other},
            {"unused", u.unused},
            {"objects", u.objects}}},
          {"observations", s.observations},
          {"tail_observations", s.tail_observations},
          {"bytes_per_observation", told.bytes_an_observation()},
          {"oldest", time_json(s.oldest)},
          {"newest", time_json(s.newest)},
          {"thinned", s.thinned},
          {"damaged", s.damaged},
          {"datastreams", datastreams}};
}

void say_stats(Session& session, const Told& told) {
  const auto& u = told.usage;
  const auto& s = told.stats;
  Facts facts;
  facts.add("observations", std::to_string(s.observations) + ", " +
                                std::to_string(s.tail_observations) + " not compacted yet");
  if (s.oldest != 0) {
    facts.add("from", base::to_rfc3339(s.oldest));
    facts.add("to", base::to_rfc3339(s.newest));
  }
  facts.add("file", bytes_text(static_cast<double>(u.file)), Paint::kBold);
  facts.add("  chunks", share_text(u.chunks, u.file) + "; " +
                            number_text(told.bytes_an_observation()) + " bytes an observation");
  facts.add("  frames", share_text(u.frames, u.file));
  facts.add("  rollups", share_text(u.rollups, u.file));
  facts.add("  items", share_text(u.items, u.file));
  facts.add("  records", share_text(u.records, u.file));
  facts.add("  other", share_text(u.other, u.file));
  facts.add("  free", share_text(u.unused, u.file));
  facts.add("objects", bytes_text(static_cast<double>(u.objects)));
  facts.add("thinned", std::to_string(s.thinned) + " observations");
  facts.add("damaged", std::to_string(s.damaged) + " observations",
            s.damaged == 0 ? Paint::kPlain : Paint::kRed);
  session.say(facts);
  if (u.datastreams.empty()) return;
  Table table({"DATASTREAM", ">OBSERVATIONS", ">BYTES", ">EACH"});
  for (const auto& d : u.datastreams) {
    table.add({d.id, std::to_string(d.observations), bytes_text(static_cast<double>(d.bytes)),
               number_text(std::round(100 * a_piece(d.bytes, d.observations)) / 100)});
  }
  session.say("\n");
  session.say(table);
}

Status stats_of_file(Session& session, const Wanted& wanted) {
  LANDER_ASSIGN(const auto options, database_of(session, folder_of(session, wanted)));
  Told told;
  LANDER_ASSIGN(told.usage, store::usage(options.path));
  LANDER_ASSIGN(const auto snapshot, store::Store::open_snapshot(options));
  told.stats = snapshot->stats();
  if (session.json) {
    session.raw(json_of(told));
  } else {
    say_stats(session, told);
  }
  return {};
}

// What a running site says of itself, from anywhere.
Status stats_of_site(Session& session) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json answer, session.get(path + "/store"));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const Json& bytes = member(answer, "bytes");
  const auto size = [&](const char* key) { return bytes_text(number_of(bytes, key).value_or(0)); };
  Facts facts;
  facts.add("observations", std::to_string(integer_of(answer, "observations")));
  facts.add("from", text_of(answer, "oldest"));
  facts.add("to", text_of(answer, "newest"));
  facts.add("database", size("database") + ", " + size("unused") + " of it free");
  facts.add("log", size("log"));
  facts.add("objects", size("objects"));
  facts.add("disk", size("disk_free") + " free");
  if (const auto each = number_of(answer, "bytes_per_observation")) {
    facts.add("each", number_text(*each) + " bytes an observation");
  }
  const auto rate = number_of(answer, "bytes_per_day");
  facts.add("a day", rate ? bytes_text(std::max(0.0, *rate)) : "not known before a day has passed");
  const auto days = number_of(answer, "days_left");
  facts.add("days left", days   ? number_text(std::floor(*days))
                         : rate ? "it does not fill"
                                : "unknown");
  facts.add("thinned", std::to_string(integer_of(answer, "thinned")) + " observations");
  facts.add("damaged", std::to_string(integer_of(answer, "damaged")) + " observations");
  session.say(facts);
  return {};
}

Status stats(Session& session, const Wanted& wanted) {
  const std::string at = session.at.empty() ? session.world.environment("LANDER_AT") : session.at;
  if (wanted.data.empty() && is_address(at)) return stats_of_site(session);
  return stats_of_file(session, wanted);
}

// --- export --------------------------------------------------------------------------------------

Json json_of(const Exported& done, const std::string& file) {
  Json gaps = Json::array();
  for (const auto& [datastream, gap] : done.gaps) {
    gaps.push_back({{"datastream", datastream},
                    {"why", store::to_string(gap.why)},
                    {"from", base::to_rfc3339(gap.from)},
                    {"to", base::to_rfc3339(gap.to)},
                    {"observations", gap.observations}});
  }
  return {{"file", file},
          {"observations", done.observations},
          {"datastreams", done.datastreams},
          {"bytes", done.bytes},
          {"gaps", gaps}};
}

base::Status set_range(Session& session, Wanted& wanted) {
  if (!wanted.last.empty() && !(wanted.from.empty() && wanted.to.empty()))
    return session.usage("--last and --from/--to exclude each other");
  if (!wanted.last.empty()) {
    LANDER_ASSIGN(const base::DurationUs last, base::parse_duration(wanted.last));
    wanted.order.from = session.now() - last;
  }
  if (!wanted.from.empty()) {
    LANDER_ASSIGN(wanted.order.from, base::parse_rfc3339(wanted.from));
  }
  if (!wanted.to.empty()) {
    LANDER_ASSIGN(wanted.order.to, base::parse_rfc3339(wanted.to));
  }
  return {};
}

Status export_them(Session& session, Wanted& wanted) {
  LANDER_TRY(set_range(session, wanted));
  wanted.order.database = folder_of(session, wanted);
  LANDER_ASSIGN(const Exported done, export_observations(session, wanted.order));
  if (session.json) {
    session.raw(json_of(done, wanted.order.out));
    return {};
  }
  for (const auto& [datastream, gap] : done.gaps) {
    session.note(
        "missing: " + datastream + ", " + base::to_rfc3339(gap.from) + " to " +
        base::to_rfc3339(gap.to) + ", " +
        plural(static_cast<std::int64_t>(gap.observations), "observation", "observations") + ": " +
        std::string(store::to_string(gap.why)));
  }
  session.say(wanted.order.out + ": " +
              plural(static_cast<std::int64_t>(done.observations), "observation", "observations") +
              " of " + plural(static_cast<std::int64_t>(done.datastreams), "series", "series") +
              ", " + bytes_text(static_cast<double>(done.bytes)) + "\n");
  return {};
}

}  // namespace

void add_store(Commands& commands) {
  auto* group =
      commands.group("store", "A site's database: verify it, what takes the room, export", kServer);
  auto wanted = std::make_shared<Wanted>();
  const auto add_data = [&](CLI::App* command) {
    command->add_option("--data", wanted->data,
                        "The site's data folder, or the database file; it may be running");
  };
  add_data(commands.add(group, "check", "Verify everything that is stored; changes nothing",
                        "lander store check --data /var/lib/lander-site",
                        [wanted](Session& session) { return check(session, *wanted); }));
  add_data(commands.add(group, "stats", "What takes the room (with --at URL: as the site tells it)",
                        "lander store stats --data /var/lib/lander-site",
                        [wanted](Session& session) { return stats(session, *wanted); }));
  auto* exporting =
      commands.add(group, "export", "Observations as a CSV or Parquet file",
                   "lander store export --datastream p1-vibration --last 7d -o p1.parquet",
                   [wanted](Session& session) { return export_them(session, *wanted); });
  add_data(exporting);
  exporting->add_option("--datastream", wanted->order.datastreams, "Which; none: all")
      ->expected(1, -1);
  exporting->add_option("--meaning", wanted->order.meaning, "Those that measure this property");
  exporting->add_option("--last", wanted->last, "So far back")->check(is_duration());
  exporting->add_option("--from", wanted->from, "Not before this time")->check(is_time());
  exporting->add_option("--to", wanted->to, "Before this time")->check(is_time());
  exporting->add_option("-o,--out", wanted->order.out, "FILE.csv or FILE.parquet")->required();
}

}  // namespace lander::cli
