#include "os/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace lander::os {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      LANDER_CHECK(got > 0);  // cannot fail once the kernel's pool is ready, and it waits for that
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace

base::Bytes Random::bytes(std::size_t count) {
  base::Bytes out(count);
  fill(out);
  return out;
}

std::uint64_t Random::next_u64() {
  std::uint8_t raw[8];
  fill(raw);
  std::uint64_t value = 0;
  for (std::uint8_t b : raw) value = value << 8 | b;
  return value;
}

std::string Random::uuid7(base::TimeUs now) {
  std::uint8_t raw[16];
  fill(raw);
  const auto ms = static_cast<std::uint64_t>(now / base::kMillisecond);
  for (int i = 0; i < 6; ++i) raw[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0F) | 0x70);  // version 7
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3F) | 0x80);  // variant 10
  std::string text = base::to_hex(raw);
  for (std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
  return text;
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

}  // namespace lander::os
