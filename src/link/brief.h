// What a short message says: alerts in brief, receipts, and small items whole. Pure.
// Format: docs/formats/short.md.
//
// An alert in brief names what both ends know by numbers of a Dictionary. A brief that comes before
// its entry is parked by the hub.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alert/alert.h"
#include "base/bytes.h"
#include "link/dictionary.h"
#include "link/link.h"

namespace lander::link {

// Ids of alerts and their events are UUIDv7 (RFC 9562 §5.7) whose random part is 16 bits of salt,
// and 58 bits that follow from tenant, site, use, time and salt: a brief need not carry them.
enum class IdOf : std::uint8_t { kAlert = 0, kEvent = 1 };
// Of the millisecond of `time`. `salt`: begin anywhere and count on, so that no two of a
// millisecond are alike; the first event of an alert has the alert's own time and salt.
std::string derived_id(std::string_view tenant, std::string_view site, IdOf what, base::TimeUs time,
                       std::uint16_t salt);
struct IdParts {
  base::TimeUs time = 0;  // whole ms
  std::uint16_t salt = 0;
  friend bool operator==(const IdParts&, const IdParts&) = default;
};
// Nothing: the id is not derived for this site (an older one, or a person's).
std::optional<IdParts> parts_of(std::string_view id, std::string_view tenant, std::string_view site,
                                IdOf what);

inline constexpr std::size_t kMaxBriefBytes = 64;
inline constexpr std::size_t kMaxBriefCauses = 3;

// A raise (at most 24 bytes with three causes, the strongest with value and expectation, while the
// dictionary's numbers are below 128), a clear, or the acknowledgement of a person at the site (by
// name, if it has at most 12 bytes). Comments, evidence and units stay for the whole. Give it what
// the hub may see: the event of the item's body. Nothing: the event has no brief (another kind or
// actor; ids not derived; subject not in the dictionary: add() it first).
std::optional<base::Bytes> encode_brief(const alert::Event& event, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary);
// The event as far as it is told, marked as brief, ids and all. Times are exact to the millisecond,
// shares to 1/255, scores to 8 binary digits (bfloat16), values and expectations to 16.
// kNotFound: the dictionary lacks an entry (park it); kCorrupt: no encode_brief() made it.
base::Result<alert::Event> decode_brief(base::ByteView brief, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary);

struct ShortMessage {
  // Site: items of the alert lane, told in brief; by number.
  std::map<std::uint64_t, base::Bytes> briefs;
  std::vector<Item> items;        // small ones, whole; without `created` finer than a second
  std::vector<Receipt> receipts;  // of the epoch under whose key it is sealed, one a lane: held ...
  Ranges noticed;                 // ... and, from the hub: alert items that it has in brief
  std::optional<std::uint64_t> desired_revision;
  std::optional<base::TimeUs> sent;  // whole seconds of 1970..2106
};
// Of a receipt the first kMaxShortReceiptRanges ranges after through() go, of `noticed` the first
// kMaxShortNoticedRanges: it may claim less than is true. Its size: encode it and see.
inline constexpr std::size_t kMaxShortReceiptRanges = 7, kMaxShortNoticedRanges = 31;
base::Bytes encode(const ShortMessage& message);
// Bounded; accepts only what encode() makes. `epoch` is that of the key. kCorrupt, kUnsupported.
base::Result<ShortMessage> decode_short_message(base::ByteView bytes, std::uint64_t epoch);

}  // namespace lander::link
