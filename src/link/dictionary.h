// What both ends of a site name by numbers, so that a brief need not spell it: what alerts are
// about, and datastreams. Pure. Format: docs/formats/short.md.
//
// The site numbers; the hub learns by items of type "dictionary" in the state lane, which neither
// expire nor are superseded. A new epoch is told all of it again.
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

namespace lander::link {

// What an alert is about: the part of alert::Info that stays the same when it is raised again.
struct Subject {
  std::string rule, asset, title, model, detail;
  friend auto operator<=>(const Subject&, const Subject&) = default;
};
// `detail` is left out when it has over 80 bytes, or a digit: then it tells what was seen this
// time, and would make every alert a subject of its own.
Subject subject_of(const alert::Info& info);

class Dictionary {
 public:
  static constexpr std::size_t kMax = 16'384;
  static constexpr std::size_t kMaxBytes = 1 << 20;  // of all texts
  static constexpr std::size_t kMaxAhead = 256;      // bodies that came before the one in front

  // The entry's number; nothing: it has none yet.
  std::optional<std::uint32_t> subject(const Subject& subject) const;
  std::optional<std::uint32_t> datastream(std::string_view id) const;
  const Subject* subject_at(std::uint64_t number) const;
  const std::string* datastream_at(std::uint64_t number) const;
  std::size_t size() const { return entries_.size(); }
  // Adds what the brief of `event` names and is not there yet; the body of the item that tells the
  // peer of it. Nothing: all is there (or the event is no raise), or the dictionary is full.
  std::optional<base::Bytes> add(const alert::Event& event);
  // How many entries, from the first on, the brief of `event` takes for granted; 0: none.
  std::size_t needed(const alert::Event& event) const;
  // The number of an item's body's first entry. kCorrupt.
  static base::Result<std::uint64_t> first_of(base::ByteView body);
  // All of it as bodies of items, for a new epoch.
  std::vector<base::Bytes> retell() const;
  // The peer's: adds the entries of an item's body. Known ones change nothing; one that leaves a
  // gap waits inside until it is closed. kCorrupt: it says otherwise than before, or no honest peer
  // says it; kExhausted: too many wait; do not receipt it, and it comes again.
  base::Status take(base::ByteView body);
  base::Bytes encode() const;  // all of it, for a record
  static base::Result<Dictionary> decode(base::ByteView bytes);

 private:
  using Entry = std::variant<std::string, Subject>;  // a datastream's id, or a subject
  std::optional<std::uint32_t> find(const Entry& entry) const;
  bool append(const Entry& entry);  // false: it is there already, or does not fit
  base::Status take_now(std::uint64_t first, const std::vector<Entry>& entries);

  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
  std::map<Entry, std::uint32_t> numbers_;
  std::map<std::uint64_t, base::Bytes> ahead_;  // by first number
};

}  // namespace lander::link
