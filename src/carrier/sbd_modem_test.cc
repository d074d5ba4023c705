// The conversation with a modem, a line of it at a time.
#include "carrier/sbd_modem.h"

#include <gtest/gtest.h>

namespace lander::carrier {
namespace {

using base::kMillisecond;
using base::kSecond;

constexpr char kImei[] = "300234010753370";

class Sbd : public testing::Test {
 protected:
  // What the site says is exactly this; then the modem answers.
  void turn(std::string_view said, std::string_view answer) {
    EXPECT_EQ(base::as_text(modem.take_output()), said);
    hear(answer);
  }
  void hear(std::string_view answer) { modem.feed(base::as_bytes(answer), now); }
  void pass(base::DurationUs time) {
    now += time;
    modem.tick(now);
  }
  void greet() {
    turn("AT\r", "AT\r\r\nOK\r\n");
    turn("ATE0\r", "ATE0\r\r\nOK\r\n");
    turn("AT+CGSN\r", "\r\n300234010753370\r\n\r\nOK\r\n");
    turn("AT+SBDMTA=1\r", "\r\nOK\r\n");
  }
  void say_hello() {
    modem.exchange(base::as_bytes("hello"), now);
    greet();
    turn("AT+CSQ\r", "\r\n+CSQ:4\r\n\r\nOK\r\n");
    turn("AT+SBDWB=5\r", "\r\nREADY\r\n");
    turn(std::string("hello\x02\x14", 7), "\r\n0\r\n\r\nOK\r\n");
  }
  base::Result<SbdModem::Session> result() {
    auto out = modem.take_result();
    EXPECT_TRUE(out);
    return out ? *out : base::Error(base::Code::kInternal, "no result");
  }

  SbdModem modem{kImei};
  base::DurationUs now = 5 * kSecond;
};

TEST_F(Sbd, SendsAMessageAndFetchesOne) {
  say_hello();
  turn("AT+SBDIX\r", "\r\n+SBDIX: 0, 5, 1, 12, 3, 2\r\n\r\nOK\r\n");
  // Bytes that would be lines are a message's.
  turn("AT+SBDRB\r", std::string("\0\3\n\r\n\0\x21\r\nOK\r\n", 13));
  turn("AT+SBDD2\r", "\r\n0\r\n\r\nOK\r\n");
  const auto session = result();
  ASSERT_TRUE(session.ok()) << session.error().message();
  EXPECT_EQ(session->received, (base::Bytes{'\n', '\r', '\n'}));
  EXPECT_TRUE(session->more);
  EXPECT_FALSE(modem.busy());
  EXPECT_EQ(base::as_text(modem.take_output()), "");
}

TEST_F(Sbd, WithNothingToSendClearsWhatAnEarlierSessionLeft) {
  modem.exchange({}, now);
  greet();
  turn("AT+CSQ\r", "\r\n+CSQ:1\r\n\r\nOK\r\n");
  turn("AT+SBDD0\r", "\r\n0\r\n\r\nOK\r\n");
  turn("AT+SBDIX\r", "\r\n+SBDIX: 0, 5, 0, 0, 0, 0\r\n\r\nOK\r\n");
  turn("AT+SBDD2\r", "\r\n0\r\n\r\nOK\r\n");
  const auto session = result();
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(session->received.empty());
  EXPECT_FALSE(session->more);
}

TEST_F(Sbd, SaysInWordsWhyAMessageWasNotSent) {
  const struct {
    const char* status;
    const char* words;
  } table[] = {{"32", "no network"},    {"18", "connection was lost"}, {"13", "did not complete"},
               {"10", "took too long"}, {"36", "three minutes"},       {"5", "status 5"},
               {"99", "status 99"}};
  for (const auto& row : table) {
    say_hello();
    turn("AT+SBDIX\r", "\r\n+SBDIX: " + std::string(row.status) + ", 5, 2, 0, 0, 0\r\n\r\nOK\r\n");
    const auto session = result();
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code(), base::Code::kUnavailable);
    EXPECT_NE(session.error().message().find(row.words), std::string::npos)
        << session.error().message();
  }
}

TEST_F(Sbd, PaysForNoSessionWithoutASatelliteInSight) {
  modem.exchange(base::as_bytes("hello"), now);
  greet();
  turn("AT+CSQ\r", "\r\n+CSQ:0\r\n\r\nOK\r\n");
  EXPECT_EQ(result().error().code(), base::Code::kUnavailable);
  EXPECT_EQ(base::as_text(modem.take_output()), "");
}

TEST_F(Sbd, SpeaksForNoOtherModem) {
  modem.exchange(base::as_bytes("hello"), now);
  turn("AT\r", "\r\nOK\r\n");
  turn("ATE0\r", "\r\nOK\r\n");
  turn("AT+CGSN\r", "\r\n300234010753371\r\n\r\nOK\r\n");
  const auto session = result();
  EXPECT_EQ(session.error().code(), base::Code::kInvalid);
  EXPECT_NE(session.error().message().find("300234010753371"), std::string::npos);
}

TEST_F(Sbd, AMessageWithAWrongSumIsReadAgain) {
  say_hello();
  turn("AT+SBDIX\r", "\r\n+SBDIX: 0, 5, 1, 12, 3, 0\r\n\r\nOK\r\n");
  turn("AT+SBDRB\r", std::string("\0\1a\0\x62\r\nOK\r\n", 11));
  EXPECT_EQ(base::as_text(modem.take_output()), "");
  pass(kSecond);
  turn("AT+SBDRB\r", std::string("\xff\xff garbage", 10));  // longer than any
  pass(kSecond);
  turn("AT+SBDRB\r", std::string("\0\1a\0\x61\r\nOK\r\n", 11));
  turn("AT+SBDD2\r", "\r\n0\r\n\r\nOK\r\n");
  EXPECT_EQ(result()->received, base::Bytes{'a'});
}

TEST_F(Sbd, AMessageThatStaysUnreadableDoesNotUndoWhatWasSent) {
  say_hello();
  turn("AT+SBDIX\r", "\r\n+SBDIX: 1, 5, 1, 12, 3, 0\r\n\r\nOK\r\n");
  for (int i = 0; i < 3; ++i) {
    turn("AT+SBDRB\r", std::string("\0\1", 2));  // and the rest is lost
    pass(5 * kSecond);
  }
  turn("AT+SBDD2\r", "");
  pass(5 * kSecond);
  const auto session = result();
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(session->received.empty());
}

TEST_F(Sbd, AnswersThatComeLateAreNotTakenForOthers) {
  modem.exchange(base::as_bytes("hello"), now);
  turn("AT\r", "");
  pass(3 * kSecond);
  turn("AT\r", "\r\nOK\r\n");                                       // of the first
  turn("ATE0\r", "\r\nOK\r\n");                                     // of the second
  turn("AT+CGSN\r", "\r\nOK\r\n\r\n+SBDIX: 0, 1, 0, 0, 0, 0\r\n");  // of an earlier day
  hear("\r\n300234010753370\r\n\r\nOK\r\n");
  turn("AT+SBDMTA=1\r", "\r\nOK\r\n");
  turn("AT+CSQ\r", "\r\nOK\r\n\r\n+CSQ:5\r\n\r\nOK\r\n");
  turn("AT+SBDWB=5\r", "\r\nREADY\r\n");
}

TEST_F(Sbd, AModemThatWaitsForTheMessageGetsItThoughItsReadyWasLost) {
  modem.exchange(base::as_bytes("hello"), now);
  greet();
  turn("AT+CSQ\r", "\r\n+CSQ:4\r\n\r\nOK\r\n");
  turn("AT+SBDWB=5\r", "\r\nRE");
  pass(3 * kSecond);
  turn(std::string("hello\x02\x14", 7), "\r\n0\r\n\r\nOK\r\n");
  turn("AT+SBDIX\r", "");
}

TEST_F(Sbd, AMessageThatTheModemDidNotGetWholeIsNotSent) {
  modem.exchange(base::as_bytes("hello"), now);
  greet();
  turn("AT+CSQ\r", "\r\n+CSQ:4\r\n\r\nOK\r\n");
  turn("AT+SBDWB=5\r", "\r\nREADY\r\n");
  turn(std::string("hello\x02\x14", 7), "\r\n2\r\n\r\nOK\r\n");
  EXPECT_EQ(result().error().code(), base::Code::kUnavailable);
}

TEST_F(Sbd, AnUnreadableSessionIsAnErrorNotADoubt) {
  say_hello();
  turn("AT+SBDIX\r", "\r\n+SBDIX: 0, 5, 1\r\n\r\nOK\r\n");
  EXPECT_EQ(result().error().code(), base::Code::kUnavailable);
}

TEST_F(Sbd, EndsWithinAMinuteWhateverTheModemDoesNotSay) {
  for (const bool talks : {false, true}) {
    modem.exchange(base::as_bytes("hello"), now);
    const auto began = now;
    while (modem.busy()) {
      ASSERT_GT(modem.due(), 0);
      now = std::max(now, modem.due());
      if (talks) hear(std::string(3000, 'x') + "\r\n");
      modem.tick(now);
      ASSERT_LE(now, began + base::kMinute);
    }
    EXPECT_EQ(result().error().code(), base::Code::kTimeout);
  }
  EXPECT_GT(modem.due(), now + base::kDay);
}

TEST_F(Sbd, RingsWheneverTheModemDoes) {
  modem.prepare(now);
  greet();
  ASSERT_TRUE(result().ok());
  EXPECT_FALSE(modem.take_ring());
  hear("\r\nSBDR");
  hear("ING\r\n");
  EXPECT_TRUE(modem.take_ring());
  EXPECT_FALSE(modem.take_ring());
  modem.exchange(base::as_bytes("hello"), now);
  turn("AT\r", "\r\nSBDRING\r\n\r\nOK\r\n");
  EXPECT_TRUE(modem.take_ring());
}

}  // namespace
}  // namespace lander::carrier
