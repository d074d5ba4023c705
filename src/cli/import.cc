// import: what a stick brought goes to the hub, or into a lake of one's own.
#include <charconv>
#include <set>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/export.h"
#include "cli/recipient.h"
#include "cli/stick.h"
#include "cli/way_in.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using carrier::Place;
using carrier::Stick;

struct Imported {
  carrier::Brought brought;
  std::map<std::string, base::Bytes> answers;  // the hub's last, by site; a recipient has none
  std::uint64_t items = 0;                     // that no carrier had brought before
  std::uint64_t left_files = 0;
  base::DurationUs took = 0;
};

// Those of sites for `peer`.
Stick::Listing for_peer(Stick::Listing listing, std::string_view peer) {
  std::erase_if(listing.files,
                [&](const auto& file) { return file.place.to_site || file.place.peer != peer; });
  return listing;
}

// Gives each file to `take` and shows how far it is.
carrier::Brought bring_all(
    Session& session, Stick& stick, const Stick::Listing& listing,
    const std::function<base::Status(const Place&, base::ByteView sealed)>& take) {
  Progress progress(session);
  std::uint64_t all = 0, done = 0;
  for (const auto& file : listing.files) all += file.bytes;
  const base::DurationUs began = session.world.clock.monotonic_us();
  return carrier::bring(stick, listing, [&](const Place& place, base::ByteView sealed) {
    const auto taken = take(place, sealed);
    done += sealed.size();
    progress.show(static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(all, 1)),
                  rate_text(done, session.world.clock.monotonic_us() - began) + ", " +
                      bytes_text(static_cast<double>(all - std::min(all, done))) + " left");
    return taken;
  });
}

base::Status tell(Session& session, const Stick::Listing& listing, const Imported& done) {
  if (session.json) {
    Json refused = Json::array(), ignored = Json::array();
    for (const auto& line : done.brought.refused) refused.push_back(line);
    for (const auto& line : listing.ignored) ignored.push_back(line);
    session.raw({{"files", done.brought.files},
                 {"bytes", done.brought.bytes},
                 {"items", done.items},
                 {"seconds", static_cast<double>(done.took) / base::kSecond},
                 {"left_files", done.left_files},
                 {"refused", refused},
                 {"ignored", ignored}});
  } else {
    session.say(plural(static_cast<std::int64_t>(done.brought.files), "file", "files") + ", " +
                rate_text(done.brought.bytes, done.took) + "; " +
                plural(static_cast<std::int64_t>(done.items), "item is", "items are") + " new\n");
    if (done.left_files > 0)
      session.note("The stick has receipts and all that waits for its sites: take it back there.");
    if (done.brought.files == 0 && done.brought.refused_count == 0)
      session.note("Nothing on this stick is for this reader.");
  }
  return tell_refused(session, listing, done.brought);
}

// Rows of the lake would not tell: what the network brings meanwhile is written with them.
base::Result<std::uint64_t> new_items(const http::ClientResponse& response) {
  for (const auto& [name, value] : response.headers) {
    std::uint64_t items = 0;
    const char* end = value.data() + value.size();
    if (name == "lander-new-items" && std::from_chars(value.data(), end, items).ptr == end)
      return items;
  }
  return Error(Code::kUnsupported,
               "the hub does not say how many items are new: is it older than this program?");
}

base::Status into_hub(Session& session, const std::string& folder) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Me* me, session.me());
  LANDER_ASSIGN(OpenStick stick, open_stick(folder));
  LANDER_ASSIGN(auto listing, stick.files.list(me->tenant, session.site_flag));
  listing = for_peer(std::move(listing), link::kHub);
  Imported done;
  const base::DurationUs began = session.world.clock.monotonic_us();
  done.brought = bring_all(
      session, stick.files, listing,
      [&](const Place& place, base::ByteView sealed) -> base::Status {
        LANDER_ASSIGN(auto response,
                      session.post_for_response("/api/v1/sites/" + escaped(place.site) + "/import",
                                                sealed, "application/cose"));
        LANDER_ASSIGN(const std::uint64_t items, new_items(response));
        done.items += items;
        done.answers[place.site] = std::move(response.body);
        return {};
      });
  std::erase_if(done.answers, [](const auto& answer) { return answer.second.empty(); });
  LANDER_TRY(session.send("POST", "/api/v1/lake/flush", {}, ""));
  done.took = session.world.clock.monotonic_us() - began;
  for (auto& [site, answer] : done.answers) {
    LANDER_ASSIGN(const auto left,
                  leave_way_in(session, stick.files, me->tenant, site, std::move(answer)));
    done.left_files += left.files;
  }
  return tell(session, listing, done);
}

base::Status into_folder(Session& session, const std::string& folder, const std::string& into) {
  World& world = session.world;
  LANDER_ASSIGN(Recipient recipient, Recipient::open(world, into));
  LANDER_ASSIGN(const std::string tenant, recipient.tenant());
  if (!world.lakes.open) {
    if (!world.become_parquet)
      return Error(Code::kUnsupported, "this program cannot keep a lake of its own");
    return world.become_parquet().context(
        "a lake needs the program lander-parquet beside this one");
  }
  LANDER_ASSIGN(OpenStick stick, open_stick(folder));
  LANDER_TRY(world.files.make_folders(recipient.lake_folder(), 0700));
  LANDER_ASSIGN(const auto lake, world.lakes.open(recipient.lake_folder()));
  LANDER_ASSIGN(auto listing, stick.files.list(tenant, session.site_flag));
  listing = for_peer(std::move(listing), recipient.name());
  Imported done;
  std::set<std::string> sites;
  const base::DurationUs began = world.clock.monotonic_us();
  done.brought = bring_all(session, stick.files, listing,
                           [&](const Place& place, base::ByteView sealed) -> base::Status {
                             sites.insert(place.site);
                             LANDER_ASSIGN(const std::size_t items,
                                           recipient.take(place.tenant, place.site, sealed, *lake));
                             done.items += items;
                             return {};
                           });
  LANDER_TRY(lake->flush());
  done.took = world.clock.monotonic_us() - began;
  for (const std::string& site : sites) {
    auto sealed = recipient.receipts(site);
    if (!sealed.ok() && sealed.error().code() == Code::kNotFound) continue;  // a site without card
    if (!sealed.ok()) return sealed.error();
    if (sealed->empty()) continue;  // nothing of it was ever taken
    const auto next = [&]() -> base::Result<std::optional<base::Bytes>> {
      if (sealed->empty()) return std::optional<base::Bytes>();
      return std::optional(std::exchange(*sealed, {}));
    };
    LANDER_ASSIGN(const std::uint64_t files,
                  carrier::leave(stick.files, {tenant, site, true, recipient.name()},
                                 static_cast<std::uint64_t>(session.now()), next));
    done.left_files += files;
  }
  return tell(session, listing, done);
}

}  // namespace

void add_import(Commands& commands) {
  auto folder = std::make_shared<std::string>();
  auto into = std::make_shared<std::string>();
  auto* importing = commands.add(
      "import", "Take in what a stick brought, into the hub or a lake of one's own", kDaily,
      "lander import /media/stick", [=](Session& session) {
        return into->empty() ? into_hub(session, *folder) : into_folder(session, *folder, *into);
      });
  importing->add_option("DIR", *folder, "Where the stick is mounted, on this machine")->required();
  importing->add_option("--into", *into,
                        "A recipient's folder (`lander recipient new`): no hub is asked");
}

}  // namespace lander::cli
