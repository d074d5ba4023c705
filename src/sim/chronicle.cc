#include "sim/chronicle.h"

#include <cstdio>

namespace lander::sim {

void Chronicle::note(std::string_view who, std::string_view what) {
  std::string line = std::to_string(now_) + ' ';
  line.append(who).append(" ").append(what).append("\n");
  sum_.update(base::as_bytes(line));
  ++lines_;
  if (!verbose_) return;
  std::printf("%s %.*s %.*s\n", base::to_rfc3339(now_).c_str(), static_cast<int>(who.size()),
              who.data(), static_cast<int>(what.size()), what.data());
}

void Chronicle::violation(std::string_view who, std::string_view what) {
  note(who, std::string("VIOLATION ").append(what));
  if (broken_) return;
  broken_ = base::to_rfc3339(now_) + ' ';
  broken_->append(who).append(": ").append(what);
}

}  // namespace lander::sim
