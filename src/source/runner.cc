#include "source/runner.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace lander::source {

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { LANDER_CHECK(fd_ >= 0); }
Wakeup::~Wakeup() { ::close(fd_); }

void Wakeup::signal() {
  const std::uint64_t one = 1;
  // It can fail only when the counter is full, and then the waiter wakes anyway.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void Wakeup::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(fd_, &count, sizeof count);
}

void Wakeup::wait(base::DurationUs most) {
  pollfd waiting{fd_, POLLIN, 0};
  const auto ms = std::clamp<base::DurationUs>((most + 999) / 1000, 0, 3'600'000);
  if (::poll(&waiting, 1, static_cast<int>(ms)) > 0) clear();
}

Backoff::Backoff(base::DurationUs least, base::DurationUs most, std::uint64_t seed)
    : least_(least), most_(most), wait_(least), random_(seed | 1) {}

base::DurationUs Backoff::next() {
  random_ ^= random_ << 13;  // xorshift64 (Marsaglia, 2003)
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const auto cut = static_cast<base::DurationUs>(random_ % 256) * wait_ / 1024;
  const base::DurationUs wait = wait_ - cut;
  wait_ = std::min(wait_ * 2, most_);
  return wait;
}

void HealthBoard::state(Health::State state, std::string reason) {
  const std::lock_guard lock(mutex_);
  health_.state = state;
  health_.reason = std::move(reason);
}

void HealthBoard::received(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  health_.received += count;
}

void HealthBoard::refused(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  health_.refused += count;
}

void HealthBoard::malformed(std::uint64_t count, std::string why) {
  const std::lock_guard lock(mutex_);
  health_.malformed += count;
  health_.last_malformed = std::move(why);
}

Health HealthBoard::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Runner::run(std::function<void()> work) {
  LANDER_CHECK(!thread_.joinable());
  thread_ = std::thread(std::move(work));
}

void Runner::stop() {
  stopping_ = true;
  wakeup_.signal();
  if (thread_.joinable()) thread_.join();
}

void Runner::sleep_until(base::DurationUs monotonic) {
  while (!stopping()) {
    const base::DurationUs left = monotonic - clock_.monotonic_us();
    if (left <= 0) return;
    wakeup_.wait(left);
  }
}

bool Runner::offer(Sink& sink, std::vector<sensing::Observation>& observations,
                   base::DurationUs patience) {
  constexpr base::DurationUs kRetry = 5 * base::kMillisecond;
  if (observations.empty()) return true;
  const base::DurationUs until = clock_.monotonic_us() + patience;
  for (bool first = true;; first = false) {
    if (sink.accept(observations, [](const base::Status&) {})) return true;
    if (first) board_.refused(observations.size());
    if (stopping() || clock_.monotonic_us() + kRetry > until) return false;
    sleep(kRetry);
  }
}

std::uint64_t seed_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace lander::source
