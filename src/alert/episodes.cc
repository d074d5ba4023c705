// What alarms have in common, and what people said of each.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "alert/fold.h"

namespace lander::alert {
namespace {

constexpr double kMostDeviation = 20;  // beyond, more says nothing more about what it is
constexpr std::size_t kMaxNoteBytes = 512;

std::map<std::string_view, double> signature(const std::vector<Cause>& causes) {
  std::map<std::string_view, double> out;
  for (const Cause& cause : causes) {
    double size = cause.deviation;
    if (!std::isfinite(size)) {
      size =
          std::copysign(std::isfinite(cause.share) ? cause.share : 0, cause.value - cause.expected);
    }
    out[cause.datastream] = std::clamp(size, -kMostDeviation, kMostDeviation);
  }
  return out;
}

double squared(const std::map<std::string_view, double>& of) {
  double sum = 0;
  for (const auto& [datastream, size] : of) sum += size * size;
  return sum;
}

bool related(std::string_view a, std::string_view b) {
  const auto within = [](std::string_view inner, std::string_view outer) {
    return inner == outer ||
           (inner.size() > outer.size() && inner.starts_with(outer) && inner[outer.size()] == '/');
  };
  return within(a, b) || within(b, a);
}

// At a character's boundary: what is cut within one is no UTF-8.
std::string shortened(const std::string& text) {
  if (text.size() <= kMaxNoteBytes) return text;
  std::size_t end = kMaxNoteBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::vector<Episode> episodes(const std::vector<Event>& events) {
  std::vector<Episode> out;
  bool active = false;
  for (const Event& event : events) {
    if (event.kind == EventKind::kRaise && !active) {
      const base::TimeUs since = event.info ? event.info->since : 0;
      out.push_back({since != 0 ? std::min(since, event.time) : event.time, 0, Verdict::kNone});
      active = true;
    } else if (event.kind == EventKind::kClear && active) {
      out.back().to = std::max(event.time, out.back().from + 1);
      active = false;
    } else if (event.kind == EventKind::kVerdict && !out.empty()) {
      // All that came and went since the last verdict is what the person saw.
      for (auto at = out.rbegin(); at != out.rend(); ++at) {
        if (at != out.rbegin() && at->verdict != Verdict::kNone) break;
        at->verdict = event.verdict;
      }
    }
  }
  return out;
}

double likeness(const std::vector<Cause>& a, const std::vector<Cause>& b) {
  const auto of_a = signature(a), of_b = signature(b);
  double product = 0;
  for (const auto& [datastream, size] : of_a) {
    if (const auto found = of_b.find(datastream); found != of_b.end()) {
      product += size * found->second;
    }
  }
  const double length = std::sqrt(squared(of_a) * squared(of_b));
  return length > 0 ? std::clamp(product / length, 0.0, 1.0) : 0;
}

std::vector<std::pair<std::string, std::vector<Episode>>> Book::episodes(
    std::string_view asset) const {
  std::vector<std::pair<std::string, std::vector<Episode>>> out;
  for (const auto& [id, entry] : entries_) {
    if (entry.folded.raised == 0 || !related(entry.folded.info.asset, asset)) continue;
    out.emplace_back(id, alert::episodes(entry.events));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second.front().from > b.second.front().from;
  });
  return out;
}

std::optional<Similar> Book::most_similar(const std::vector<Cause>& causes, std::string_view asset,
                                          std::string_view except) const {
  std::optional<Similar> best;
  for (const auto& [id, entry] : entries_) {
    const Alert& alert = entry.folded;
    if (alert.raised == 0 || id == except || alert.info.asset != asset) continue;
    const double like = likeness(causes, alert.info.causes);
    if (like < kLeastLikeness) continue;
    // Of two that are as alike, the one that people said more of, then the newer one.
    const auto rank = [](double l, Verdict verdict, base::TimeUs raised) {
      return std::tuple(std::round(20 * l), verdict != Verdict::kNone, raised);
    };
    if (best && rank(best->likeness, best->verdict, best->raised) >=
                    rank(like, alert.verdict, alert.raised)) {
      continue;
    }
    best = Similar{id,   alert.raised,  alert.info.title,
                   like, alert.verdict, shortened(alert.note.empty() ? alert.comment : alert.note)};
  }
  return best;
}

}  // namespace lander::alert
