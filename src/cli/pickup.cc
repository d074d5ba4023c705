// pickup, wipe: the technician at the site.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/export.h"
#include "cli/stick.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

struct Wanted {
  std::string folder, peer, before;
  bool yes = false;
};

base::Result<carrier::Brought> take_in(Session& session, carrier::Stick& stick,
                                       carrier::Stick::Listing listing, const std::string& path) {
  std::erase_if(listing.files, [](const auto& file) { return !file.place.to_site; });
  Progress progress(session);
  std::size_t done = 0;
  return carrier::bring(
      stick, listing, [&](const carrier::Place& place, base::ByteView sealed) -> base::Status {
        progress.show(static_cast<double>(done++) / static_cast<double>(listing.files.size()),
                      "taking in what the stick brings");
        LANDER_ASSIGN(
            const auto none,
            session.post_for_bytes(path + "/way-in" + Query().add("peer", place.peer).text(),
                                   sealed, "application/cose"));
        return {};
      });
}

base::Result<carrier::PickedUp> write_out(Session& session, carrier::Stick& stick,
                                          const carrier::Place& place, const std::string& path) {
  Progress progress(session);
  const base::DurationUs began = session.world.clock.monotonic_us();
  const auto ask = [&](const carrier::PartAsked& asked) -> base::Result<carrier::Part> {
    const std::string body = Json{
        {"peer", asked.peer},
        {"lane", asked.lane},
        {"after", asked.after},
        {"before", asked.before}}.dump();
    LANDER_ASSIGN(
        const auto answer,
        session.post_for_bytes(path + "/pickup/bundles", base::as_bytes(body), "application/json"));
    return carrier::decode_part(answer);
  };
  return carrier::pick_up(stick, place, ask, [&](const carrier::PickedUp& now) {
    const double left = static_cast<double>(now.bytes_left);
    const double all = left + static_cast<double>(now.bytes);
    progress.show(all > 0 ? static_cast<double>(now.bytes) / all : -1,
                  "for " + place.peer + ": " +
                      plural(static_cast<std::int64_t>(now.files), "file", "files") + ", " +
                      rate_text(now.bytes, session.world.clock.monotonic_us() - began) + ", " +
                      bytes_text(left) + " left");
    return true;
  });
}

Json json_of(const std::string& peer, const carrier::PickedUp& done) {
  return {{"peer", peer},
          {"files", done.files},
          {"bytes", done.bytes},
          {"items", done.items},
          {"kept", done.kept},
          {"mended", done.mended},
          {"removed", done.removed},
          {"items_left", done.items_left}};
}

void say_done(Session& session, const std::string& peer, const carrier::PickedUp& done,
              base::DurationUs took) {
  std::string line = "for " + peer + ": " +
                     plural(static_cast<std::int64_t>(done.files), "file", "files") + " written, " +
                     rate_text(done.bytes, took);
  if (done.kept > 0) line += "; " + std::to_string(done.kept) + " were there already";
  if (done.mended > 0) line += "; " + std::to_string(done.mended) + " were not whole, and are now";
  if (done.removed > 0) line += "; " + std::to_string(done.removed) + " had arrived, and made room";
  session.say(line + "\n");
}

base::Status pickup(Session& session, const Wanted& wanted) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const Me* me, session.me());
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(OpenStick stick, open_stick(wanted.folder));
  LANDER_ASSIGN(auto listing, stick.files.list(me->tenant, me->name));
  LANDER_ASSIGN(const auto brought, take_in(session, stick.files, listing, path));
  std::vector<std::string> peers{wanted.peer};
  if (wanted.peer.empty()) {
    peers.clear();
    LANDER_ASSIGN(const Json now, session.get(path + "/pickup"));
    for (const auto& peer : member(now, "peers")) peers.push_back(value_text(peer));
  }
  Json told = Json::array();
  for (const std::string& peer : peers) {
    const base::DurationUs began = session.world.clock.monotonic_us();
    const auto done = write_out(session, stick.files, {me->tenant, me->name, false, peer}, path);
    if (!done.ok() && done.error().code() == Code::kExhausted)
      return done.error().context(
          "the stick is full; what is on it is whole. Take it in with "
          "`lander import`, or go on with another one");
    if (!done.ok()) return done.error();
    told.push_back(json_of(peer, *done));
    if (!session.json) say_done(session, peer, *done, session.world.clock.monotonic_us() - began);
  }
  if (session.json) {
    session.raw({{"site", me->name}, {"brought", brought.files}, {"peers", told}});
  } else if (brought.files > 0) {
    session.say("taken in from the stick: " +
                plural(static_cast<std::int64_t>(brought.files), "file", "files") + "\n");
  }
  return tell_refused(session, {}, brought);
}

// --- wipe ----------------------------------------------------------------------------------------

std::string why_text(const std::string& why) {
  if (why == "no-exit") return "its policy lets nothing leave raw, so nobody has it";
  if (why == "not-picked-up") return "not picked up yet: `lander pickup DIR`";
  if (why == "not-receipted")
    return "no receipt came: take the stick to its reader, and back to this site";
  if (why == "incomplete") return "some of it never left";
  if (why == "objects") return "files do not leave with the observations that name them";
  return why;
}

base::Status confirm(Session& session, const Wanted& wanted) {
  if (wanted.yes) return {};
  const std::string until = wanted.before.empty() ? "until now" : "before " + wanted.before;
  auto answer = session.world.ask(
      "Raw observations " + until + " that a recipient holds are deleted here. Go on? [y/N] ",
      false);
  if (!answer.ok()) return Error(Code::kDenied, "nobody is there to confirm it: say --yes");
  if (*answer == "y" || *answer == "yes") return {};
  return Error(Code::kDenied, "nothing was deleted");
}

base::Status wipe(Session& session, const Wanted& wanted) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_TRY(confirm(session, wanted));
  Json body = Json::object();
  if (!wanted.before.empty()) body["before"] = wanted.before;
  LANDER_ASSIGN(const Json answer, session.post(path + "/wipe", body));
  const std::int64_t gone = integer_of(answer, "observations");
  const Json& kept = member(answer, "kept");
  if (session.json) {
    session.raw(answer);
  } else {
    session.say("deleted: " + plural(gone, "observation", "observations") + ", " +
                bytes_text(static_cast<double>(integer_of(answer, "bytes"))) + "\n");
    Table table({"KEPT", "FROM", "WHY"});
    for (const auto& one : kept)
      table.add({text_of(one, "datastream"), text_of(one, "from"), why_text(text_of(one, "why"))});
    if (!table.empty()) session.say(table);
  }
  const std::int64_t waiting = integer_of(answer, "waiting");
  if (gone == 0 && kept.empty() && !session.json)
    session.say("What came in the last hours is not compacted yet, and stays until then.\n");
  if (gone > 0 || (kept.empty() && waiting == 0)) return {};
  return Error(Code::kConflict,
               "nothing was deleted: no receipt came" +
                   (waiting == 0 ? std::string()
                                 : " for " + plural(waiting, "item", "items") + " that wait") +
                   ". Take the stick to its reader, and back to this site");
}

}  // namespace

void add_pickup(Commands& commands) {
  auto wanted = std::make_shared<Wanted>();
  auto* picking = commands.add("pickup", "Take what a site has for couriers onto a stick", kDaily,
                               "lander pickup /media/stick",
                               [wanted](Session& session) { return pickup(session, *wanted); });
  picking->add_option("DIR", wanted->folder, "Where the stick is mounted, on this machine")
      ->required();
  picking->add_option("--peer", wanted->peer, "For this recipient only; hub: the hub");
  auto* wiping = commands.add("wipe", "Delete raw observations that a recipient holds", kServer,
                              "lander wipe --before 2026-06-01T00:00:00Z",
                              [wanted](Session& session) { return wipe(session, *wanted); });
  wiping->add_option("--before", wanted->before, "Only older ones; else all")->check(is_time());
  wiping->add_flag("--yes", wanted->yes, "Do not ask");
}

}  // namespace lander::cli
