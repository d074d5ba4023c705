#include <algorithm>
#include <array>

#include "link/brief.h"
#include "sensing/wire.h"

namespace lander::link {
namespace {

using sensing::put_varint;
using sensing::WireReader;

constexpr std::uint64_t kLastNumber = INT64_MAX;
constexpr std::size_t kMaxTypeBytes = 32;
// The first byte: the version above, below it which parts follow, in this order.
constexpr std::uint8_t kVersion = 1 << 6, kVersionBits = 3 << 6;
enum : std::uint8_t {
  kHasSent = 1,
  kHasRevision = 2,
  kHasReceipts = 4,
  kHasNoticed = 8,
  kHasBriefs = 16,
  kHasItems = 32,
};
// Types that go by their place here; 0: the type is spelled. Only ever lengthened, to 31.
constexpr std::array<std::string_view, 11> kTypes = {
    "",        "alert-event", "reported", "datastream", "summary",   "blocks",
    "desired", "trust",       "blob",     "model",      "dictionary"};

std::int64_t floor_seconds(base::TimeUs time) {
  return time / base::kSecond - (time % base::kSecond < 0 ? 1 : 0);
}

std::optional<std::uint64_t> sent_seconds(const ShortMessage& message) {
  if (!message.sent) return std::nullopt;
  const std::int64_t seconds = floor_seconds(*message.sent);
  if (seconds < 0 || seconds > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint64_t>(seconds);
}

void put_bytes(base::Bytes& out, base::ByteView bytes) {
  put_varint(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// --- Ranges of a lane: [lane | more << 3] [through] more x ([gap] [length]) ----------------------

void put_held(base::Bytes& out, std::uint8_t lane, const Ranges& held, std::size_t most) {
  auto at = held.ranges().begin();
  std::uint64_t last = held.through();
  if (last != 0) ++at;
  const auto left = static_cast<std::size_t>(std::distance(at, held.ranges().end()));
  const std::size_t more = std::min(left, most);
  out.push_back(static_cast<std::uint8_t>(lane | more << 3));
  put_varint(out, last);
  for (std::size_t i = 0; i < more; ++i, ++at) {
    put_varint(out, at->first - last - 2);
    put_varint(out, at->second - at->first);
    last = at->second;
  }
}

base::Result<Receipt> read_held(WireReader& in, std::size_t most) {
  Receipt out;
  std::uint8_t head = 0;
  std::uint64_t last = 0;
  if (!in.byte(head) || (head & 7) >= kLanes || std::size_t{head} >> 3 > most || !in.varint(last) ||
      last > kLastNumber) {
    return in.corrupt("short message", "what is held of a lane");
  }
  out.lane = head & 7;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  if (last != 0) ranges.emplace_back(1, last);
  for (int more = head >> 3; more > 0; --more) {
    std::uint64_t gap = 0, length = 0;
    if (!in.varint(gap) || !in.varint(length) || gap > kLastNumber || length > kLastNumber) {
      return in.corrupt("short message", "a range of numbers");
    }
    const std::uint64_t first = last + 2 + gap;  // no overflow: each is below 2^63
    if (first > kLastNumber || length > kLastNumber - first) {
      return in.corrupt("short message", "numbers below 2^63");
    }
    last = first + length;
    ranges.emplace_back(first, last);
  }
  LANDER_ASSIGN(out.held, Ranges::from(ranges));
  return out;
}

// --- Items and briefs ----------------------------------------------------------------------------

void put_item(base::Bytes& out, const Item& item, std::int64_t& second) {
  const auto known = std::find(kTypes.begin() + 1, kTypes.end(), item.type);
  const auto code = known == kTypes.end() ? 0u : static_cast<unsigned>(known - kTypes.begin());
  out.push_back(static_cast<std::uint8_t>(item.lane | code << 3));
  if (code == 0) put_bytes(out, base::as_bytes(item.type));
  put_varint(out, item.number);
  const std::int64_t created = floor_seconds(item.created);
  put_varint(out, sensing::zigzag(static_cast<std::uint64_t>(created - second)));
  second = created;
  put_bytes(out, item.body);
}

base::Result<Item> read_item(WireReader& in, std::int64_t& second) {
  Item item;
  std::uint8_t head = 0;
  if (!in.byte(head) || (head & 7) >= kLanes || std::size_t{head} >> 3 >= kTypes.size()) {
    return in.corrupt("short message", "an item's lane and type");
  }
  item.lane = head & 7;
  item.type = kTypes[head >> 3];
  std::uint64_t size = 0, later = 0;
  base::ByteView bytes;
  if (head >> 3 == 0) {
    if (!in.varint(size) || size == 0 || size > kMaxTypeBytes || !in.take(size, bytes) ||
        !base::is_utf8(bytes)) {
      return in.corrupt("short message", "a type of 1 to 32 bytes");
    }
    item.type = base::as_text(bytes);
  }
  if (!in.varint(item.number) || item.number == 0 || item.number > kLastNumber ||
      !in.zigzagged(later) ||
      __builtin_add_overflow(second, static_cast<std::int64_t>(later), &second) ||
      __builtin_mul_overflow(second, base::kSecond, &item.created)) {
    return in.corrupt("short message", "an item's number and second");
  }
  if (!in.varint(size) || !in.take(size, bytes)) return in.corrupt("short message", "a body");
  item.body.assign(bytes.begin(), bytes.end());
  return item;
}

void put_briefs(base::Bytes& out, const std::map<std::uint64_t, base::Bytes>& briefs) {
  put_varint(out, briefs.size());
  std::uint64_t last = 0;
  for (const auto& [number, brief] : briefs) {
    put_varint(out, number - last - 1);
    put_bytes(out, brief);
    last = number;
  }
}

base::Status read_briefs(WireReader& in, std::map<std::uint64_t, base::Bytes>& briefs) {
  std::uint64_t count = 0, last = 0;
  if (!in.varint(count)) return in.corrupt("short message", "how many briefs");
  for (; count > 0; --count) {
    std::uint64_t gap = 0, size = 0;
    base::ByteView brief;
    if (!in.varint(gap) || gap >= kLastNumber - last || !in.varint(size) || size == 0 ||
        size > kMaxBriefBytes || !in.take(size, brief)) {
      return in.corrupt("short message", "a brief of 1 to 64 bytes");
    }
    last += 1 + gap;
    briefs.emplace_hint(briefs.end(), last, base::Bytes(brief.begin(), brief.end()));
  }
  return {};
}

base::Status read_receipts(WireReader& in, std::uint64_t epoch, std::vector<Receipt>& receipts) {
  std::uint8_t count = 0;
  if (!in.byte(count) || count > kLanes) return in.corrupt("short message", "at most 5 receipts");
  for (; count > 0; --count) {
    LANDER_ASSIGN(Receipt receipt, read_held(in, kMaxShortReceiptRanges));
    receipt.epoch = epoch;
    receipts.push_back(std::move(receipt));
  }
  return {};
}

base::Result<ShortMessage> read(WireReader& in, std::uint64_t epoch) {
  ShortMessage out;
  std::uint8_t parts = 0;
  if (!in.byte(parts)) return in.corrupt("short message", "a first byte");
  if ((parts & kVersionBits) != kVersion) {
    return base::Error(base::Code::kUnsupported,
                       "short message: version " + std::to_string(parts >> 6) + ", expected 1");
  }
  std::int64_t second = 0;
  if (parts & kHasSent) {
    base::ByteView seconds;
    if (!in.take(4, seconds)) return in.corrupt("short message", "4 bytes of time");
    second = sensing::get_u32(seconds);
    out.sent = second * base::kSecond;
  }
  if (parts & kHasRevision && !in.varint(out.desired_revision.emplace())) {
    return in.corrupt("short message", "a revision");
  }
  if (parts & kHasReceipts) LANDER_TRY(read_receipts(in, epoch, out.receipts));
  if (parts & kHasNoticed) {
    LANDER_ASSIGN(Receipt noticed, read_held(in, kMaxShortNoticedRanges));
    out.noticed = std::move(noticed.held);
  }
  if (parts & kHasBriefs) LANDER_TRY(read_briefs(in, out.briefs));
  if (parts & kHasItems) {
    std::uint64_t count = 0;
    if (!in.varint(count)) return in.corrupt("short message", "how many items");
    for (; count > 0; --count) {
      LANDER_ASSIGN(Item item, read_item(in, second));
      out.items.push_back(std::move(item));
    }
  }
  return out;
}

}  // namespace

base::Bytes encode(const ShortMessage& message) {
  LANDER_CHECK(message.receipts.size() <= kLanes);
  const auto sent = sent_seconds(message);
  base::Bytes out = {kVersion};
  const auto part = [&](std::uint8_t bit, bool there) {
    if (there) out[0] = static_cast<std::uint8_t>(out[0] | bit);
    return there;
  };
  if (part(kHasSent, sent.has_value())) sensing::put_u32(out, static_cast<std::uint32_t>(*sent));
  if (part(kHasRevision, message.desired_revision.has_value())) {
    put_varint(out, *message.desired_revision);
  }
  if (part(kHasReceipts, !message.receipts.empty())) {
    out.push_back(static_cast<std::uint8_t>(message.receipts.size()));
    for (const Receipt& receipt : message.receipts) {
      put_held(out, receipt.lane, receipt.held, kMaxShortReceiptRanges);
    }
  }
  if (part(kHasNoticed, !message.noticed.ranges().empty())) {
    put_held(out, kLaneAlert, message.noticed, kMaxShortNoticedRanges);
  }
  if (part(kHasBriefs, !message.briefs.empty())) put_briefs(out, message.briefs);
  if (part(kHasItems, !message.items.empty())) {
    put_varint(out, message.items.size());
    std::int64_t second = static_cast<std::int64_t>(sent.value_or(0));
    for (const Item& item : message.items) put_item(out, item, second);
  }
  return out;
}

base::Result<ShortMessage> decode_short_message(base::ByteView bytes, std::uint64_t epoch) {
  if (bytes.size() > crypto::kMaxCcm8Bytes) {
    return base::Error(base::Code::kCorrupt,
                       "short message: at most 65535 bytes, not " + std::to_string(bytes.size()));
  }
  WireReader in(bytes);
  LANDER_ASSIGN(ShortMessage message, read(in, epoch));
  const base::Bytes again = encode(message);  // one value, one form
  if (!std::equal(bytes.begin(), bytes.end(), again.begin(), again.end())) {
    return in.corrupt("short message", "the form that encode() gives it");
  }
  return message;
}

}  // namespace lander::link
