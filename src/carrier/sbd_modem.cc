#include "carrier/sbd_modem.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;
using base::kMillisecond;
using base::kSecond;

constexpr std::size_t kMaxLine = 128;
constexpr base::DurationUs kWhole = 60 * kSecond;
constexpr base::DurationUs kQuiet = 500 * kMillisecond;  // until late bytes have come

std::array<std::uint8_t, 2> checksum(base::ByteView bytes) {
  unsigned sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  return {static_cast<std::uint8_t>(sum >> 8), static_cast<std::uint8_t>(sum)};
}

// What a session's "MO status" over 4 means: MAN0009, +SBDIX.
std::string_view meaning(unsigned status) {
  switch (status) {
    case 10:
      return "the session took too long";
    case 11:
      return "the operator's queue is full";
    case 12:
      return "the message has too many segments";
    case 13:
      return "the session did not complete";
    case 14:
      return "a segment's size is wrong";
    case 15:
      return "access is denied: is the modem activated?";
    case 16:
      return "the modem is locked";
    case 17:
      return "the gateway does not respond";
    case 18:
      return "the connection was lost";
    case 19:
      return "the link failed";
    case 32:
      return "no network";
    case 33:
      return "the antenna is faulty";
    case 34:
      return "the radio is switched off";
    case 35:
      return "the modem is busy";
    case 36:
      return "too soon after the last registration: it wants three minutes";
    case 37:
      return "the service is disabled for now";
    case 38:
      return "the network asks to wait";
    case 64:
      return "not allowed where the modem is";
    case 65:
      return "the radio's hardware fails";
    default:
      return "no reason is known";
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

bool is_imei(std::string_view text) {
  return text.size() == 15 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "0, 5, 1, 12, 48, 0": so many numbers and nothing else.
template <std::size_t N>
std::optional<std::array<unsigned, N>> numbers(std::string_view text) {
  std::array<unsigned, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, comma));
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), out[i]);
    if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
    if ((comma == text.size()) != (i == N - 1)) return std::nullopt;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

}  // namespace

struct SbdModem::Rule {
  std::string_view command;
  base::DurationUs patience;
  int tries;
  bool speaks;  // a line of its own comes before OK, or the OK is an earlier command's
};

const SbdModem::Rule& SbdModem::rule(Step step) {
  static constexpr Rule kRules[] = {
      {"", 0, 0, false},
      {"AT", 2 * kSecond, 4, false},
      {"ATE0", 2 * kSecond, 3, false},
      {"AT+CGSN", 2 * kSecond, 3, true},
      {"AT+SBDMTA=1", 2 * kSecond, 3, false},
      {"AT+CSQ", 10 * kSecond, 2, true},
      {"AT+SBDD0", 2 * kSecond, 3, true},
      {"AT+SBDWB=", 2 * kSecond, 3, true},
      {"", 3 * kSecond, 1, true},
      {"AT+SBDIX", 50 * kSecond, 1, true},
      {"AT+SBDRB", 3 * kSecond, 3, true},
      {"AT+SBDD2", 2 * kSecond, 1, true},
  };
  return kRules[static_cast<std::size_t>(step)];
}

std::string SbdModem::command() const {
  std::string text(rule(step_).command);
  if (step_ == Step::kAnnounce) text += std::to_string(mo_.size());
  if (step_ == Step::kWrite) text = "the message";
  return text;
}

void SbdModem::prepare(base::DurationUs now) {
  with_session_ = false;
  begin(now);
}

void SbdModem::exchange(base::ByteView mo, base::DurationUs now) {
  LANDER_CHECK(mo.size() <= kMaxMoBytes);
  with_session_ = true;
  mo_.assign(mo.begin(), mo.end());
  begin(now);
}

void SbdModem::begin(base::DurationUs now) {
  line_.clear();
  output_.clear();
  session_ = {};
  result_.reset();
  end_due_ = now + kWhole;
  enter(Step::kAttention, now);
}

void SbdModem::enter(Step step, base::DurationUs now) {
  step_ = step;
  tries_ = 0;
  say(now);
}

void SbdModem::say(base::DurationUs now) {
  ++tries_;
  answered_ = noise_ = false;
  refused_.reset();
  binary_.clear();
  quiet_until_ = 0;
  step_due_ = std::min(end_due_, now + rule(step_).patience);
  if (step_ == Step::kWrite) {
    const auto sum = checksum(mo_);
    output_.insert(output_.end(), mo_.begin(), mo_.end());
    output_.insert(output_.end(), sum.begin(), sum.end());
    return;
  }
  const std::string text = command() + "\r";
  output_.insert(output_.end(), text.begin(), text.end());
}

// The step is done.
void SbdModem::advance(base::DurationUs now) {
  switch (step_) {
    case Step::kAlerts:
      if (!with_session_) return end(Session{});
      return enter(Step::kSignal, now);
    case Step::kSignal:
      // What an earlier, failed session left would go again, and be paid for again.
      return enter(mo_.empty() ? Step::kClear : Step::kAnnounce, now);
    case Step::kClear:
    case Step::kWrite:
      return enter(Step::kSession, now);
    case Step::kSession:
      return enter(mt_status_ == 1 ? Step::kRead : Step::kForget, now);
    case Step::kForget:
      return end(std::move(session_));
    default:
      return enter(static_cast<Step>(static_cast<int>(step_) + 1), now);
  }
}

// The step failed: once more, or that is the conversation's end.
void SbdModem::again(const base::Error& why, base::DurationUs now) {
  if (now < end_due_ && tries_ < rule(step_).tries && step_ != Step::kAnnounce) return say(now);
  switch (step_) {
    case Step::kAnnounce:
      // Its READY was lost, and it waits for the message: a command now would be taken for it.
      if (why.code() == Code::kTimeout && now < end_due_) return enter(Step::kWrite, now);
      return end(why);
    case Step::kRead:
      // The message up is gone out: that one could not be read, the hub will send it again.
      return enter(Step::kForget, now);
    case Step::kForget:
      return end(std::move(session_));
    default:
      return end(why);
  }
}

void SbdModem::end(base::Result<Session> result) {
  step_ = Step::kIdle;
  result_ = std::move(result);
}

void SbdModem::feed(base::ByteView bytes, base::DurationUs now) {
  for (const std::uint8_t byte : bytes) {
    if (quiet_until_ != 0) continue;
    if (step_ == Step::kRead && !answered_) {
      take_binary(byte, now);
    } else if (byte == '\n') {
      // Only here does a line end: after it the next byte may be a message's first.
      take_line(now);
      line_.clear();
    } else if (line_.size() <= kMaxLine) {
      line_.push_back(static_cast<char>(byte));
    }
  }
}

void SbdModem::take_binary(std::uint8_t byte, base::DurationUs now) {
  constexpr std::size_t kLength = 2, kSum = 2;
  binary_.push_back(byte);
  if (binary_.size() < kLength) return;
  const std::size_t length = std::size_t{binary_[0]} << 8 | binary_[1];
  if (length > kMaxMtBytes) {
    quiet_until_ = now + kQuiet;
  } else if (binary_.size() == kLength + length + kSum) {
    const auto message = base::ByteView(binary_).subspan(kLength, length);
    const auto sum = checksum(message);
    if (std::equal(sum.begin(), sum.end(), binary_.end() - kSum)) {
      answered_ = true;
      session_.received.assign(message.begin(), message.end());
    } else {
      quiet_until_ = now + kQuiet;
    }
  }
}

void SbdModem::take_line(base::DurationUs now) {
  const std::string_view line = trimmed(line_);
  if (line.empty()) return;
  if (line == "SBDRING") {
    ring_ = true;
  } else if (step_ == Step::kIdle || line == command()) {
    return;  // nobody asked, or the modem's echo
  } else if (line == "OK") {
    take_ok(now);
  } else if (line == "ERROR") {
    again(Error(Code::kUnavailable, "the modem refuses " + command()), now);
  } else if (take_answer(line)) {
    answered_ = true;
    if (step_ == Step::kAnnounce && !refused_) advance(now);  // READY, and no OK
  } else {
    noise_ = true;
  }
}

void SbdModem::take_ok(base::DurationUs now) {
  if (refused_) return again(Error(*refused_), now);
  if (answered_ || !rule(step_).speaks) return advance(now);
  if (noise_)
    again(Error(Code::kUnavailable, "the answer to " + command() + " is unreadable"), now);
}

// The one line that a command answers before its OK.
bool SbdModem::take_answer(std::string_view line) {
  switch (step_) {
    case Step::kIdentity:
      if (!is_imei(line)) return false;
      if (line != imei_) {
        end(Error(Code::kInvalid, "the modem's number (IMEI) is " + std::string(line) +
                                      ", not the declared " + imei_));
      }
      return true;
    case Step::kSignal: {
      if (!line.starts_with("+CSQ:")) return false;
      const auto bars = numbers<1>(line.substr(5));
      if (bars && (*bars)[0] == 0) end(Error(Code::kUnavailable, "no satellite in sight"));
      return bars.has_value();
    }
    case Step::kAnnounce:
      if (line == "READY") return true;
      if (line != "3") return false;
      refused_ = Error(Code::kUnavailable, "the modem refuses the message's size");
      return true;
    case Step::kWrite:
      if (line != "0" && line != "1" && line != "2" && line != "3") return false;
      if (line != "0")
        refused_ = Error(Code::kUnavailable, "the modem did not get the message whole");
      return true;
    case Step::kSession:
      return line.starts_with("+SBDIX:") && take_session(line.substr(7));
    case Step::kClear:
    case Step::kForget:
      return line == "0" || line == "1";
    default:
      return false;
  }
}

// MO status, MOMSN, MT status, MTMSN, MT length, MT queued.
bool SbdModem::take_session(std::string_view line) {
  const auto fields = numbers<6>(line);
  if (!fields) return false;
  const unsigned mo_status = (*fields)[0];
  if (mo_status > 4) {
    refused_ = Error(Code::kUnavailable, "not sent: " + std::string(meaning(mo_status)) +
                                             " (status " + std::to_string(mo_status) + ")");
  }
  mt_status_ = (*fields)[2];
  session_.more = (*fields)[5] > 0;
  return true;
}

void SbdModem::tick(base::DurationUs now) {
  if (!busy()) return;
  if (quiet_until_ != 0 && now >= quiet_until_) {
    again(Error(Code::kUnavailable, "the message from the modem is garbled"), now);
  } else if (now >= step_due_) {
    again(Error(Code::kTimeout, "the modem does not answer " + command()), now);
  }
}

base::DurationUs SbdModem::due() const {
  if (!busy()) return std::numeric_limits<base::DurationUs>::max();
  return quiet_until_ != 0 ? quiet_until_ : step_due_;
}

base::Bytes SbdModem::take_output() {
  base::Bytes out;
  out.swap(output_);
  return out;
}

std::optional<base::Result<SbdModem::Session>> SbdModem::take_result() {
  auto out = std::move(result_);
  result_.reset();
  return out;
}

bool SbdModem::take_ring() { return std::exchange(ring_, false); }

}  // namespace lander::carrier
