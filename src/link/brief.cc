#include "link/brief.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/cbor.h"
#include "sensing/wire.h"

namespace lander::link {
namespace {

using sensing::WireReader;

constexpr std::int64_t kMaxMs = (std::int64_t{1} << 48) - 1;
constexpr std::size_t kMaxActorBytes = 12;
constexpr std::size_t kScoreBytes = 2, kValueBytes = 3;
constexpr std::string_view kSite = "site", kSomebody = "user@site";
constexpr std::string_view kBeforeName = "user:", kAfterName = "@site";

std::int64_t floor_ms(base::TimeUs time) {
  return time / base::kMillisecond - (time % base::kMillisecond < 0 ? 1 : 0);
}

// binary32 (IEEE 754) rounded to its upper 16 bits (then it is bfloat16) or 24.
void put_float(base::Bytes& out, double value, std::size_t bytes) {
  constexpr double kMost = std::numeric_limits<float>::max();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  const float narrow = value > kMost    ? kInfinite
                       : value < -kMost ? -kInfinite
                                        : static_cast<float>(value);
  auto bits = std::bit_cast<std::uint32_t>(narrow);
  const auto cut = static_cast<unsigned>(32 - 8 * bytes);
  if (std::isnan(value)) {
    bits = 0x7FC00000;
  } else {  // to the nearest, ties to even
    bits += (std::uint32_t{1} << (cut - 1)) - 1 + (bits >> cut & 1);
  }
  for (std::size_t i = 4 - bytes; i < 4; ++i) {
    out.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
}
bool get_float(WireReader& in, std::size_t bytes, double& value) {
  base::ByteView raw;
  if (!in.take(bytes, raw)) return false;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    bits |= std::uint32_t{raw[i]} << (8 * (4 - bytes + i));
  }
  value = static_cast<double>(std::bit_cast<float>(bits));
  return true;
}

void put_salt(base::Bytes& out, std::uint16_t salt) {
  out.push_back(static_cast<std::uint8_t>(salt));
  out.push_back(static_cast<std::uint8_t>(salt >> 8));
}
bool get_salt(WireReader& in, std::uint16_t& salt) {
  std::uint8_t low = 0, high = 0;
  if (!in.byte(low) || !in.byte(high)) return false;
  salt = static_cast<std::uint16_t>(low | high << 8);
  return true;
}

std::uint64_t id_hash(std::string_view tenant, std::string_view site, IdOf what, std::uint64_t ms,
                      std::uint16_t salt) {
  base::CborWriter named;
  named.array(6).text("lander id 1").text(tenant).text(site);
  named.unsigned_integer(static_cast<std::uint64_t>(what)).unsigned_integer(ms);
  const crypto::Digest digest = crypto::sha256(named.unsigned_integer(salt).out());
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < 8; ++i) first = first << 8 | digest[i];
  return first >> 6;
}

// The first byte of a brief.
struct Head {
  alert::EventKind kind = alert::EventKind::kRaise;  // bits 0-1
  bool begins = false;                               // bit 2: the alert has this event's id parts
  std::uint8_t severity = 0;                         // bits 3-4
  std::uint8_t causes = 0;                           // bits 5-6
  bool score = false;                                // bit 7
};
std::uint8_t byte_of(const Head& head) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(head.kind) | (head.begins ? 4 : 0) |
                                   head.severity << 3 | head.causes << 5 | (head.score ? 0x80 : 0));
}
Head head_of(std::uint8_t byte) {
  return {static_cast<alert::EventKind>(byte & 3), (byte & 4) != 0,
          static_cast<std::uint8_t>(byte >> 3 & 3), static_cast<std::uint8_t>(byte >> 5 & 3),
          (byte & 0x80) != 0};
}

// How an acknowledging actor goes: the name alone, or nothing for a long one. Nothing at all: it is
// nobody at the site.
std::optional<std::string_view> name_of(std::string_view actor) {
  if (actor == kSomebody) return "";
  if (!actor.starts_with(kBeforeName) || !actor.ends_with(kAfterName)) return std::nullopt;
  actor.remove_prefix(kBeforeName.size());
  actor.remove_suffix(kAfterName.size());
  return actor.size() <= kMaxActorBytes ? actor : "";
}

// Causes that can be named: up to the first that the dictionary lacks.
std::vector<std::uint32_t> numbers_of(const std::vector<alert::Cause>& causes,
                                      const Dictionary& dictionary) {
  std::vector<std::uint32_t> out;
  for (const alert::Cause& cause : causes) {
    const auto number = dictionary.datastream(cause.datastream);
    if (!number || out.size() == kMaxBriefCauses) break;
    out.push_back(*number);
  }
  return out;
}

std::uint8_t share_byte(double share) {
  return static_cast<std::uint8_t>(share >= 0 ? std::lround(std::min(share, 1.0) * 255) : 0);
}

void put_causes(base::Bytes& out, const std::vector<alert::Cause>& causes,
                const std::vector<std::uint32_t>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    sensing::put_varint(out, numbers[i]);
    out.push_back(share_byte(causes[i].share));
    if (i > 0) continue;
    put_float(out, causes[i].value, kValueBytes);
    put_float(out, causes[i].expected, kValueBytes);
  }
}

base::Error unknown(std::uint64_t number) {
  return {base::Code::kNotFound,
          "brief: the dictionary has no entry " + std::to_string(number) + " yet"};
}

base::Status read_causes(WireReader& in, std::uint8_t count, const Dictionary& dictionary,
                         std::vector<alert::Cause>& causes) {
  for (std::uint8_t i = 0; i < count; ++i) {
    std::uint64_t number = 0;
    std::uint8_t share = 0;
    alert::Cause cause;
    if (!in.varint(number) || !in.byte(share) ||
        (i == 0 && (!get_float(in, kValueBytes, cause.value) ||
                    !get_float(in, kValueBytes, cause.expected)))) {
      return in.corrupt("brief", "a cause");
    }
    const std::string* datastream = dictionary.datastream_at(number);
    if (datastream == nullptr) {
      return number >= dictionary.size() ? unknown(number)
                                         : in.corrupt("brief", "the number of a datastream");
    }
    cause.datastream = *datastream;
    cause.share = share / 255.0;
    causes.push_back(std::move(cause));
  }
  return {};
}

base::Result<alert::Info> read_info(WireReader& in, const Head& head,
                                    const Dictionary& dictionary) {
  std::uint64_t number = 0;
  alert::Info info;
  info.score = std::numeric_limits<double>::quiet_NaN();
  if (!in.varint(number) || (head.score && !get_float(in, kScoreBytes, info.score))) {
    return in.corrupt("brief", "a subject and its score");
  }
  const Subject* subject = dictionary.subject_at(number);
  if (subject == nullptr) {
    if (number >= dictionary.size()) return unknown(number);
    return in.corrupt("brief", "the number of a subject");
  }
  info.rule = subject->rule;
  info.asset = subject->asset;
  info.title = subject->title;
  info.model = subject->model;
  info.detail = subject->detail;
  info.severity = static_cast<alert::Severity>(head.severity);
  LANDER_TRY(read_causes(in, head.causes, dictionary, info.causes));
  return info;
}

// Time and ids, which stand in front.
base::Status read_ids(WireReader& in, bool begins, std::string_view tenant, std::string_view site,
                      alert::Event& event) {
  std::uint64_t ms = 0, before = 0;
  std::uint16_t salt = 0;
  if (!in.varint(ms) || ms > kMaxMs || !get_salt(in, salt)) {
    return in.corrupt("brief", "a time in ms and a salt");
  }
  event.time = static_cast<base::TimeUs>(ms) * base::kMillisecond;
  event.id = derived_id(tenant, site, IdOf::kEvent, event.time, salt);
  if (!begins && (!in.zigzagged(before) || !get_salt(in, salt) || ms - before > kMaxMs)) {
    return in.corrupt("brief", "the time and salt of the alert");
  }
  const auto alert_ms = static_cast<base::TimeUs>(ms - before);
  event.alert = derived_id(tenant, site, IdOf::kAlert, alert_ms * base::kMillisecond, salt);
  return {};
}

base::Result<alert::Event> read_event(WireReader& in, std::string_view tenant,
                                      std::string_view site, const Dictionary& dictionary) {
  std::uint8_t first = 0;
  alert::Event event;
  if (!in.byte(first)) return in.corrupt("brief", "a first byte");
  const Head head = head_of(first);
  event.brief = true;
  event.kind = head.kind;
  event.actor = kSite;
  LANDER_TRY(read_ids(in, head.begins, tenant, site, event));
  if (event.kind == alert::EventKind::kRaise) {
    LANDER_ASSIGN(event.info, read_info(in, head, dictionary));
  } else if (event.kind == alert::EventKind::kAcknowledge) {
    std::uint8_t size = 0;
    base::ByteView name;
    if (!in.byte(size) || !in.take(size, name) || !base::is_utf8(name)) {
      return in.corrupt("brief", "a name");
    }
    event.actor = name.empty() ? std::string(kSomebody)
                               : std::string(kBeforeName) + std::string(base::as_text(name)) +
                                     std::string(kAfterName);
  }
  return event;
}

}  // namespace

std::string derived_id(std::string_view tenant, std::string_view site, IdOf what, base::TimeUs time,
                       std::uint16_t salt) {
  // A clock before 1970 has no such id; what it made is told whole only.
  const auto ms = static_cast<std::uint64_t>(std::clamp<std::int64_t>(floor_ms(time), 0, kMaxMs));
  const std::uint64_t high = ms << 16 | 7 << 12 | salt >> 4;
  const std::uint64_t low = std::uint64_t{2} << 62 | std::uint64_t{salt & 15u} << 58 |
                            id_hash(tenant, site, what, ms, salt);
  base::Bytes raw;
  for (const std::uint64_t half : {high, low}) {
    for (int i = 7; i >= 0; --i) raw.push_back(static_cast<std::uint8_t>(half >> (8 * i)));
  }
  std::string text = base::to_hex(raw);
  for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
  return text;
}

std::optional<IdParts> parts_of(std::string_view id, std::string_view tenant, std::string_view site,
                                IdOf what) {
  if (id.size() != 36) return std::nullopt;
  std::string digits(id);
  std::erase(digits, '-');
  const auto raw = base::from_hex(digits);
  if (!raw.ok() || raw->size() != 16) return std::nullopt;
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | (*raw)[i];
  const auto& b = *raw;
  const auto salt = static_cast<std::uint16_t>((b[6] & 15) << 12 | b[7] << 4 | (b[8] >> 2 & 15));
  const IdParts parts{ms * base::kMillisecond, salt};
  if (derived_id(tenant, site, what, parts.time, salt) != id) return std::nullopt;
  return parts;
}

std::optional<base::Bytes> encode_brief(const alert::Event& event, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary) {
  const bool raise = event.kind == alert::EventKind::kRaise;
  const auto name = event.kind == alert::EventKind::kAcknowledge ? name_of(event.actor) : "";
  const bool told = event.kind == alert::EventKind::kAcknowledge
                        ? name.has_value()
                        : event.kind <= alert::EventKind::kClear && event.actor == kSite;
  const auto own = parts_of(event.id, tenant, site, IdOf::kEvent);
  const auto alert = parts_of(event.alert, tenant, site, IdOf::kAlert);
  const std::int64_t ms = floor_ms(event.time);
  if (!told || raise != event.info.has_value() || !own || !alert ||
      own->time != ms * base::kMillisecond) {
    return std::nullopt;
  }
  Head head{event.kind, raise && *own == *alert};
  std::vector<std::uint32_t> causes;
  if (raise) {
    causes = numbers_of(event.info->causes, dictionary);
    head.severity = static_cast<std::uint8_t>(event.info->severity);
    head.causes = static_cast<std::uint8_t>(causes.size());
    head.score = !std::isnan(event.info->score);
  }
  base::Bytes out = {byte_of(head)};
  sensing::put_varint(out, static_cast<std::uint64_t>(ms));
  put_salt(out, own->salt);
  if (!head.begins) {
    const std::int64_t before = ms - alert->time / base::kMillisecond;
    sensing::put_varint(out, sensing::zigzag(static_cast<std::uint64_t>(before)));
    put_salt(out, alert->salt);
  }
  if (raise) {
    const auto subject = dictionary.subject(subject_of(*event.info));
    if (!subject) return std::nullopt;
    sensing::put_varint(out, *subject);
    if (head.score) put_float(out, event.info->score, kScoreBytes);
    put_causes(out, event.info->causes, causes);
  } else if (event.kind == alert::EventKind::kAcknowledge) {
    out.push_back(static_cast<std::uint8_t>(name->size()));
    const base::ByteView bytes = base::as_bytes(*name);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

base::Result<alert::Event> decode_brief(base::ByteView brief, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary) {
  WireReader in(brief);
  LANDER_ASSIGN(alert::Event event, read_event(in, tenant, site, dictionary));
  // One value, one form.
  const auto again = encode_brief(event, tenant, site, dictionary);
  if (!again || !std::equal(brief.begin(), brief.end(), again->begin(), again->end()) ||
      !alert::validate(event).ok()) {
    return in.corrupt("brief", "the form that encode_brief() gives it");
  }
  return event;
}

}  // namespace lander::link
