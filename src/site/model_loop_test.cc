// The loop of models: every way through it, and what a restart at any step leaves.
#include "site/model_loop.h"

#include <gtest/gtest.h>

namespace lander::site {
namespace {

using enum LoopPhase;
using model::Happening;

constexpr base::TimeUs kStart = 1'795'000'000 * base::kSecond;

// Virtual time, and an owner that does what it is told as the site does.
struct World {
  LoopFacts facts;
  LoopState state;
  std::vector<model::Event> history;
  LoopDo last = LoopDo::kNothing;
  std::vector<LoopDo> done;

  World() {
    facts.now = kStart;
    facts.autonomy = twin::Autonomy::kPromote;
    facts.active = "old";
    facts.active_trained = kStart - base::kDay;
    facts.false_alarms_per_day = 1.0 / 30;
    state.asset = "pump";
    state.since = kStart;
  }
  void tell(const LoopEvent& event) {
    const LoopStep next = step(state, event, facts);
    // What is persisted is what goes on.
    const auto stored = decode_loop_state(encode(next.state));
    ASSERT_TRUE(stored.ok()) << stored.error().message();
    state = *stored;
    for (const auto& e : next.events) history.push_back(e);
    last = next.action;
    if (last != LoopDo::kNothing) done.push_back(last);
    if (last == LoopDo::kPromote) {
      facts.previous = facts.active;
      facts.active = facts.shadow;
      facts.shadow.clear();
    } else if (last == LoopDo::kRollBack) {
      std::swap(facts.active, facts.previous);
    } else if (last == LoopDo::kDropShadow) {
      facts.shadow.clear();
    }
  }
  void tick(base::DurationUs after = 0) {
    facts.now += after;
    tell({});
  }
  void event(LoopEventKind kind, const std::string& text = "") {
    LoopEvent out;
    out.kind = kind;
    out.digest = out.reason = text;
    tell(out);
  }
  void trained(const std::string& digest) {
    facts.shadow = digest;
    event(LoopEventKind::kTrained, digest);
  }
  void compared(std::uint64_t alarms, std::uint64_t before, std::uint64_t found = 1,
                std::uint64_t found_before = 1, std::int64_t rows = 80'000) {
    LoopEvent out;
    out.kind = LoopEventKind::kCompared;
    out.comparison = {rows, alarms, before, 1, found, found_before, rows * base::kSecond};
    tell(out);
  }
  // To the model that was promoted by itself.
  void promote() {
    facts.drift = 1.2;
    tick();
    facts.drift = 0;
    trained("new");
    tick(kShadowTime);
    compared(0, 0);
  }
  Happening newest() const { return history.back().what; }
};

TEST(ModelLoop, DriftNewVerdictsOrAgeTrainAndNothingElseDoes) {
  World quiet;
  for (int day = 0; day < 28; ++day) quiet.tick(base::kDay);
  EXPECT_TRUE(quiet.done.empty());
  quiet.tick(2 * base::kDay);
  EXPECT_EQ(quiet.last, LoopDo::kTrain) << "a month old";
  World drifted;
  drifted.facts.drift = 1;
  drifted.facts.drift_reason = "v is outside of what was learned 8 % of the time";
  drifted.tick(base::kMinute);
  EXPECT_EQ(drifted.last, LoopDo::kTrain);
  drifted.trained("new");
  EXPECT_EQ(drifted.history.back().reason,
            "drift: v is outside of what was learned 8 % of the time");
  World judged;
  judged.facts.labels = kEnoughLabels - 1;
  judged.tick(base::kMinute);
  EXPECT_EQ(judged.last, LoopDo::kNothing);
  judged.facts.labels = kEnoughLabels;
  judged.tick(base::kMinute);
  EXPECT_EQ(judged.last, LoopDo::kTrain);
  judged.trained("new");
  EXPECT_EQ(judged.state.labels, kEnoughLabels);
  EXPECT_EQ(judged.history.back().reason, "3 new verdicts");
}

TEST(ModelLoop, ANoWorseShadowIsPromotedAfterItsDayAndProvenAfterItsProbation) {
  World world;
  world.promote();
  EXPECT_EQ(world.last, LoopDo::kPromote);
  EXPECT_EQ(world.facts.active, "new");
  EXPECT_EQ(world.state.phase, kProbation);
  EXPECT_EQ(world.done, (std::vector{LoopDo::kTrain, LoopDo::kCompare, LoopDo::kPromote}));
  world.facts.alarms = 2;  // within what a week may bring
  world.tick(kProbationTime);
  EXPECT_EQ(world.newest(), Happening::kProven);
  EXPECT_EQ(world.state.phase, kWatching);
}

TEST(ModelLoop, AShadowThatAlarmsMoreOrFindsLessIsSetAsideWithTheNumbers) {
  for (const bool blind : {false, true}) {
    World world;
    world.facts.drift = 1;
    world.tick();
    world.trained("new");
    world.tick(kShadowTime);
    blind ? world.compared(0, 3, 0, 1) : world.compared(2, 1);
    EXPECT_EQ(world.last, LoopDo::kDropShadow);
    EXPECT_EQ(world.facts.active, "old");
    EXPECT_EQ(world.newest(), Happening::kRefused);
    EXPECT_FALSE(world.history.back().numbers.empty());
    world.tick(base::kMinute);
    EXPECT_EQ(world.last, LoopDo::kTrain) << "a day has passed since it was trained";
  }
}

TEST(ModelLoop, TooLittleToCompareIsAnotherDayBesideTheActiveOne) {
  World world;
  world.facts.drift = 1;
  world.tick();
  world.trained("new");
  world.tick(kShadowTime);
  world.compared(0, 0, 0, 0, kLeastCompared - 1);
  EXPECT_EQ(world.state.phase, kShadowing);
  world.tick(base::kHour);
  EXPECT_EQ(world.last, LoopDo::kNothing);
  world.tick(kShadowTime);
  EXPECT_EQ(world.last, LoopDo::kCompare);
}

TEST(ModelLoop, TheGuardrailSaysHowFarItGoes) {
  World none;
  none.facts.autonomy = twin::Autonomy::kNone;
  none.facts.drift = 5;
  none.facts.labels = 50;
  for (int day = 0; day < 60; ++day) none.tick(base::kDay);
  EXPECT_TRUE(none.done.empty());
  World shadow;
  shadow.facts.autonomy = twin::Autonomy::kShadow;
  shadow.promote();
  EXPECT_EQ(shadow.state.phase, kProposed);
  EXPECT_EQ(shadow.newest(), Happening::kProposed);
  for (int day = 0; day < 60; ++day) shadow.tick(base::kDay);
  EXPECT_EQ(shadow.facts.active, "old") << "a person promotes";
  shadow.facts.autonomy = twin::Autonomy::kPromote;
  shadow.tick(base::kMinute);
  EXPECT_EQ(shadow.facts.active, "new") << "now it may";
}

TEST(ModelLoop, FalseAlarmsAfterAPromotionRollItBack) {
  World twice;
  twice.promote();
  twice.facts.alarms = twice.facts.judged_false = kMostJudgedFalse;
  twice.tick(base::kHour);
  EXPECT_EQ(twice.last, LoopDo::kRollBack);
  EXPECT_EQ(twice.facts.active, "old");
  EXPECT_EQ(twice.newest(), Happening::kRolledBack);
  EXPECT_EQ(twice.history.back().digest, "old");
  World many;
  many.promote();
  many.facts.alarms = kGrossAlarms;
  many.tick(base::kDay);
  EXPECT_EQ(many.facts.active, "old") << "nobody judged them, and they are far beyond the budget";
  World first;  // there is nothing to go back to
  first.promote();
  first.facts.previous.clear();
  first.facts.judged_false = first.facts.labels = kEnoughLabels;
  first.tick(base::kDay);
  first.tick(base::kMinute);
  EXPECT_EQ(first.last, LoopDo::kTrain) << "so it learns from them";
}

TEST(ModelLoop, APersonsPromotionIsOnProbationTooAndTheirRollbackIsKept) {
  World world;
  world.facts.previous = "old";
  world.facts.active = "theirs";
  LoopEvent promoted;
  promoted.kind = LoopEventKind::kPromoted;
  promoted.digest = "theirs";
  promoted.actor = "user:anna@site";
  world.tell(promoted);
  EXPECT_EQ(world.state.phase, kProbation);
  EXPECT_EQ(world.history.back().actor, "user:anna@site");
  LoopEvent back;
  back.kind = LoopEventKind::kRolledBack;
  back.actor = "user:anna@site";
  world.tell(back);
  EXPECT_EQ(world.state.phase, kWatching);
  EXPECT_EQ(world.history.back().digest, "old");
}

TEST(ModelLoop, AFailedTrainingIsToldAndTriedAgainTheNextDay) {
  World world;
  world.facts.drift = 1;
  world.tick();
  world.event(LoopEventKind::kTrainFailed, "not ready to learn: v: frozen 40 % of the time");
  EXPECT_EQ(world.newest(), Happening::kRefused);
  world.tick(base::kHour);
  EXPECT_EQ(world.last, LoopDo::kNothing);
  world.tick(kRest);
  EXPECT_EQ(world.last, LoopDo::kTrain);
}

// Whatever was going on, the process that begins anew comes to the same end.
TEST(ModelLoop, ARestartAtAnyStepComesToTheSameEnd) {
  for (int at = 0; at < 7; ++at) {
    World world;
    int steps = 0;
    const auto restart_here = [&] {
      if (steps++ == at) world.event(LoopEventKind::kRestarted);
    };
    restart_here();
    world.facts.drift = 1;
    for (int hour = 0; hour < 24 * 12 && world.state.phase != kProbation; ++hour) {
      world.tick(base::kHour);
      restart_here();
      if (world.state.phase == kTraining) world.trained("new");
      if (world.state.phase == kComparing) {
        if (steps <= at) steps = at, restart_here();  // within the comparison
        if (world.state.phase == kComparing) world.compared(0, 1);
      }
    }
    EXPECT_EQ(world.facts.active, "new") << "restart " << at;
    world.event(LoopEventKind::kRestarted);
    EXPECT_EQ(world.state.phase, kProbation);
    world.tick(kProbationTime);
    EXPECT_EQ(world.newest(), Happening::kProven);
  }
}

TEST(ModelLoop, AClockThatIsSetBackYearsDoesNotStopIt) {
  World world;
  world.promote();
  world.facts.now -= 20 * 365 * base::kDay;
  world.tick();
  world.tick(kProbationTime);
  EXPECT_EQ(world.state.phase, kWatching);
  world.facts.drift = 1;
  world.tick(kRest);
  world.tick(kRest);
  EXPECT_EQ(world.state.phase, kTraining);
}

}  // namespace
}  // namespace lander::site
