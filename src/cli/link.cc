// link status, link trace, link audit.
#include <cmath>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

std::string drain_text(const Json& lane, Session& session) {
  if (integer_of(lane, "waiting") == 0) return "-";
  if (text_of(lane, "lane") == "pickup") return "waits for a stick";
  const auto drained = time_of(lane, "drained");
  return drained ? relative(drained, session.now()) : "not at this pace";
}

void say_carriers(Session& session, const Json& link) {
  Table table({"CARRIER", "STATE", "LAST CONTACT", ">A SECOND", ">BUDGET LEFT", "REASON"});
  for (const auto& carrier : member(link, "carriers")) {
    const bool up = flag_of(carrier, "connected");
    const auto plan = time_of(carrier, "next_contact");
    const bool tried = time_of(carrier, "last_contact") || !text_of(carrier, "reason").empty();
    std::string state = up ? "up" : tried ? "down" : "nothing heard yet";
    if (plan) state = "contact " + relative(plan, session.now());
    const auto pace = number_of(carrier, "bytes_a_second");
    const auto left = number_of(carrier, "budget_left");
    std::string budget = left ? bytes_text(*left) : "-";
    if (const auto all = number_of(carrier, "budget"); all && left)
      budget += " of " + bytes_text(*all);
    table.add({{text_of(carrier, "id"), Paint::kBold},
               {state, up ? Paint::kGreen : Paint::kYellow},
               relative(time_of(carrier, "last_contact"), session.now()),
               pace && *pace > 0 ? bytes_text(*pace) : "-",
               budget,
               text_of(carrier, "reason")});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

void say_lanes(Session& session, const Json& link) {
  Table table({"LANE", ">WAITING", ">BYTES", "OLDEST", ">LAST NUMBER", "EMPTY", "GONE"});
  for (const auto& lane : member(link, "lanes")) {
    const auto oldest = time_of(lane, "oldest");
    std::int64_t gone = 0;
    std::string why;
    for (const auto& range : member(lane, "gone")) {
      gone += integer_of(range, "last") - integer_of(range, "first") + 1;
      if (why.find(text_of(range, "why")) == std::string::npos)
        why += (why.empty() ? "" : ", ") + text_of(range, "why");
    }
    table.add({text_of(lane, "lane"), std::to_string(integer_of(lane, "waiting")),
               bytes_text(static_cast<double>(integer_of(lane, "bytes"))) +
                   (flag_of(lane, "more") ? " and more" : ""),
               oldest ? relative(oldest, session.now()) : "-",
               std::to_string(integer_of(lane, "last")), drain_text(lane, session),
               gone == 0 ? "-" : std::to_string(gone) + " " + why});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

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
  }
  facts.add("reason", text_of(link, "reason"));
  if (const auto offset = number_of(link, "clock_offset_us"); offset && std::abs(*offset) >= 1000)
    facts.add("clock is off by", length_text(static_cast<base::DurationUs>(*offset)));
  session.say(facts);
  say_carriers(session, link);
  say_lanes(session, link);
  return {};
}

// What each answer means, for people.
std::string why_text(const std::string& why) {
  static const std::map<std::string, std::string> kTexts = {
      {"next", "goes with the next message"},
      {"under-way", "sent, no receipt yet"},
      {"told-in-brief", "told in brief; the whole goes by another"},
      {"no-contact", "no contact by its plan"},
      {"down", "no contact"},
      {"budget-spent", "today's bytes are spent"},
      {"too-large", "larger than a message"},
      {"too-costly", "costs more than it is worth"},
      {"cheaper-first", "a cheaper one tries first"},
      {"no-brief", "takes alerts in brief only"},
      {"behind-others", "others go first"},
      {"by-courier", "goes by courier only"}};
  const auto found = kTexts.find(why);
  return found == kTexts.end() ? why : found->second;
}

base::Status trace(Session& session, const std::string& item) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json list,
                session.get(path + "/link/trace" + (item.empty() ? "" : "?item=" + escaped(item))));
  if (session.json) {
    session.raw(list);
    return {};
  }
  Table table({"ITEM", "WHAT", ">BYTES", ">WORTH", "CREATED", "WHERE IT IS"});
  for (const auto& one : list) {
    std::string where;
    if (const Json& way = member(one, "under_way"); way.is_object()) {
      where = "sent over " + text_of(way, "carrier") + " " +
              relative(time_of(way, "since"), session.now()) + ", again " +
              relative(time_of(way, "again"), session.now()) + " if no receipt comes";
    } else {
      for (const auto& [carrier, why] : member(one, "carriers").items()) {
        where += (where.empty() ? "" : "; ") + carrier + ": " + why_text(why.get<std::string>());
      }
    }
    const std::string subject = text_of(one, "subject");
    table.add({text_of(one, "lane") + "/" + std::to_string(integer_of(one, "number")),
               text_of(one, "type") + (subject.empty() ? "" : " \"" + subject + "\""),
               std::to_string(integer_of(one, "bytes")),
               number_text(number_of(one, "worth").value_or(0)),
               relative(time_of(one, "created"), session.now()), where});
  }
  if (table.empty()) {
    session.say("Nothing waits: all that left was receipted.\n");
  } else {
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
  auto* link = commands.group("link", "A site's link to its hub: status, trace, audit", kDaily);
  commands.add(link, "status", "Carriers, budgets, what waits and when it will be gone",
               "lander link status", status);
  auto item = std::make_shared<std::string>();
  auto* tracing = commands.add(
      link, "trace", "Where each item is, and why it did not leave by which carrier",
      "lander link trace alert/12", [item](Session& session) { return trace(session, *item); });
  tracing->add_option("ITEM", *item, "Like alert/12; without: the first of each lane");
  commands.add(link, "audit", "What of each datastream has left the site", "lander link audit",
               audit);
}

}  // namespace lander::cli
