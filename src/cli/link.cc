// link status, link audit.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

base::Status status(Session& session) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json link, session.get(path + "/link"));
  if (session.json) {
    session.raw(link);
    return {};
  }
  const bool connected = flag_of(link, "connected");
  Facts facts;
  facts.add("hub", text_of(link, "hub").empty() ? "none" : text_of(link, "hub"), Paint::kBold);
  if (flag_of(link, "enrolled")) {
    facts.add("connected", connected ? "yes, over " + text_of(link, "carrier") : "no",
              connected ? Paint::kGreen : Paint::kYellow);
    facts.add("last contact", relative(time_of(link, "last_contact"), session.now()));
    if (const auto next = number_of(link, "next_try_s"); next && !connected)
      facts.add("next try", "in " + number_text(*next) + " s");
  }
  facts.add("reason", text_of(link, "reason"));
  if (const auto offset = number_of(link, "clock_offset_us"); offset && std::abs(*offset) >= 1000)
    facts.add("clock is off by", length_text(static_cast<base::DurationUs>(*offset)));
  session.say(facts);
  Table table({"LANE", ">WAITING", "OLDEST", ">LAST NUMBER"});
  for (const auto& lane : member(link, "lanes")) {
    const auto oldest = time_of(lane, "oldest");
    table.add({text_of(lane, "lane"), std::to_string(integer_of(lane, "waiting")),
               oldest ? relative(oldest, session.now()) : "-",
               std::to_string(integer_of(lane, "last"))});
  }
  if (!table.empty()) {
    session.say("\n");
    session.say(table);
  }
  return {};
}

base::Status audit(Session& session) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json list, session.get(path + "/link/audit"));
  if (session.json) {
    session.raw(list);
    return {};
  }
  Table table({"DATASTREAM", "UPLINK", ">STORED", ">SENT RAW", ">SENT SUMMARIES"});
  for (const auto& d : list) {
    const std::string uplink = text_of(d, "uplink");
    table.add({text_of(d, "datastream"),
               {uplink, uplink == "never" ? Paint::kBold : Paint::kPlain},
               std::to_string(integer_of(d, "observations_stored")),
               std::to_string(integer_of(d, "raw_sent")),
               std::to_string(integer_of(d, "summaries_sent"))});
  }
  if (table.empty()) {
    session.say("No datastream yet, so nothing leaves.\n");
  } else {
    session.say(table);
  }
  return {};
}

}  // namespace

void add_link(Commands& commands) {
  auto* link = commands.group("link", "A site's link to its hub: status, audit", kDaily);
  commands.add(link, "status", "Is there contact, and what waits", "lander link status", status);
  commands.add(link, "audit", "What of each datastream has left the site", "lander link audit",
               audit);
}

}  // namespace lander::cli
