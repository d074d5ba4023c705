#include "site/pickups.h"

#include <algorithm>

#include "os/folder.h"
#include "os/log.h"
#include "os/proc.h"

namespace lander::site {
namespace {

using base::Code;
using base::Error;

constexpr base::DurationUs kLookEvery = 5 * base::kSecond;
constexpr std::size_t kMaxSticks = 16, kMaxEntries = 256;
constexpr int kDepth = 2;  // /media/STICK and /media/USER/STICK

// Within `root`, at most kDepth below it; nothing: elsewhere.
std::optional<std::string> within(const std::string& root, const std::string& path) {
  if (path.size() <= root.size() + 1 || !path.starts_with(root) || path[root.size()] != '/')
    return std::nullopt;
  std::string inner = path.substr(root.size() + 1);
  while (inner.ends_with('/')) inner.pop_back();
  if (std::count(inner.begin(), inner.end(), '/') >= kDepth) return std::nullopt;
  return inner;
}

}  // namespace

Pickups::Pickups(CarrierDesk& desk, os::Clock& clock, std::vector<std::string> roots)
    : desk_(desk),
      clock_(clock),
      roots_(std::move(roots)),
      worker_(
          "courier", 4, [this] { look(); }, kLookEvery) {
  worker_.wake();
}

Pickups::~Pickups() {
  stopping_ = true;
  worker_.stop();
}

std::vector<Pickups::StickState> Pickups::sticks() const {
  const std::lock_guard lock(mutex_);
  return sticks_;
}

Pickups::State Pickups::state() const {
  const std::lock_guard lock(mutex_);
  State out = state_;
  if (out.state == "running") {
    out.running = clock_.monotonic_us() - out.running;  // held the beginning
    if (out.running > 0)
      out.bytes_a_second =
          static_cast<double>(out.done.bytes) * base::kSecond / static_cast<double>(out.running);
  }
  return out;
}

// What is mounted there, and folders: those count only when they are marked.
std::vector<Pickups::Mounted> Pickups::candidates() const {
  std::vector<Mounted> out;
  const auto mounts = os::mount_points();
  for (const std::string& root : roots_) {
    std::set<std::string> known;
    if (mounts.ok()) {
      for (const std::string& mount : *mounts) {
        const auto path = within(root, mount);
        if (path && known.insert(*path).second) out.push_back({root, *path, true});
      }
    }
    const auto folder = os::open_folder(root);
    if (!folder.ok()) continue;
    std::vector<std::string> open{""};
    for (int depth = 0; depth < kDepth; ++depth) {
      std::vector<std::string> below;
      for (const std::string& path : open) {
        const auto entries = (*folder)->list(path, kMaxEntries);
        if (!entries.ok()) continue;
        for (const auto& entry : *entries)
          if (entry.folder) below.push_back(path.empty() ? entry.name : path + "/" + entry.name);
      }
      for (const std::string& path : below)
        if (known.insert(path).second) out.push_back({root, path, false});
      open = std::move(below);
    }
  }
  return out;
}

void Pickups::look() {
  std::string tenant;
  if (!desk_.run_on_core([&](Core& core) {
        if (core.enrolled()) tenant = core.context().tenant;
      }))
    return;
  std::vector<StickState> now;
  std::set<std::string> there;
  std::optional<Mounted> appeared;
  for (const Mounted& candidate : candidates()) {
    auto folder = os::open_folder_within(candidate.root, candidate.path);
    if (!folder.ok()) continue;
    const bool marked = !tenant.empty() && carrier::Stick(**folder).marked(tenant);
    if (!marked && !candidate.mounted) continue;
    const auto free = (*folder)->free_bytes();
    now.push_back({candidate.folder(), marked, candidate.mounted, free.ok() ? *free : 0});
    if (marked) there.insert(candidate.folder());
    if (marked && !met_.contains(candidate.folder()) && !appeared) appeared = candidate;
    if (now.size() == kMaxSticks) break;
  }
  std::erase_if(met_, [&](const std::string& folder) { return !there.contains(folder); });
  {
    const std::lock_guard lock(mutex_);
    sticks_ = std::move(now);
    if (!appeared || state_.state == "running") return;
    state_ = {};
    state_.state = "running";
    state_.folder = appeared->folder();
    state_.running = clock_.monotonic_us();
  }
  run(*appeared, "");
}

base::Result<Pickups::Mounted> Pickups::find(const std::string& folder) const {
  for (const Mounted& candidate : candidates()) {
    if (candidate.folder() != folder) continue;
    auto opened = os::open_folder_within(candidate.root, candidate.path);
    if (!opened.ok()) return opened.error();
    if (candidate.mounted) return candidate;
    std::string tenant;
    desk_.run_on_core([&](Core& core) { tenant = core.context().tenant; });
    if (carrier::Stick(**opened).marked(tenant)) return candidate;
  }
  return Error(Code::kNotFound,
               "no stick at \"" + folder.substr(0, 256) +
                   "\": GET .../sticks lists those that are mounted, or marked for this tenant "
                   "(`lander stick prepare DIR`)");
}

base::Status Pickups::start(const std::string& folder, const std::string& peer) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.state == "running")
      return Error(Code::kConflict, "a pickup onto " + state_.folder + " runs: wait for it");
    state_ = {};
    state_.state = "running";
    state_.folder = folder;
    state_.peer = peer;
    state_.running = clock_.monotonic_us();
  }
  const bool posted = worker_.post([this, folder, peer] {
    const auto stick = find(folder);
    if (stick.ok()) return run(*stick, peer);
    change([&](State& state) {
      state.state = "failed";
      state.reason = stick.error().message();
    });
  });
  if (posted) return {};
  change([](State& state) { state = {}; });
  return Error(Code::kUnavailable, "too much waits for the courier's thread: try again");
}

void Pickups::run(const Mounted& stick, const std::string& peer) {
  const base::DurationUs began = clock_.monotonic_us();
  change([&](State& state) {
    state.running = began;
    state.began = clock_.wall_us();
  });
  met_.insert(stick.folder());
  const auto done = pick_up(stick, peer);
  // Pulled out, and perhaps back before the next look: it begins by itself then, too.
  if (!done.ok() && !os::open_folder_within(stick.root, stick.path).ok())
    met_.erase(stick.folder());
  const base::DurationUs took = clock_.monotonic_us() - began;
  change([&](State& state) {
    state.state = done.ok() ? "done" : "failed";
    state.reason = done.ok() ? "" : done.error().message();
    state.ended = clock_.wall_us();
    state.running = took;
    state.bytes_a_second =
        took > 0 ? static_cast<double>(state.done.bytes) * base::kSecond / static_cast<double>(took)
                 : 0;
  });
  const State end = state();
  if (done.ok()) {
    os::log_info("courier", "picked up",
                 {{"stick", end.folder}, {"files", end.done.files}, {"bytes", end.done.bytes}});
  } else {
    os::log_warn("courier", "a pickup stopped; plug the stick in again and it goes on",
                 {{"stick", end.folder}, {"reason", end.reason}});
  }
}

base::Status Pickups::pick_up(const Mounted& stick, const std::string& peer) {
  auto folder = os::open_folder_within(stick.root, stick.path);
  if (!folder.ok()) return folder.error();
  carrier::Stick on(**folder);
  std::string tenant, site;
  std::vector<std::string> peers;
  const auto ask = [&](Core& core) {
    tenant = core.context().tenant;
    site = core.context().site;
    peers = core.peers();
  };
  if (!desk_.run_on_core(ask)) return Error(Code::kUnavailable, "the site stops");
  LANDER_TRY(take_in(on, tenant, site));
  desk_.run_on_core(ask);  // a new trust document may name others
  if (!peer.empty()) peers = {peer};
  for (const std::string& name : peers) {
    change([&](State& state) { state.peer = name; });
    LANDER_TRY(write_out(on, {tenant, site, false, name}));
  }
  return {};
}

base::Status Pickups::take_in(carrier::Stick& stick, const std::string& tenant,
                              const std::string& site) {
  LANDER_ASSIGN(auto listing, stick.list(tenant, site));
  std::erase_if(listing.files, [](const auto& file) { return !file.place.to_site; });
  auto brought = carrier::bring(
      stick, listing, [&](const carrier::Place& place, base::ByteView sealed) -> base::Status {
        base::Status taken = Error(Code::kUnavailable, "the site stops");
        desk_.run_on_core([&](Core& core) { taken = core.brought(place.peer, sealed); });
        return taken;
      });
  change([&](State& state) {
    state.brought = brought.files;
    state.refused = std::move(brought.refused);
  });
  return {};
}

base::Status Pickups::write_out(carrier::Stick& stick, const carrier::Place& place) {
  const auto vitals = desk_.vitals();
  const carrier::PickedUp before = state().done;
  const auto ask = [&](const carrier::PartAsked& asked) -> base::Result<carrier::Part> {
    base::Result<carrier::Part> part = Error(Code::kUnavailable, "the site stops");
    desk_.run_on_core([&](Core& core) { part = core.pickup_part(asked, vitals); });
    return part;
  };
  const auto told = [&](const carrier::PickedUp& now) {
    change([&](State& state) {
      state.done = now;
      state.done.files += before.files;
      state.done.bytes += before.bytes;
      state.done.items += before.items;
      state.done.kept += before.kept;
      state.done.mended += before.mended;
      state.done.removed += before.removed;
    });
    return !stopping_;
  };
  const auto done = carrier::pick_up(stick, place, ask, told);
  if (!done.ok()) return done.error();
  told(*done);
  return {};
}

}  // namespace lander::site
