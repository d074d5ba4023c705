#include "model/judge.h"

#include <gtest/gtest.h>

#include <string>

namespace lander::model {
namespace {

constexpr base::DurationUs kSecond = base::kSecond;

// One frame a second: '#' a score at the limit, '=' between hysteresis and limit, '.' calm, '?'
// invalid. Answers '1' where the alarm stands.
std::string judged(Judge& judge, const std::string& frames, base::TimeUs from = 0) {
  std::string alarms;
  for (const char frame : frames) {
    Score score;
    score.valid = frame != '?';
    score.score = frame == '#' ? 1 : frame == '=' ? 0.9 : 0.5;
    alarms += judge.step(score, from) ? '1' : '0';
    from += kSecond;
  }
  return alarms;
}

JudgeOptions options(int on, int off, int rest = 0) {
  JudgeOptions options;
  options.on_delay = on * kSecond;
  options.off_delay = off * kSecond;
  options.rest = rest * kSecond;
  return options;
}

TEST(Judge, AFleetingScoreRaisesNothingAndOneThatStaysIsOneAlarm) {
  Judge judge(options(2, 3));
  EXPECT_EQ(judged(judge, "..##.#.##.####==##...#....##"),  //
            "0000000000001111111111111000");
}

TEST(Judge, BetweenHysteresisAndLimitNothingChanges) {
  Judge judge(options(0, 0));
  EXPECT_EQ(judged(judge, "===#===.==="), "00011110000");
}

TEST(Judge, AnInvalidScoreProvesNothing) {
  Judge judge(options(2, 2));
  EXPECT_EQ(judged(judge, "##?##?###"), "000000001");
  EXPECT_EQ(judged(judge, "..?..???...", 20 * kSecond), "11111111110");
}

TEST(Judge, AChatteringConditionIsOneIncident) {
  Judge judge(judge_options(kSecond));
  std::string frames;
  for (int i = 0; i < 50; ++i)
    frames +=
        "######"
        "..............";  // every 20 s for 17 min
  const std::string alarms = judged(judge, frames + std::string(60, '.'));
  EXPECT_EQ(alarms.find('1'), 3u);
  EXPECT_EQ(alarms.find('0', 3), 50u * 20 - 14 + 30);
  EXPECT_EQ(alarms.find('1', 50 * 20 + 30), std::string::npos);
}

TEST(Judge, DelaysAreInFramesOfTheDetector) {
  for (const base::DurationUs interval : {kSecond, base::kMinute, base::kHour}) {
    Judge judge(judge_options(interval));
    Score score;
    score.score = 1;
    score.valid = true;
    int frames = 1;
    while (!judge.step(score, frames * interval)) ++frames;
    EXPECT_EQ(frames, 4);
  }
}

TEST(Judge, AfterAnAlarmItRestsAndThenAStandingConditionIsToldAtOnce) {
  Judge judge(options(1, 1, 10));
  EXPECT_EQ(judged(judge, "##..##########"), "01100000000001");
}

TEST(Judge, AClockThatStepsBackEndsDelaysAndRest) {
  Judge judge(options(2, 0, 1000));
  EXPECT_EQ(judged(judge, "###.", 10'000 * kSecond), "0010");
  EXPECT_EQ(judged(judge, "##", 10'004 * kSecond), "00");
  EXPECT_EQ(judged(judge, "###", 0), "001");
}

}  // namespace
}  // namespace lander::model
