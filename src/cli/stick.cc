// stick prepare: what waits for sites goes onto a stick.
#include "cli/stick.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/way_in.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

base::Result<std::vector<std::string>> sites_of(Session& session) {
  if (!session.site_flag.empty()) return std::vector{session.site_flag};
  LANDER_ASSIGN(const Json sites, session.get("/api/v1/sites"));
  std::vector<std::string> out;
  for (const auto& site : sites) out.push_back(text_of(site, "site"));
  return out;
}

base::Status prepare(Session& session, const std::string& path) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Me* me, session.me());
  LANDER_ASSIGN(OpenStick stick, open_stick(path));
  LANDER_ASSIGN(const auto sites, sites_of(session));
  LANDER_TRY(stick.files.mark(me->tenant));
  Json told = Json::array();
  for (const std::string& site : sites) {
    const auto left = leave_way_in(session, stick.files, me->tenant, site, {});
    if (!left.ok()) {
      // Of all sites those that are not enrolled yet are passed over.
      if (left.error().code() == Code::kConflict && session.site_flag.empty()) continue;
      return left.error();
    }
    told.push_back({{"site", site}, {"files", left->files}, {"bytes", left->bytes}});
    if (!session.json)
      session.say(site + ": " + plural(static_cast<std::int64_t>(left->files), "file", "files") +
                  ", " + bytes_text(static_cast<double>(left->bytes)) + "\n");
  }
  if (session.json) session.raw({{"tenant", me->tenant}, {"sites", told}});
  session.note("Sites of " + me->tenant +
               " take these in, and write onto this stick, by themselves.");
  return {};
}

}  // namespace

base::Result<OpenStick> open_stick(const std::string& path) {
  auto folder = os::open_folder(path);
  if (!folder.ok())
    return folder.error().code() == Code::kNotFound
               ? Error(Code::kNotFound, path + " is not there: is the stick mounted?")
               : folder.error();
  carrier::Stick files(**folder);
  return OpenStick{std::move(*folder), files};
}

std::string rate_text(std::uint64_t bytes, base::DurationUs took) {
  const double size = static_cast<double>(bytes);
  std::string out = bytes_text(size);
  if (took >= 100 * base::kMillisecond)
    out += ", " + bytes_text(size * base::kSecond / static_cast<double>(took)) + "/s";
  return out;
}

base::Status tell_refused(Session& session, const carrier::Stick::Listing& listing,
                          const carrier::Brought& brought) {
  for (const auto& line : listing.ignored) session.note("ignored: " + clean(line));
  for (const auto& line : brought.refused) session.note("refused: " + clean(line));
  if (brought.refused_count == 0) return {};
  return Error(Code::kCorrupt,
               plural(static_cast<std::int64_t>(brought.refused_count), "file was", "files were") +
                   " refused: " + brought.refused.front() +
                   "\nAll else was taken. What is damaged stays at its site until a receipt comes: "
                   "the next pickup brings it again.");
}

base::Result<WayInLeft> leave_way_in(Session& session, carrier::Stick& stick,
                                     const std::string& tenant, const std::string& site,
                                     base::Bytes last) {
  const std::string path = "/api/v1/sites/" + escaped(site) + "/way-in";
  std::string after;
  bool all = false;
  WayInLeft out;
  const auto next = [&]() -> base::Result<std::optional<base::Bytes>> {
    if (!all) {
      LANDER_ASSIGN(const auto body, session.fetch(path + Query().add("after", after).text()));
      LANDER_ASSIGN(auto part, carrier::decode_way_in(body));
      after = part.next;
      all = part.sealed.empty();
      out.bytes += part.sealed.size();
      if (!all) return std::optional(std::move(part.sealed));
    }
    if (last.empty()) return std::optional<base::Bytes>();
    out.bytes += last.size();
    return std::optional(std::exchange(last, {}));
  };
  LANDER_ASSIGN(out.files, carrier::leave(stick, {tenant, site, true, std::string(link::kHub)},
                                          static_cast<std::uint64_t>(session.now()), next));
  return out;
}

void add_sticks(Commands& commands) {
  auto* group = commands.group("stick", "What a courier carries", kSetUp);
  auto path = std::make_shared<std::string>();
  auto* preparing =
      commands.add(group, "prepare", "Put what waits for sites onto a stick, and mark it for them",
                   "lander stick prepare /media/stick --site station-1",
                   [path](Session& session) { return prepare(session, *path); });
  preparing->add_option("DIR", *path, "Where the stick is mounted")->required();
}

}  // namespace lander::cli
