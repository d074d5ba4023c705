#include "fleet/fleet.h"

#include <gtest/gtest.h>

#include <limits>

namespace lander::fleet {
namespace {

using base::kDay;
using base::kSecond;
using twin::Status;

constexpr base::TimeUs kNow = 1'795'000'000 * kSecond;

TEST(Presence, LateIsNotSilent) {
  const ContactPlan plan;
  EXPECT_EQ(presence(plan, 0, kNow), Presence::kNever);
  EXPECT_EQ(presence(plan, kNow, kNow), Presence::kOnTime);
  EXPECT_EQ(presence(plan, kNow - 45 * kSecond, kNow), Presence::kOnTime);
  EXPECT_EQ(presence(plan, kNow - 45 * kSecond - 1, kNow), Presence::kLate);
  EXPECT_EQ(presence(plan, kNow - kDay, kNow), Presence::kLate);
  EXPECT_EQ(presence(plan, kNow - kDay - 1, kNow), Presence::kSilent);
  EXPECT_EQ(presence(plan, kNow + kDay, kNow), Presence::kOnTime) << "the hub's clock was set back";
}

TEST(Presence, ASiteThatSpeaksOnceAWeekIsNotSilentAfterADay) {
  const ContactPlan weekly{7 * kDay, kDay, kDay};
  EXPECT_EQ(presence(weekly, kNow - 2 * kDay, kNow), Presence::kOnTime);
  EXPECT_EQ(presence(weekly, kNow - 8 * kDay, kNow), Presence::kOnTime);
  EXPECT_EQ(presence(weekly, kNow - 9 * kDay, kNow), Presence::kSilent);
}

Rollout three_phases() {
  Rollout out;
  out.id = "r1";
  out.tenant = "acme";
  out.app = "pump-watch";
  out.version = "2.0.0";
  out.digest = std::string(64, 'b');
  out.author = "bo";
  out.phases = {{"a"}, {"b", "c"}, {"d", "e", "f"}};
  return out;
}

twin::Reported reported(const Rollout& rollout, Status status, std::string reason = "") {
  twin::Reported out;
  out.components = {{"source/plc1", "r3", "r3", Status::kFailed, "another matter", 0},
                    {"app/pump-watch", twin::app_label(rollout.version, rollout.digest), "", status,
                     std::move(reason), 0}};
  return out;
}

using Names = std::vector<std::string>;

TEST(Rollout, GoesOutPhaseByPhase) {
  RolloutStep step = start(three_phases());
  EXPECT_EQ(step.assign, Names{"a"});
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kPending));
  EXPECT_EQ(step.assign, Names{});
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.assign, (Names{"b", "c"}));
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.assign, Names{}) << "told once";
  step = on_reported(step.rollout, "c", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.assign, Names{}) << "b is still at it";
  step = on_reported(step.rollout, "b", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.assign, (Names{"d", "e", "f"}));
  for (const char* site : {"d", "e", "f"}) {
    EXPECT_EQ(step.rollout.state, Rollout::State::kRunning);
    step = on_reported(step.rollout, site, reported(step.rollout, Status::kApplied));
  }
  EXPECT_EQ(step.rollout.state, Rollout::State::kDone);
}

TEST(Rollout, HaltsWhenTooManySitesFailAndSaysWhichAndWhy) {
  for (const Status status : {Status::kRefused, Status::kFailed, Status::kRolledBack}) {
    RolloutStep step = start(three_phases());
    step = on_reported(step.rollout, "a", reported(step.rollout, status, "6 alerts in the gate"));
    EXPECT_EQ(step.rollout.state, Rollout::State::kHalted);
    EXPECT_EQ(step.rollout.reason, "1 of 6 sites failed, at most 0 may (a: 6 alerts in the gate)");
    EXPECT_EQ(step.assign, Names{});
    step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
    EXPECT_EQ(step.assign, Names{}) << "a halted rollout stays halted";
    EXPECT_EQ(step.rollout.sites["a"].status, Status::kApplied) << "but the truth is shown";
  }
}

TEST(Rollout, GoesOnOverAsManyFailuresAsAreAllowed) {
  Rollout rollout = three_phases();
  rollout.max_failed = 1;
  RolloutStep step = start(rollout);
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kRefused, "ambiguous port"));
  EXPECT_EQ(step.assign, (Names{"b", "c"}));
  step = on_reported(step.rollout, "b", reported(step.rollout, Status::kRolledBack, "sick"));
  EXPECT_EQ(step.rollout.state, Rollout::State::kHalted);
}

TEST(Rollout, HearsOnlyWhatIsAboutItsVersionAndItsPhase) {
  RolloutStep step = start(three_phases());
  twin::Reported old = reported(step.rollout, Status::kApplied);
  old.components[1].desired = twin::app_label("1.0.0", std::string(64, 'a'));
  step = on_reported(step.rollout, "a", old);
  EXPECT_EQ(step.assign, Names{}) << "version 1 is applied, which is no news";
  step = on_reported(step.rollout, "a", {});
  EXPECT_EQ(step.assign, Names{});
  step = on_reported(step.rollout, "d", reported(step.rollout, Status::kFailed));
  EXPECT_EQ(step.rollout.state, Rollout::State::kRunning) << "its phase has not begun";
  step = on_reported(step.rollout, "z", reported(step.rollout, Status::kFailed));
  EXPECT_EQ(step.rollout.state, Rollout::State::kRunning) << "not one of its sites";
}

TEST(Rollout, DoesNotWaitForASiteThatIsGone) {
  RolloutStep step = start(three_phases());
  step = on_removed(step.rollout, "a");
  EXPECT_EQ(step.assign, (Names{"b", "c"}));
  step = on_removed(step.rollout, "d");
  EXPECT_EQ(step.assign, Names{});
  step = on_reported(step.rollout, "b", reported(step.rollout, Status::kApplied));
  step = on_removed(step.rollout, "c");
  EXPECT_EQ(step.assign, (Names{"e", "f"}));
}

TEST(Rollout, PhasesWithoutSitesArePassedOver) {
  Rollout rollout = three_phases();
  rollout.phases = {{}, {}, {"a"}, {}};
  RolloutStep step = start(rollout);
  EXPECT_EQ(step.assign, Names{"a"});
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.rollout.state, Rollout::State::kDone);
  rollout.phases = {{}};
  EXPECT_EQ(start(rollout).rollout.state, Rollout::State::kDone);
}

TEST(Rollout, CancelledAssignsNothingMore) {
  RolloutStep step = start(three_phases());
  step.rollout = cancel(step.rollout, "by bo: wrong version");
  EXPECT_EQ(to_string(step.rollout.state), "cancelled");
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
  EXPECT_EQ(step.assign, Names{});
  EXPECT_EQ(step.rollout.reason, "by bo: wrong version");
  Rollout done = start(three_phases()).rollout;
  done.state = Rollout::State::kDone;
  EXPECT_EQ(cancel(done, "late").state, Rollout::State::kDone);
}

TEST(Rollout, OneThatCannotBeIsNotStarted) {
  Rollout rollout = three_phases();
  rollout.phases = {{"a"}, {"b", "a"}};
  const RolloutStep step = start(rollout);
  EXPECT_EQ(step.rollout.state, Rollout::State::kCancelled);
  EXPECT_EQ(step.rollout.reason, "rollout r1: site \"a\" is named twice");
  EXPECT_TRUE(step.assign.empty());
  rollout.phases.clear();
  EXPECT_FALSE(valid(rollout).ok());
  rollout = three_phases();
  rollout.digest.clear();
  EXPECT_FALSE(valid(rollout).ok());
}

TEST(Rollout, SurvivesTheDiskAndDamageIsRefused) {
  RolloutStep step = start(three_phases());
  step = on_reported(step.rollout, "a", reported(step.rollout, Status::kApplied));
  const base::Bytes good = encode(step.rollout);
  const auto back = decode_rollout(good);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(encode(*back), good);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_rollout(base::ByteView(good).first(size)).ok());
  }
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_rollout(bad);
    if (!decoded.ok()) continue;
    ASSERT_EQ(encode(*decoded), bad) << "byte " << i / 8;
    // Whatever it is, it can be worked on.
    for (const char* site : {"a", "b", "c", "d", "e", "f"}) {
      on_removed(on_reported(*decoded, site, reported(*decoded, Status::kApplied)).rollout, site);
    }
  }
}

}  // namespace
}  // namespace lander::fleet
