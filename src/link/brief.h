// What a short message says: alerts in brief, receipts, and small items whole. Pure.
// Format: docs/formats/short.md.
//
// An alert in brief names what both ends know by numbers of a dictionary, which goes by items of
// type "dictionary" in the state lane. A brief that comes before its entry is parked by the hub.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alert/alert.h"
#include "base/bytes.h"
#include "link/link.h"

namespace lander::link {

// Ids of alerts and their events are UUIDv7 (RFC 9562 §5.7) whose random part is 16 bits of salt,
// and 58 bits that follow from site, time and salt: a brief need not carry them.
enum class IdOf : std::uint8_t { kAlert = 0, kEvent = 1 };
std::string derived_id(std::string_view tenant, std::string_view site, IdOf what, base::TimeUs time,
                       std::uint16_t salt);
struct IdParts {
  base::TimeUs time = 0;  // whole ms
  std::uint16_t salt = 0;
};
// Nothing: the id is not derived for this site (an older one, or a person's).
std::optional<IdParts> parts_of(std::string_view id, std::string_view tenant, std::string_view site,
                                IdOf what);

// What alerts are about: entry n is the same for ever within an epoch.
struct Subject {
  std::string rule, asset, title, model, detail;  // of alert::Info; detail: at most 80 bytes
  friend auto operator<=>(const Subject&, const Subject&) = default;
};
class Dictionary {
 public:
  static constexpr std::size_t kMax = 16'384;
  // The entry's number; nothing: it has none yet.
  std::optional<std::uint32_t> subject(const Subject& subject) const;
  std::optional<std::uint32_t> datastream(std::string_view id) const;
  const Subject* subject_at(std::uint32_t number) const;
  const std::string* datastream_at(std::uint32_t number) const;
  std::size_t size() const;
  // Adds what `event` names and is not there yet; the body of the item that tells the peer of it.
  // Nothing: all is there, or the dictionary is full.
  std::optional<base::Bytes> add(const alert::Event& event);
  // The peer's: adds the entries of an item's body. Known ones change nothing; one that says
  // otherwise than before is kCorrupt, one that leaves a gap is parked inside (bounded).
  base::Status take(base::ByteView body);
  base::Bytes encode() const;  // all of it, for a record
  static base::Result<Dictionary> decode(base::ByteView bytes);

 private:
  std::vector<std::variant<std::string, Subject>> entries_;
  std::map<std::string, std::uint32_t, std::less<>> datastreams_;
  std::map<Subject, std::uint32_t> subjects_;
  std::map<std::uint32_t, base::Bytes> ahead_;
};

// At most 24 bytes for a raise with datastream, severity, score, time and explanation (up to three
// causes with their shares, the strongest with value and expectation as 16-bit floats).
// Nothing: the event has no brief (its ids are not derived, it is a person's shelving, ...).
std::optional<base::Bytes> encode_brief(const alert::Event& event, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary);
// The event as far as it is told, ids and all; numbers are as exact as 16 bits allow. kNotFound:
// the dictionary lacks an entry (park it); kCorrupt.
base::Result<alert::Event> decode_brief(base::ByteView brief, std::string_view tenant,
                                        std::string_view site, const Dictionary& dictionary);

struct ShortMessage {
  // Site: items of the alert lane, told in brief; by number.
  std::map<std::uint64_t, base::Bytes> briefs;
  std::vector<Item> items;        // small ones, whole; without `created` finer than a second
  std::vector<Receipt> receipts;  // of the epoch under whose key it is sealed: held ...
  Ranges noticed;                 // ... and, from the hub: alert items that it has in brief
  std::optional<std::uint64_t> desired_revision;
  std::optional<base::TimeUs> sent;  // whole seconds
};
base::Bytes encode(const ShortMessage& message);
// Bounded; accepts only what encode() makes. `epoch` is that of the key.
base::Result<ShortMessage> decode_short_message(base::ByteView bytes, std::uint64_t epoch);

}  // namespace lander::link
