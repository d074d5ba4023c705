// The short-message carrier: a satellite modem on a serial line. One thread owns the line, because
// the modem may ring at any time; what is said on it is SbdModem's business.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "carrier/carrier.h"
#include "carrier/sbd_modem.h"
#include "os/clock.h"
#include "os/serial.h"
#include "os/system_error.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr base::DurationUs kReopenEvery = 2 * base::kSecond;  // a modem that was pulled out
constexpr unsigned kUsualBaud = 19200;

base::DurationUs now_us() { return os::system_clock().monotonic_us(); }

class ShortMessage : public Carrier {
 public:
  ShortMessage(std::string device, unsigned baud, std::string imei)
      : device_(std::move(device)),
        baud_(baud),
        imei_(std::move(imei)),
        modem_(imei_),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    LANDER_CHECK(wake_.valid());
  }

  ~ShortMessage() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
  }

  base::Result<Contact> exchange(base::ByteView sealed) override {
    if (sealed.size() > kMaxMoBytes) {
      return Error(Code::kInvalid, "a message of " + std::to_string(sealed.size()) +
                                       " bytes: a satellite takes at most " +
                                       std::to_string(kMaxMoBytes));
    }
    std::unique_lock lock(mutex_);
    if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { run(); });
    asked_.emplace(sealed.begin(), sealed.end());
    answer_.reset();
    wake();
    changed_.wait(lock, [this] { return answer_ || stopping_; });
    asked_.reset();
    if (!answer_) return Error(Code::kUnavailable, "cancelled");
    if (!answer_->ok()) return answer_->error().context("satellite modem at " + device_);
    Contact contact;
    if (!(*answer_)->received.empty()) contact.received.push_back((*answer_)->received);
    return contact;
  }

  void on_news(std::function<void()> news) override { news_ = std::move(news); }

  void cancel() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    changed_.notify_all();
  }

 private:
  void wake() {
    // Can only fail when the counter is full, and then it can be read already.
    [[maybe_unused]] const int result = eventfd_write(wake_.get(), 1);
  }

  // --- all below: the line's thread

  void run() {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        if (asked_ && !answer_ && !under_way_) begin();
      }
      if (!line_.valid() && now_us() >= next_open_) open_again();
      wait();
      if (line_.valid()) serve();
    }
  }

  // A conversation that only prepares the modem ends first: it is short.
  void begin() {
    if (!line_.valid()) {
      if (const auto opened = open(); !opened.ok()) {
        next_open_ = now_us() + kReopenEvery;
        return answer(opened.error());
      }
    }
    if (modem_->busy()) return;
    under_way_ = true;
    modem_->exchange(*asked_, now_us());
  }

  base::Status open() {
    auto line = os::open_serial(device_, baud_);
    if (!line.ok()) return Error(Code::kUnavailable, line.error().message());
    line_ = std::move(*line);
    modem_.emplace(imei_);
    output_.clear();
    return {};
  }

  // Nobody asks, but it shall be able to ring.
  void open_again() {
    next_open_ = now_us() + kReopenEvery;
    if (open().ok()) modem_->prepare(now_us());
  }

  void wait() {
    pollfd waiting[2] = {{wake_.get(), POLLIN, 0}, {line_.get(), POLLIN, 0}};
    if (modem_->busy()) take_output();
    if (!output_.empty()) waiting[1].events |= POLLOUT;
    const base::DurationUs due = line_.valid() ? modem_->due() : next_open_;
    // A minute at most: the sum of nothing to do.
    const auto left = std::clamp<base::DurationUs>(due - now_us(), 0, base::kMinute);
    ::poll(waiting, line_.valid() ? 2 : 1, static_cast<int>(left / base::kMillisecond) + 1);
    eventfd_t ignored = 0;
    [[maybe_unused]] const int none = eventfd_read(wake_.get(), &ignored);
  }

  void take_output() {
    const base::Bytes more = modem_->take_output();
    output_.insert(output_.end(), more.begin(), more.end());
  }

  void serve() {
    if (!read() || !write()) return unplugged();
    modem_->tick(now_us());
    bool news = false;
    if (auto result = modem_->take_result(); result && under_way_) {
      under_way_ = false;
      // What rang until now is what was fetched, unless more waits.
      news = result->ok() && (*result)->more;
      if (result->ok()) modem_->take_ring();
      const std::lock_guard lock(mutex_);
      answer(std::move(*result));
    }
    news = modem_->take_ring() || news;
    if (news && news_) news_();
  }

  bool read() {
    std::array<std::uint8_t, 1024> buffer;
    const auto got = ::read(line_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      modem_->feed(base::ByteView(buffer).first(static_cast<std::size_t>(got)), now_us());
      return true;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }

  bool write() {
    take_output();
    if (output_.empty()) return true;
    const auto put = ::write(line_.get(), output_.data(), output_.size());
    if (put > 0) output_.erase(output_.begin(), output_.begin() + put);
    return put > 0 || errno == EAGAIN || errno == EINTR;
  }

  void unplugged() {
    line_.close();
    modem_.emplace(imei_);
    next_open_ = now_us() + kReopenEvery;
    if (!std::exchange(under_way_, false)) return;
    const std::lock_guard lock(mutex_);
    answer(Error(Code::kUnavailable, "unplugged within a session"));
  }

  void answer(base::Result<SbdModem::Session> result) {  // under the lock
    answer_ = std::move(result);
    changed_.notify_all();
  }

  const std::string device_;
  const unsigned baud_;
  const std::string imei_;
  std::function<void()> news_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::optional<base::Bytes> asked_;
  std::optional<base::Result<SbdModem::Session>> answer_;  // to asked_

  os::Descriptor line_;
  std::optional<SbdModem> modem_;
  base::Bytes output_;
  bool under_way_ = false;
  base::DurationUs next_open_ = 0;
  os::Descriptor wake_;
  std::thread thread_;  // from the first exchange() on
};

base::Result<unsigned> parse_baud(std::string_view text) {
  unsigned baud = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), baud);
  if (error != std::errc() || end != text.data() + text.size())
    return Error(Code::kInvalid, "expected a number of baud, as 19200");
  LANDER_TRY(os::valid_baud(baud));
  return baud;
}

base::Status valid_device(std::string_view value) {
  if (value.starts_with('/')) return {};
  return Error(Code::kInvalid, "expected the path of a serial device, as /dev/ttyUSB0");
}

base::Status valid_baud(std::string_view value) {
  const auto baud = parse_baud(value);
  return baud.ok() ? base::Status() : base::Status(baud.error());
}

base::Status valid_address(std::string_view value) {
  const bool digits =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits && value.size() == 15) return {};
  return Error(Code::kInvalid, "expected the modem's IMEI, 15 digits");
}

constexpr Setting kSettings[] = {
    {"device", "the modem's serial device, as /dev/ttyUSB0", true, valid_device},
    {"baud", "speed of the serial line; 19200 unless declared", false, valid_baud},
    {"address", "the modem's IMEI: how the operator and the hub name this site", true,
     valid_address},
};

base::Result<std::unique_ptr<Carrier>> make_short_message(const Config& config, const Peer&) {
  LANDER_TRY(valid(config));
  unsigned baud = kUsualBaud;
  if (const auto declared = config.settings.find("baud"); declared != config.settings.end()) {
    LANDER_ASSIGN(baud, parse_baud(declared->second));
  }
  return std::unique_ptr<Carrier>(std::make_unique<ShortMessage>(config.settings.at("device"), baud,
                                                                 config.settings.at("address")));
}

}  // namespace

extern const Kind kShortMessage;
constinit const Kind kShortMessage{
    "short-message",   "a satellite modem (short burst data) on a serial line",
    kSettings,         kMaxMoBytes,
    kMaxMtBytes,       true,
    make_short_message};

}  // namespace lander::carrier
