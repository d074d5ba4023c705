#include "link/dictionary.h"

#include <algorithm>

#include "base/cbor.h"
#include "link/brief.h"

namespace lander::link {
namespace {

using Entry = std::variant<std::string, Subject>;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxNameBytes = 256;  // as alert::validate() has them
constexpr std::size_t kMaxDetailBytes = 80;
constexpr std::size_t kMaxNew = 1 + kMaxBriefCauses;  // of one event
constexpr std::size_t kMaxBodyBytes = 8192;

bool named(const std::string& text) { return !text.empty() && text.size() <= kMaxNameBytes; }

bool valid(const Entry& entry) {
  if (const auto* id = std::get_if<std::string>(&entry)) return named(*id);
  const Subject& subject = std::get<Subject>(entry);
  return named(subject.rule) && named(subject.asset) && named(subject.title) &&
         subject.model.size() <= kMaxNameBytes && subject.detail.size() <= kMaxDetailBytes;
}

std::size_t bytes_of(const Entry& entry) {
  if (const auto* id = std::get_if<std::string>(&entry)) return id->size();
  const Subject& s = std::get<Subject>(entry);
  return s.rule.size() + s.asset.size() + s.title.size() + s.model.size() + s.detail.size();
}

void put(base::CborWriter& out, const Entry& entry) {
  if (const auto* id = std::get_if<std::string>(&entry)) {
    out.text(*id);
    return;
  }
  const Subject& s = std::get<Subject>(entry);
  out.array(5).text(s.rule).text(s.asset).text(s.title).text(s.model).text(s.detail);
}

base::Result<Entry> read_entry(base::CborReader& in) {
  Entry entry;
  LANDER_ASSIGN(const base::CborType type, in.peek());
  if (type == base::CborType::kText) {
    LANDER_ASSIGN(entry, in.text_of(1, kMaxNameBytes, "a datastream"));
    return entry;
  }
  Subject subject;
  LANDER_TRY(in.array_of(5, "a subject"));
  LANDER_ASSIGN(subject.rule, in.text_of(1, kMaxNameBytes, "a rule"));
  LANDER_ASSIGN(subject.asset, in.text_of(1, kMaxNameBytes, "an asset"));
  LANDER_ASSIGN(subject.title, in.text_of(1, kMaxNameBytes, "a title"));
  LANDER_ASSIGN(subject.model, in.text_of(0, kMaxNameBytes, "a model"));
  LANDER_ASSIGN(subject.detail, in.text_of(0, kMaxDetailBytes, "a detail"));
  entry = std::move(subject);
  return entry;
}

struct Body {
  std::uint64_t first = 0;
  std::vector<Entry> entries;
};

base::Bytes encode_body(const Body& body) {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).unsigned_integer(body.first).array(body.entries.size());
  for (const Entry& entry : body.entries) put(out, entry);
  return out.take();
}

base::Result<Body> read_body(base::ByteView bytes) {
  Body body;
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, kFormat, "dictionary's new entries"));
  LANDER_ASSIGN(body.first, in.unsigned_integer());
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxNew, "new entries"));
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(Entry entry, read_entry(in));
    body.entries.push_back(std::move(entry));
  }
  LANDER_TRY(in.end());
  if (count == 0 || body.first > Dictionary::kMax - count) {
    return in.corrupt("1 to 4 entries with numbers below 16384");
  }
  return body;
}

// What the brief of an event names.
std::vector<Entry> names_of(const alert::Event& event) {
  if (!event.info) return {};
  std::vector<Entry> names = {subject_of(*event.info)};
  const auto& causes = event.info->causes;
  for (std::size_t i = 0; i < std::min(causes.size(), kMaxBriefCauses); ++i) {
    names.emplace_back(causes[i].datastream);
  }
  return names;
}

}  // namespace

Subject subject_of(const alert::Info& info) {
  const bool lasting = info.detail.size() <= kMaxDetailBytes &&
                       std::none_of(info.detail.begin(), info.detail.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
  return {info.rule, info.asset, info.title, info.model, lasting ? info.detail : ""};
}

std::optional<std::uint32_t> Dictionary::find(const Entry& entry) const {
  const auto found = numbers_.find(entry);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}
std::optional<std::uint32_t> Dictionary::subject(const Subject& subject) const {
  return find(subject);
}
std::optional<std::uint32_t> Dictionary::datastream(std::string_view id) const {
  return find(std::string(id));
}
const Subject* Dictionary::subject_at(std::uint64_t number) const {
  return number < entries_.size() ? std::get_if<Subject>(&entries_[number]) : nullptr;
}
const std::string* Dictionary::datastream_at(std::uint64_t number) const {
  return number < entries_.size() ? std::get_if<std::string>(&entries_[number]) : nullptr;
}

bool Dictionary::append(const Entry& entry) {
  const std::size_t bytes = bytes_ + bytes_of(entry);
  if (entries_.size() == kMax || bytes > kMaxBytes || !valid(entry)) return false;
  if (!numbers_.emplace(entry, static_cast<std::uint32_t>(entries_.size())).second) return false;
  entries_.push_back(entry);
  bytes_ = bytes;
  return true;
}

std::optional<base::Bytes> Dictionary::add(const alert::Event& event) {
  Body added{entries_.size(), {}};
  for (const Entry& name : names_of(event)) {
    if (append(name)) added.entries.push_back(name);
  }
  if (added.entries.empty()) return std::nullopt;
  return encode_body(added);
}

std::size_t Dictionary::needed(const alert::Event& event) const {
  std::size_t out = 0;
  for (const Entry& name : names_of(event)) {
    if (const auto number = find(name)) out = std::max<std::size_t>(out, *number + 1);
  }
  return out;
}

base::Result<std::uint64_t> Dictionary::first_of(base::ByteView body) {
  LANDER_ASSIGN(const Body read, read_body(body));
  return read.first;
}

std::vector<base::Bytes> Dictionary::retell() const {
  std::vector<base::Bytes> out;
  for (std::size_t first = 0; first < entries_.size(); first += kMaxNew) {
    const auto from = entries_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto count = std::min<std::size_t>(kMaxNew, entries_.size() - first);
    out.push_back(encode_body({first, {from, from + static_cast<std::ptrdiff_t>(count)}}));
  }
  return out;
}

base::Status Dictionary::take_now(std::uint64_t first, const std::vector<Entry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t number = first + i;
    const bool agrees =
        number < entries_.size() ? entries_[number] == entries[i] : append(entries[i]);
    if (agrees) continue;
    return base::Error(base::Code::kCorrupt, "dictionary: entry " + std::to_string(number) +
                                                 " is said to be otherwise than before, stands "
                                                 "under two numbers, or exceeds its bounds");
  }
  return {};
}

base::Status Dictionary::take(base::ByteView bytes) {
  LANDER_ASSIGN(const Body body, read_body(bytes));
  if (body.first > entries_.size()) {
    if (ahead_.size() >= kMaxAhead && !ahead_.contains(body.first)) {
      return base::Error(base::Code::kExhausted,
                         "dictionary: entries from " + std::to_string(body.first) + " wait for " +
                             std::to_string(entries_.size()) + ", and so many do already");
    }
    const auto at = ahead_.emplace(body.first, base::Bytes(bytes.begin(), bytes.end())).first;
    if (std::equal(bytes.begin(), bytes.end(), at->second.begin(), at->second.end())) return {};
    return base::Error(base::Code::kCorrupt, "dictionary: entries from " +
                                                 std::to_string(body.first) +
                                                 " are said to be otherwise than before");
  }
  base::Status taken = take_now(body.first, body.entries);
  while (!ahead_.empty() && ahead_.begin()->first <= entries_.size()) {
    const auto next = ahead_.extract(ahead_.begin());
    LANDER_ASSIGN(const Body waiting, read_body(next.mapped()));
    const base::Status then = take_now(waiting.first, waiting.entries);
    if (taken.ok()) taken = then;
  }
  return taken;
}

base::Bytes Dictionary::encode() const {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).array(entries_.size());
  for (const Entry& entry : entries_) put(out, entry);
  out.array(ahead_.size());
  for (const auto& waiting : ahead_) out.bytes(waiting.second);
  return out.take();
}

base::Result<Dictionary> Dictionary::decode(base::ByteView bytes) {
  Dictionary out;
  base::CborReader in(bytes);
  LANDER_TRY(in.record(3, kFormat, "dictionary"));
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMax, "entries"));
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(const Entry entry, read_entry(in));
    if (!out.append(entry)) return in.corrupt("entries that differ, of 1 MiB in all");
  }
  LANDER_ASSIGN(const std::uint64_t waiting, in.array_up_to(kMaxAhead, "waiting bodies"));
  for (std::uint64_t i = 0; i < waiting; ++i) {
    LANDER_ASSIGN(const base::ByteView body, in.bytes_of(1, kMaxBodyBytes, "a waiting body"));
    LANDER_TRY(out.take(body));
    if (out.size() != count || out.ahead_.size() != i + 1) return in.corrupt("a body that waits");
  }
  LANDER_TRY(in.end());
  const base::Bytes again = out.encode();  // one value, one form
  if (!std::equal(bytes.begin(), bytes.end(), again.begin(), again.end())) {
    return in.corrupt("waiting bodies in their order");
  }
  return out;
}

}  // namespace lander::link
