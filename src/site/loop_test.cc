// The loop closes on the site, in virtual time: a recurring harmless pattern alarms, people judge
// it false, the site learns anew by itself, and from then on it is quiet and still finds faults.
#include <random>

#include "site/site_fixture.h"

namespace lander::site {
namespace {

constexpr const char* kAsset = "acme/hall/pump";

class Loop : public Site {
 protected:
  void begin(const std::string& autonomy) {
    open();
    apply("asset: " + std::string(kAsset) + "\nmodels: {autonomy: " + autonomy +
          "}\n"
          "sources:\n  - {id: box, driver: host}\n"
          "datastreams:\n"
          "  - {id: v, property: vibration, unit: mm/s, from: {source: box, address: a}}\n"
          "  - {id: p, property: pressure, unit: bar, from: {source: box, address: b}}\n"
          "  - {id: f, property: flow-rate, unit: m3/h, from: {source: box, address: c}}\n");
  }

  // Runs the plant: `flush`: every quarter of an hour it is flushed for a minute, which is
  // harmless; `fault`: of the bearing.
  void run(base::DurationUs span, bool flush, bool fault = false) {
    std::vector<sensing::Observation> batch;
    for (base::DurationUs passed = 0; passed < span; passed += base::kSecond) {
      clock.elapsed += base::kSecond;
      load_ += -load_ / 120 + std::sqrt(2.0 / 120) * noise();
      const bool now_flushed = flush && passed / base::kMinute % 15 == 7;
      const double values[] = {2.1 + 0.1 * load_ + 0.15 * noise() + (fault ? 2.5 : 0),
                               5 - 0.4 * load_ + 0.08 * noise() + (now_flushed ? 1.5 : 0),
                               40 + 3 * load_ + 0.6 * noise() + (now_flushed ? 9 : 0)};
      std::vector<sensing::Observation> now;
      for (const auto& bound : shell.bound_now) {
        const std::size_t which = bound.datastream.id == "v"   ? 0
                                  : bound.datastream.id == "p" ? 1
                                                               : 2;
        now.push_back({bound.series, sensing::Quality::kGood, clock.wall_us(), 0, values[which]});
      }
      batch.insert(batch.end(), now.begin(), now.end());
      shell.engine.observe(now, clock.wall_us(), [&](const auto& id, const auto& signal) {
        core->signal(id, signal, batch);
      });
      if (batch.size() < 1800) continue;
      ASSERT_TRUE(core->commit(batch).ok());
      batch.clear();
      core->tick();
    }
    if (!batch.empty()) ASSERT_TRUE(core->commit(batch).ok());
    core->tick();
  }
  // Nothing is recorded meanwhile.
  void wait(base::DurationUs span) {
    clock.elapsed += span;
    core->tick();
  }
  // What the trainer's thread does.
  void work() {
    const auto jobs = std::exchange(shell.jobs, {});
    for (const auto& job : jobs)
      ASSERT_TRUE(core->models().finished(job, site::run(*store, job)).ok());
  }
  void learn_first() {
    run(2 * base::kHour, false);
    LearnJob job;
    job.wanted = {kAsset, {clock.wall_us() - base::kDay, clock.wall_us()}, base::kSecond};
    job.request.asset = kAsset;
    job.request.trained_by = "user:anna@site";
    LearnResult made = site::run(*store, job);
    ASSERT_TRUE(made.model) << made.error;
    ASSERT_TRUE(core->models().finished(job, std::move(made)).ok());
    ASSERT_TRUE(core->models().promote(kAsset, "", "user:anna@site").ok());
  }
  std::vector<alert::Alert> raised_since(base::TimeUs time) const {
    auto all = core->alarms().book().alerts(false, clock.wall_us(), SIZE_MAX);
    std::erase_if(all, [&](const auto& alert) { return alert.raised < time; });
    return all;
  }
  void judge(const std::string& id, alert::Verdict verdict, const std::string& note) {
    alert::Event event;
    event.id = os::system_random().uuid7(clock.wall_us());
    event.alert = id;
    event.kind = alert::EventKind::kVerdict;
    event.verdict = verdict;
    event.time = clock.wall_us();
    event.actor = "user:anna@site";
    event.comment = note;
    ASSERT_TRUE(core->alarms().command(event).ok());
  }
  // An hour of flushes, each of which alarms and is judged false.
  void judge_an_hour() {
    const base::TimeUs from = clock.wall_us();
    for (int i = 0; i < 4; ++i) {
      const base::TimeUs quarter = clock.wall_us();
      run(15 * base::kMinute, true);
      const auto alarms = raised_since(quarter);
      ASSERT_EQ(alarms.size(), 1u) << "a flush alarms as long as nobody judged";
      judge(alarms[0].id, alert::Verdict::kFalse, "flushing, as every quarter of an hour");
    }
    EXPECT_EQ(raised_since(from).size(), 4u);
  }
  std::vector<std::string> happened() const {
    std::vector<std::string> out;
    for (const auto& event : core->models().history(kAsset).events)
      out.emplace_back(model::to_string(event.what));
    return out;
  }

  std::mt19937_64 random_{7};
  std::normal_distribution<double> normal_;
  double noise() { return normal_(random_); }
  double load_ = 0;
};

TEST_F(Loop, VerdictsOfFalseLowerTheNoiseAndFaultsAreStillFound) {
  begin("promote");
  learn_first();
  judge_an_hour();
  const auto first = core->models().find(kAsset)->active;
  EXPECT_TRUE(shell.jobs.empty()) << "it was trained today";
  wait(kRest);
  ASSERT_EQ(shell.jobs.size(), 1u) << "three new verdicts";
  EXPECT_FALSE(shell.jobs[0].request.labels_digest.empty());
  work();
  EXPECT_EQ(core->models().find(kAsset)->active, first) << "it is the shadow";
  run(30 * base::kMinute, false);
  wait(kShadowTime);
  work();  // the comparison
  EXPECT_NE(core->models().find(kAsset)->active, first);
  EXPECT_EQ(happened(), (std::vector<std::string>{"trained", "promoted", "trained", "promoted"}));
  const auto active = core->models().model(core->models().find(kAsset)->active);
  ASSERT_TRUE(active);
  EXPECT_EQ(active->lineage.parent, first);
  EXPECT_FALSE(active->lineage.labels_digest.empty());

  const base::TimeUs after = clock.wall_us();
  run(2 * base::kHour, true);
  EXPECT_EQ(raised_since(after).size(), 0u) << "eight flushes, no alarm";
  const base::TimeUs broken = clock.wall_us();
  run(2 * base::kMinute, false, true);
  const auto alarms = raised_since(broken);
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].info.causes[0].datastream, "v");
  EXPECT_GT(alarms[0].info.causes[0].deviation, 5);
  EXPECT_GE(alarms[0].info.since, broken);
  EXPECT_LE(alarms[0].info.since, alarms[0].raised);
}

TEST_F(Loop, WithoutVerdictsTheSameHourGoesOnAlarming) {
  begin("promote");
  learn_first();
  run(base::kHour, true);
  EXPECT_EQ(std::count_if(shell.told.begin(), shell.told.end(),
                          [](const auto& n) { return n.event.kind == alert::EventKind::kRaise; }),
            4);
  wait(kRest);
  EXPECT_TRUE(shell.jobs.empty());
}

TEST_F(Loop, ByDefaultItLearnsAndAPersonPromotesAndTheHubIsToldEveryStep) {
  begin("shadow");
  learn_first();
  judge_an_hour();
  wait(kRest);
  open();  // the process dies before the job ends: it is begun again
  core->tick();
  ASSERT_EQ(shell.jobs.size(), 1u);
  work();
  open();
  run(30 * base::kMinute, false);
  wait(kShadowTime);
  ASSERT_EQ(shell.jobs.size(), 1u);
  open();  // within the comparison
  core->tick();
  ASSERT_EQ(shell.jobs.size(), 1u);
  work();
  EXPECT_EQ(core->models().loop(kAsset).phase, LoopPhase::kProposed);
  EXPECT_EQ(happened(), (std::vector<std::string>{"trained", "promoted", "trained", "proposed"}));
  ASSERT_TRUE(take({}, clock.wall_us()).ok());
  model::History told;
  for (const auto& item : sent(hub)) {
    if (item.type != "model-history") continue;
    const auto history = model::decode_history(item.body);
    ASSERT_TRUE(history.ok());
    told = *history;
  }
  ASSERT_EQ(told.events.size(), 4u);
  EXPECT_EQ(told.events[1].actor, "user:anna@site");
  EXPECT_EQ(told.events[3].actor, "site");
  ASSERT_TRUE(core->models().promote(kAsset, "", "user:anna@site").ok());
  EXPECT_EQ(core->models().loop(kAsset).phase, LoopPhase::kProbation);
}

TEST_F(Loop, AnAlarmTellsOfTheOneBeforeItThatLookedTheSame) {
  begin("none");
  learn_first();
  const base::TimeUs first_flush = clock.wall_us();
  run(15 * base::kMinute, true);
  const auto first = raised_since(first_flush);
  ASSERT_EQ(first.size(), 1u);
  judge(first[0].id, alert::Verdict::kFalse, "flushing");
  const base::TimeUs broken = clock.wall_us();
  run(2 * base::kMinute, false, true);
  const auto fault = raised_since(broken);
  ASSERT_EQ(fault.size(), 1u);
  EXPECT_FALSE(fault[0].info.similar) << "a bearing is no flush";
  run(5 * base::kMinute, false);
  judge(fault[0].id, alert::Verdict::kTrue, "bearing was changed");
  const base::TimeUs second_flush = clock.wall_us();
  run(15 * base::kMinute, true);
  const auto second = raised_since(second_flush);
  ASSERT_EQ(second.size(), 1u);
  ASSERT_TRUE(second[0].info.similar);
  EXPECT_EQ(second[0].info.similar->alert, first[0].id);
  EXPECT_EQ(second[0].info.similar->note, "flushing");
}

TEST_F(Loop, ATrainingStaysWithinItsCeilingHoweverMuchWasRecorded) {
  begin("none");
  run(30 * base::kMinute, false);
  // Ten years at this interval would be gigabytes; what is there is taken.
  const auto frames = read_frames(
      *store, {kAsset, {clock.wall_us() - 3650 * base::kDay, clock.wall_us()}, base::kSecond}, {});
  ASSERT_TRUE(frames.ok());
  EXPECT_LE(frames->values.capacity(), kMaxTrainingValues + 10'000);
  EXPECT_GT(frames->rows(), 1000u) << "nobody recorded the other years: they need no room";
  EXPECT_EQ(frames->thinned, 1u);
  const auto fine = read_frames(
      *store, {kAsset, {clock.wall_us() - 30 * base::kMinute, clock.wall_us()}, 100}, {});
  ASSERT_TRUE(fine.ok());
  EXPECT_LE(fine->values.capacity(), kMaxTrainingValues + 10'000);
  EXPECT_GT(fine->thinned, 1u);
  std::atomic<bool> stop{true};
  const auto cancelled =
      read_frames(*store, {kAsset, {clock.wall_us() - base::kDay, clock.wall_us()}, base::kSecond},
                  {}, [&] { return stop.load(); });
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code(), base::Code::kUnavailable);
}

}  // namespace
}  // namespace lander::site
