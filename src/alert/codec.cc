#include <algorithm>
#include <cmath>

#include "alert/alert.h"
#include "base/cbor.h"

namespace lander::alert {
namespace {

// 2: with a verdict, or a raise with deviations, onset or the most similar alarm. What needs none
// of these is written as 1, which an older hub reads.
constexpr std::uint64_t kFormat = 2, kWithoutReasons = 1;
constexpr std::uint8_t kSeverities = static_cast<std::uint8_t>(Severity::kCritical) + 1;
constexpr std::uint8_t kEventKinds = static_cast<std::uint8_t>(EventKind::kVerdict) + 1;
constexpr std::uint8_t kOldKinds = static_cast<std::uint8_t>(EventKind::kInService) + 1;
constexpr std::uint8_t kVerdicts = static_cast<std::uint8_t>(Verdict::kSensorFault) + 1;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxTextBytes = 4096;
constexpr base::TimeUs kLatest = 253'402'300'799 * base::kSecond;  // 9999-12-31T23:59:59Z

base::Error invalid(const Event& event, const std::string& what) {
  return {base::Code::kInvalid, "alert event \"" + event.id.substr(0, kMaxIdBytes) + "\": " + what};
}

bool in_time(base::TimeUs time) { return time >= -kLatest && time <= kLatest; }

bool has_reasons(const Event& event) {
  if (event.kind == EventKind::kVerdict) return true;
  if (!event.info) return false;
  const Info& info = *event.info;
  return info.since != 0 || info.similar ||
         std::any_of(info.causes.begin(), info.causes.end(),
                     [](const Cause& cause) { return !std::isnan(cause.deviation); });
}

bool fits(const Similar& similar) {
  return !similar.alert.empty() && similar.alert.size() <= kMaxIdBytes &&
         similar.title.size() <= kMaxNameBytes && similar.note.size() <= kMaxTextBytes &&
         similar.verdict <= Verdict::kSensorFault && in_time(similar.raised) &&
         similar.likeness >= 0 && similar.likeness <= 1;
}

base::Status validate_info(const Event& event) {
  const Info& info = *event.info;
  if (info.asset.empty() || info.title.empty() || info.rule.empty()) {
    return invalid(event, "a raise needs an asset, a title and a rule");
  }
  if (info.severity > Severity::kCritical) return invalid(event, "unknown severity");
  bool fits = info.asset.size() <= kMaxNameBytes && info.title.size() <= kMaxNameBytes &&
              info.rule.size() <= kMaxNameBytes && info.model.size() <= kMaxNameBytes &&
              info.detail.size() <= kMaxTextBytes && info.causes.size() <= kMaxCauses &&
              info.evidence.series.size() <= kMaxSeries && in_time(info.evidence.from) &&
              in_time(info.evidence.to) && in_time(info.since) &&
              (!info.similar || alert::fits(*info.similar));
  for (const Cause& cause : info.causes) {
    fits = fits && cause.datastream.size() <= kMaxNameBytes && cause.unit.size() <= kMaxNameBytes;
  }
  for (const auto& [datastream, points] : info.evidence.series) {
    fits = fits && datastream.size() <= kMaxNameBytes && points.size() <= kMaxPoints;
    for (const Point& point : points) fits = fits && in_time(point.time);
  }
  if (!fits) return invalid(event, "a text, list or time of the raise is beyond its bounds");
  return {};
}

void put(base::CborWriter& out, const Similar& similar) {
  out.array(6).text(similar.alert).integer(similar.raised).text(similar.title);
  out.real(similar.likeness).unsigned_integer(static_cast<std::uint64_t>(similar.verdict));
  out.text(similar.note);
}

void put(base::CborWriter& out, const Info& info, bool reasons) {
  out.array(reasons ? 11 : 9).text(info.asset).text(info.title).text(info.detail);
  out.unsigned_integer(static_cast<std::uint64_t>(info.severity));
  out.text(info.rule).text(info.model).real(info.score);
  out.array(info.causes.size());
  for (const Cause& cause : info.causes) {
    out.array(reasons ? 6 : 5)
        .text(cause.datastream)
        .real(cause.share)
        .real(cause.value)
        .real(cause.expected);
    out.text(cause.unit);
    if (reasons) out.real(cause.deviation);
  }
  const Evidence& evidence = info.evidence;
  out.array(3).integer(evidence.from).integer(evidence.to).array(evidence.series.size());
  for (const auto& [datastream, points] : evidence.series) {
    out.array(2).text(datastream).array(2 * points.size());
    for (const Point& point : points) out.integer(point.time - evidence.from).real(point.value);
  }
  if (!reasons) return;
  out.integer(info.since);
  if (info.similar) {
    put(out, *info.similar);
  } else {
    out.null();
  }
}

base::Result<Cause> read_cause(base::CborReader& in, bool reasons) {
  Cause cause;
  LANDER_TRY(in.array_of(reasons ? 6 : 5, "cause"));
  LANDER_ASSIGN(cause.datastream, in.text());
  LANDER_ASSIGN(cause.share, in.real());
  LANDER_ASSIGN(cause.value, in.real());
  LANDER_ASSIGN(cause.expected, in.real());
  LANDER_ASSIGN(cause.unit, in.text());
  if (reasons) {
    LANDER_ASSIGN(cause.deviation, in.real());
  }
  return cause;
}

base::Result<Evidence> read_evidence(base::CborReader& in) {
  Evidence evidence;
  LANDER_TRY(in.array_of(3, "evidence"));
  LANDER_ASSIGN(evidence.from, in.integer());
  LANDER_ASSIGN(evidence.to, in.integer());
  LANDER_ASSIGN(const std::uint64_t series, in.array());
  for (std::uint64_t i = 0; i < series; ++i) {
    LANDER_TRY(in.array_of(2, "series of evidence"));
    LANDER_ASSIGN(const std::string_view datastream, in.text());
    LANDER_ASSIGN(const std::uint64_t numbers, in.array());
    if (numbers % 2 != 0 || numbers > 2 * kMaxPoints) {
      return in.corrupt("at most 120 pairs of evidence");
    }
    std::vector<Point> points;
    for (std::uint64_t k = 0; k < numbers; k += 2) {
      Point point{};
      LANDER_ASSIGN(const std::int64_t after, in.integer());
      LANDER_ASSIGN(point.value, in.real());
      if (__builtin_add_overflow(evidence.from, after, &point.time)) {
        return in.corrupt("a time that does not overflow");
      }
      points.push_back(point);
    }
    evidence.series.emplace_back(datastream, std::move(points));
  }
  return evidence;
}

base::Result<std::optional<Similar>> read_similar(base::CborReader& in) {
  LANDER_ASSIGN(const base::CborType next, in.peek());
  if (next == base::CborType::kNull) {
    LANDER_TRY(in.null());
    return std::optional<Similar>();
  }
  Similar similar;
  LANDER_TRY(in.array_of(6, "similar alarm"));
  LANDER_ASSIGN(similar.alert, in.text());
  LANDER_ASSIGN(similar.raised, in.integer());
  LANDER_ASSIGN(similar.title, in.text());
  LANDER_ASSIGN(similar.likeness, in.real());
  LANDER_ASSIGN(const std::uint8_t verdict, in.enumerator(kVerdicts, "a verdict"));
  similar.verdict = static_cast<Verdict>(verdict);
  LANDER_ASSIGN(similar.note, in.text());
  return std::optional(std::move(similar));
}

base::Result<Info> read_info(base::CborReader& in, bool reasons) {
  Info info;
  LANDER_TRY(in.array_of(reasons ? 11 : 9, "raise"));
  LANDER_ASSIGN(info.asset, in.text());
  LANDER_ASSIGN(info.title, in.text());
  LANDER_ASSIGN(info.detail, in.text());
  LANDER_ASSIGN(const std::uint8_t severity, in.enumerator(kSeverities, "a severity"));
  info.severity = static_cast<Severity>(severity);
  LANDER_ASSIGN(info.rule, in.text());
  LANDER_ASSIGN(info.model, in.text());
  LANDER_ASSIGN(info.score, in.real());
  LANDER_ASSIGN(const std::uint64_t causes, in.array());
  for (std::uint64_t i = 0; i < causes; ++i) {
    LANDER_ASSIGN(Cause cause, read_cause(in, reasons));
    info.causes.push_back(std::move(cause));
  }
  LANDER_ASSIGN(info.evidence, read_evidence(in));
  if (reasons) {
    LANDER_ASSIGN(info.since, in.integer());
    LANDER_ASSIGN(info.similar, read_similar(in));
  }
  return info;
}

base::Result<Event> read_event(base::CborReader& in) {
  Event event;
  LANDER_ASSIGN(const std::uint64_t fields, in.array());
  const bool reasons = fields == 10;
  if (fields != 9 && !reasons) return in.corrupt("an alert event of 9 or 10 fields");
  LANDER_ASSIGN(const std::uint64_t format, in.unsigned_integer());
  if (format != (reasons ? kFormat : kWithoutReasons)) {
    return base::Error(base::Code::kUnsupported,
                       "format " + std::to_string(format) + ": made by another version");
  }
  LANDER_ASSIGN(event.id, in.text());
  LANDER_ASSIGN(event.alert, in.text());
  LANDER_ASSIGN(const std::uint8_t kind,
                in.enumerator(reasons ? kEventKinds : kOldKinds, "a kind of event"));
  event.kind = static_cast<EventKind>(kind);
  LANDER_ASSIGN(event.time, in.integer());
  LANDER_ASSIGN(event.actor, in.text());
  LANDER_ASSIGN(event.comment, in.text());
  LANDER_ASSIGN(event.until, in.integer());
  LANDER_ASSIGN(const base::CborType next, in.peek());
  if (next == base::CborType::kNull) {
    LANDER_TRY(in.null());
  } else {
    LANDER_ASSIGN(event.info, read_info(in, reasons));
  }
  if (reasons) {
    LANDER_ASSIGN(const std::uint8_t verdict, in.enumerator(kVerdicts, "a verdict"));
    event.verdict = static_cast<Verdict>(verdict);
    if (!has_reasons(event)) return in.corrupt("format 1, as it has no reasons");
  }
  LANDER_TRY(in.end());
  return event;
}

}  // namespace

base::Status validate(const Event& event) {
  if (event.id.empty() || event.id.size() > kMaxIdBytes || event.alert.empty() ||
      event.alert.size() > kMaxIdBytes) {
    return invalid(event, "the ids of event and alert have 1 to 64 bytes");
  }
  if (event.kind > EventKind::kVerdict || event.verdict > Verdict::kSensorFault)
    return invalid(event, "unknown kind");
  if (event.actor.empty() || event.actor.size() > kMaxNameBytes) {
    return invalid(event, "expected who did it (\"site\", \"user:anna@site\")");
  }
  if (event.comment.size() > kMaxTextBytes)
    return invalid(event, "a comment has at most 4096 bytes");
  if (!in_time(event.time)) return invalid(event, "its time is not within the years to 9999");
  if ((event.kind == EventKind::kRaise) != event.info.has_value()) {
    return invalid(event, "what was seen belongs to a raise, and only there");
  }
  if ((event.kind == EventKind::kVerdict) != (event.verdict != Verdict::kNone)) {
    return invalid(event, "a verdict says true, false, maintenance or sensor-fault");
  }
  if (event.kind == EventKind::kShelve) {
    if (event.until <= event.time || event.until - event.time > kMaxShelve) {
      return invalid(event, "expected an end of the shelving after now and within 30 days");
    }
  } else if (event.until != 0) {
    return invalid(event, "only a shelve has an end");
  }
  if (event.info) LANDER_TRY(validate_info(event));
  return {};
}

base::Bytes encode(const Event& event) {
  base::CborWriter out;
  const bool reasons = has_reasons(event);
  out.array(reasons ? 10 : 9).unsigned_integer(reasons ? kFormat : kWithoutReasons);
  out.text(event.id).text(event.alert);
  out.unsigned_integer(static_cast<std::uint64_t>(event.kind)).integer(event.time);
  out.text(event.actor).text(event.comment).integer(event.until);
  if (event.info) {
    put(out, *event.info, reasons);
  } else {
    out.null();
  }
  if (reasons) out.unsigned_integer(static_cast<std::uint64_t>(event.verdict));
  return out.take();
}

base::Result<Event> decode_event(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto event = read_event(in);
  if (!event.ok()) return event.error().context("alert event");
  LANDER_TRY(validate(*event));
  return event;
}

}  // namespace lander::alert
