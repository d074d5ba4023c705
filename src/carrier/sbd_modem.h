// The conversation with a satellite modem that sends short bursts of data, in AT commands: the part
// of Iridium's "ISU AT Command Reference" (MAN0009) that one session needs. Pure: bytes in, bytes
// out, the time as an argument. What the line says is not trusted: it loses bytes, echoes, and
// answers late. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::carrier {

inline constexpr std::size_t kMaxMoBytes = 340;  // from the modem: mobile originated
inline constexpr std::size_t kMaxMtBytes = 270;  // to it: mobile terminated

class SbdModem {
 public:
  struct Session {
    base::Bytes received;  // empty: nothing waited
    bool more = false;     // waits at the operator still
  };

  explicit SbdModem(std::string imei) : imei_(std::move(imei)) {}

  // Makes the modem tell when a message waits. What it says before is forgotten.
  void prepare(base::DurationUs now);
  // The same, then one session with the operator: sends `mo` (at most kMaxMoBytes; empty: asks only
  // what waits) and fetches one message. Ends within a minute.
  void exchange(base::ByteView mo, base::DurationUs now);

  void feed(base::ByteView bytes, base::DurationUs now);
  void tick(base::DurationUs now);  // at due(), or when it pleases
  base::DurationUs due() const;     // the maximum while not busy
  bool busy() const { return step_ != Step::kIdle; }

  base::Bytes take_output();
  // How the last exchange() or prepare() ended. kUnavailable: not sent, with the modem's reason in
  // words; kTimeout: it does not answer; kInvalid: it is another modem than the one declared.
  std::optional<base::Result<Session>> take_result();
  bool take_ring();  // it rang since the last call

 private:
  enum class Step : std::uint8_t {
    kIdle,
    kAttention,
    kEchoOff,
    kIdentity,
    kAlerts,
    kSignal,
    kClear,
    kAnnounce,
    kWrite,
    kSession,
    kRead,
    kForget,
  };
  struct Rule;
  static const Rule& rule(Step step);

  void begin(base::DurationUs now);
  void enter(Step step, base::DurationUs now);
  void say(base::DurationUs now);
  void advance(base::DurationUs now);
  void again(const base::Error& why, base::DurationUs now);
  void end(base::Result<Session> result);
  void take_line(base::DurationUs now);
  void take_binary(std::uint8_t byte, base::DurationUs now);
  bool take_answer(std::string_view line);
  bool take_session(std::string_view line);
  void take_ok(base::DurationUs now);
  std::string command() const;

  const std::string imei_;
  Step step_ = Step::kIdle;
  int tries_ = 0;
  base::DurationUs step_due_ = 0, end_due_ = 0, quiet_until_ = 0;
  bool with_session_ = false;
  base::Bytes mo_, output_;
  std::string line_;       // under way
  base::Bytes binary_;     // of kRead, under way
  bool answered_ = false;  // the step's own line came, its OK may follow
  bool noise_ = false;     // a line came that is none of the step's
  std::optional<base::Error> refused_;
  unsigned mt_status_ = 0;
  bool ring_ = false;
  Session session_;
  std::optional<base::Result<Session>> result_;
};

}  // namespace lander::carrier
