#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "twin/twin.h"

namespace lander::twin {
namespace {

const std::string kV1(64, '1'), kV2(64, '2'), kV3(64, '3');
constexpr base::TimeUs kNow = 1'795'000'000 * base::kSecond;

// What a version is like.
struct Nature {
  bool trusted = true, starts = true, healthy = true;
};

struct Crash {};

// A site around the machine: the disk survives a crash, what runs does not. Every step is: persist,
// act, tell. `crash_at` counts these points and ends the process at one of them.
class Site {
 public:
  std::map<std::string, Nature> versions = {{kV1, {}}, {kV2, {}}, {kV3, {}}};
  int crash_at = -1;
  int points = 0;

  void want(const std::string& digest) {
    desired_ = digest;
    live([&] { tell({AppEventKind::kWant, digest}); });
  }
  void unwant() {
    desired_.clear();
    live([&] { tell({AppEventKind::kUnwant}); });
  }
  const AppState& state() const { return disk_state_; }
  const std::string& runs() const { return runs_; }
  int starts(const std::string& digest) { return starts_[digest]; }

 private:
  template <class F>
  void live(F first) {
    try {
      first();
    } catch (const Crash&) {
      restart();
    }
  }

  void restart() {
    runs_.clear();
    const auto stored = decode_app_state(encode(disk_state_));
    ASSERT_TRUE(stored.ok());
    disk_state_ = *stored;
    live([&] {
      tell({AppEventKind::kRestarted});
      tell(desired_.empty() ? AppEvent{AppEventKind::kUnwant}
                            : AppEvent{AppEventKind::kWant, desired_});
    });
  }

  void maybe_crash() {
    if (points++ == crash_at) throw Crash{};
  }

  void tell(AppEvent event) {
    for (std::optional<AppEvent> next = std::move(event); next;) {
      maybe_crash();
      const AppStep after = step(disk_state_, *next, kNow);
      maybe_crash();
      disk_state_ = after.state;
      maybe_crash();
      next = act(after);
      maybe_crash();
      if (!next && disk_state_.state == UpdateState::kGate) next = gate();
    }
  }

  std::optional<AppEvent> gate() {
    const std::string digest = disk_state_.running;
    if (versions.at(digest).healthy) return AppEvent{AppEventKind::kGatePassed, digest};
    return AppEvent{AppEventKind::kGateFailed, digest, "6 alerts within the gate"};
  }

  std::optional<AppEvent> act(const AppStep& after) {
    const std::string& digest = after.digest;
    switch (after.action) {
      case AppDo::kNothing:
        return std::nullopt;
      case AppDo::kFetch:
        return AppEvent{AppEventKind::kArrived, digest};
      case AppDo::kVerify:
        if (versions.at(digest).trusted) return AppEvent{AppEventKind::kVerified, digest};
        return AppEvent{AppEventKind::kRefused, digest, "its signer is not trusted"};
      case AppDo::kStart:
      case AppDo::kStartPrevious:
        runs_.clear();
        if (!versions.at(digest).starts) {
          return AppEvent{AppEventKind::kStartFailed, digest, "no datastream for port vibration"};
        }
        runs_ = digest;
        ++starts_[digest];
        return AppEvent{AppEventKind::kStarted, digest, "", kNow + 30 * base::kSecond};
      case AppDo::kStop:
        runs_.clear();
        return std::nullopt;
    }
    return std::nullopt;
  }

  AppState disk_state_;
  std::string desired_, runs_;
  std::map<std::string, int> starts_;
};

struct Story {
  const char* name;
  Nature v2;
  std::vector<std::string> wants;  // "" = unwant
  std::string runs;
  UpdateState state;
  Status status;
};

const Story kStories[] = {
    {"a first install", {}, {kV1}, kV1, UpdateState::kRunning, Status::kApplied},
    {"a good update", {}, {kV1, kV2}, kV2, UpdateState::kRunning, Status::kApplied},
    {"an update that is sick",
     {true, true, false},
     {kV1, kV2},
     kV1,
     UpdateState::kRunning,
     Status::kRolledBack},
    {"an update that does not start",
     {true, false, true},
     {kV1, kV2},
     kV1,
     UpdateState::kRunning,
     Status::kRolledBack},
    {"an update that is not trusted",
     {false, true, true},
     {kV1, kV2},
     kV1,
     UpdateState::kRunning,
     Status::kRefused},
    {"a first install that is sick",
     {true, true, false},
     {kV2},
     "",
     UpdateState::kFailed,
     Status::kFailed},
    {"a first install that is not trusted",
     {false, true, true},
     {kV2},
     "",
     UpdateState::kFailed,
     Status::kRefused},
    {"sick, then mended",
     {true, true, false},
     {kV1, kV2, kV3},
     kV3,
     UpdateState::kRunning,
     Status::kApplied},
    {"sick, then back to the old",
     {true, true, false},
     {kV1, kV2, kV1},
     kV1,
     UpdateState::kRunning,
     Status::kApplied},
    {"taken away", {}, {kV1, ""}, "", UpdateState::kIdle, Status::kPending},
    {"taken away and put back", {}, {kV1, "", kV2}, kV2, UpdateState::kRunning, Status::kApplied},
};

void tell_story(Site& site, const Story& story) {
  site.versions[kV2] = story.v2;
  for (const std::string& want : story.wants) want.empty() ? site.unwant() : site.want(want);
}

TEST(AppUpdate, EndsAsItShould) {
  for (const Story& story : kStories) {
    Site site;
    tell_story(site, story);
    EXPECT_EQ(site.runs(), story.runs) << story.name;
    EXPECT_EQ(site.state().state, story.state) << story.name;
    EXPECT_EQ(status(site.state()), story.status) << story.name;
    EXPECT_EQ(site.state().reason.empty(),
              story.status == Status::kApplied || story.state == UpdateState::kIdle)
        << story.name << ": " << site.state().reason;
  }
}

TEST(AppUpdate, EndsTheSameWhereverTheSiteCrashes) {
  for (const Story& story : kStories) {
    Site calm;
    tell_story(calm, story);
    for (int point = 0; point < calm.points; ++point) {
      Site site;
      site.crash_at = point;
      tell_story(site, story);
      EXPECT_EQ(site.runs(), story.runs) << story.name << ", crash at " << point;
      EXPECT_EQ(site.state().state, story.state) << story.name << ", crash at " << point;
      EXPECT_EQ(status(site.state()), story.status) << story.name << ", crash at " << point;
    }
  }
}

TEST(AppUpdate, AVersionThatFailedItsGateIsNotTriedAgainByItself) {
  Site site;
  site.versions[kV2].healthy = false;
  site.want(kV1);
  site.want(kV2);
  const int tried = site.starts(kV2);
  site.want(kV2);
  EXPECT_EQ(site.starts(kV2), tried);
  EXPECT_EQ(site.runs(), kV1);
  EXPECT_EQ(site.state().reason, "6 alerts within the gate");
}

TEST(AppUpdate, ARefusedVersionIsTriedAgainWhenItIsWantedAgain) {
  Site site;
  site.versions[kV2].trusted = false;
  site.want(kV1);
  site.want(kV2);
  EXPECT_EQ(status(site.state()), Status::kRefused);
  site.versions[kV2].trusted = true;  // the tenant signed a new trust document
  site.want(kV2);
  EXPECT_EQ(site.runs(), kV2);
  EXPECT_EQ(status(site.state()), Status::kApplied);
}

AppState in_gate(const std::string& running, const std::string& previous) {
  AppState state;
  state.name = "pump-watch";
  state.state = UpdateState::kGate;
  state.running = state.wanted = running;
  state.previous = previous;
  return state;
}

TEST(AppUpdate, AVersionThatEndsTheSiteAgainAndAgainIsRolledBack) {
  AppState state = in_gate(kV2, kV1);
  AppStep last;
  for (int i = 0; i < 6; ++i) {
    last = step(state, {AppEventKind::kRestarted}, kNow);
    state = last.state;
  }
  EXPECT_EQ(state.state, UpdateState::kRollingBack);
  EXPECT_EQ(last.action, AppDo::kStartPrevious);
  EXPECT_EQ(last.digest, kV1);
  EXPECT_EQ(state.reason, "the site's process ended 6 times within the gate");
}

TEST(AppUpdate, ANewerVersionOvertakesOneInItsGateByWayOfTheLastGoodOne) {
  AppStep s = step(in_gate(kV2, kV1), {AppEventKind::kWant, kV3}, kNow);
  EXPECT_EQ(s.action, AppDo::kStartPrevious);
  EXPECT_EQ(s.digest, kV1);
  s = step(s.state, {AppEventKind::kStarted, kV1}, kNow);
  EXPECT_EQ(s.state.running, kV1);
  EXPECT_EQ(s.action, AppDo::kFetch);
  EXPECT_EQ(s.digest, kV3);
  s = step(s.state, {AppEventKind::kArrived, kV3}, kNow);
  s = step(s.state, {AppEventKind::kVerified, kV3}, kNow);
  EXPECT_EQ(s.action, AppDo::kStart);
  EXPECT_EQ(s.state.previous, kV1);
}

TEST(AppUpdate, EventsOfAVersionThatIsNoLongerTheMatterChangeNothing) {
  AppState state;
  state = step(state, {AppEventKind::kWant, kV1}, kNow).state;
  state = step(state, {AppEventKind::kWant, kV2}, kNow).state;
  for (const auto kind : {AppEventKind::kArrived, AppEventKind::kVerified, AppEventKind::kRefused,
                          AppEventKind::kStarted, AppEventKind::kStartFailed,
                          AppEventKind::kGatePassed, AppEventKind::kGateFailed}) {
    const AppStep after = step(state, {kind, kV1, "late"}, kNow);
    EXPECT_EQ(encode(after.state), encode(state));
    EXPECT_EQ(after.action, AppDo::kNothing);
  }
}

TEST(AppUpdate, NoOrderOfEventsLeavesItStuckOrRunningNothingItCouldRun) {
  const std::string digests[] = {kV1, kV2, kV3, ""};
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    std::mt19937_64 random(seed);
    AppState state;
    for (int i = 0; i < 60; ++i) {
      AppEvent event{static_cast<AppEventKind>(random() % 10), digests[random() % 4], "because"};
      state = step(state, event, kNow + i).state;
      const auto stored = decode_app_state(encode(state));
      ASSERT_TRUE(stored.ok()) << stored.error().message();
      if (state.state == UpdateState::kRunning || state.state == UpdateState::kGate) {
        ASSERT_FALSE(state.running.empty()) << "seed " << seed;
      }
      if (state.state == UpdateState::kRollingBack) {
        ASSERT_FALSE(state.previous.empty()) << "seed " << seed;
      }
    }
    // From wherever it is, a new good version gets through.
    const std::string good(64, '9');
    AppStep s = step(state, {AppEventKind::kWant, good}, kNow);
    for (int i = 0; i < 10 && status(s.state) != Status::kApplied; ++i) {
      const AppEventKind next = s.action == AppDo::kFetch     ? AppEventKind::kArrived
                                : s.action == AppDo::kVerify  ? AppEventKind::kVerified
                                : s.action == AppDo::kNothing ? AppEventKind::kGatePassed
                                                              : AppEventKind::kStarted;
      const std::string about = !s.digest.empty()                            ? s.digest
                                : s.state.state == UpdateState::kRollingBack ? s.state.previous
                                                                             : s.state.running;
      s = step(s.state,
               {s.state.state == UpdateState::kRollingBack ? AppEventKind::kStarted : next, about},
               kNow);
    }
    EXPECT_EQ(s.state.running, good) << "seed " << seed;
    EXPECT_EQ(status(s.state), Status::kApplied) << "seed " << seed;
  }
}

TEST(AppUpdate, ADamagedStateIsRefusedOrHasItsOneForm) {
  AppState state = in_gate(kV2, kV1);
  state.reason = "r";
  const base::Bytes good = encode(state);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_app_state(bad);
    if (decoded.ok()) {
      ASSERT_EQ(encode(*decoded), bad);
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_app_state(base::ByteView(good).first(size)).ok());
  }
}

}  // namespace
}  // namespace lander::twin
