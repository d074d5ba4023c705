#include "sensing/chunk_strings.h"

#include <string_view>
#include <unordered_map>

#include "base/check.h"
#include "sensing/chunk.h"
#include "sensing/chunk_column.h"
#include "sensing/chunk_zstd.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::ByteView;
using base::Status;

enum Bodies : std::uint8_t { kPlain = 0, kSqueezed = 1 };

Integers lengths_of(const std::vector<std::string_view>& texts) {
  Integers lengths;
  for (const std::string_view text : texts)
    lengths.push_back(static_cast<std::int64_t>(text.size()));
  return lengths;
}

// The distinct strings in the order of their first use.
struct Distinct {
  std::vector<std::string_view> texts;
  Integers which;
};

Distinct distinct(const std::vector<std::string>& strings) {
  Distinct out;
  std::unordered_map<std::string_view, std::int64_t> known;
  for (const std::string& text : strings) {
    const auto [found, fresh] =
        known.try_emplace(text, static_cast<std::int64_t>(out.texts.size()));
    if (fresh) out.texts.push_back(text);
    out.which.push_back(found->second);
  }
  return out;
}

}  // namespace

void put_strings(Bytes& out, const std::vector<std::string>& strings) {
  thread_local Bytes bodies, packed;
  std::size_t all = 0;
  for (const std::string& text : strings) all += text.size();
  LANDER_CHECK(all <= kMaxChunkBytes);
  const Distinct known = distinct(strings);
  put_varint(out, known.texts.size());
  put_column(out, lengths_of(known.texts));
  if (known.texts.size() < strings.size()) put_column(out, known.which);
  bodies.clear();
  for (const std::string_view text : known.texts)
    bodies.insert(bodies.end(), text.begin(), text.end());
  squeeze(bodies, packed);
  const bool shorter = packed.size() < bodies.size();
  const Bytes& kept = shorter ? packed : bodies;
  out.push_back(shorter ? kSqueezed : kPlain);
  put_varint(out, kept.size());
  out.insert(out.end(), kept.begin(), kept.end());
}

namespace {

Status get_lengths(WireReader& in, std::size_t most_bytes, Integers& lengths, std::size_t& sum) {
  LANDER_TRY(get_column(in, lengths));
  sum = 0;
  for (const std::int64_t length : lengths) {
    if (static_cast<std::uint64_t>(length) > most_bytes)
      return in.corrupt("chunk", "strings of bounded length");
    sum += static_cast<std::size_t>(length);
  }
  return sum <= kMaxChunkBytes ? Status() : in.corrupt("chunk", "at most 16 MiB of strings");
}

Status get_bodies(WireReader& in, std::size_t sum, Bytes& bodies) {
  std::uint8_t form = 0;
  std::uint64_t size = 0;
  if (!in.byte(form) || form > kSqueezed || !in.varint(size) || size > in.left()) {
    return in.corrupt("chunk", "the bytes of its strings");
  }
  const ByteView stored = in.rest().first(size);
  if (form == kPlain) {
    if (size != sum) return in.corrupt("chunk", "as many bytes as its strings have");
    bodies.assign(stored.begin(), stored.end());
  } else {
    bodies.resize(sum);
    if (!unsqueeze(stored, bodies)) return in.corrupt("chunk", "zstd of the strings' length");
  }
  in.skip(size);
  return {};
}

}  // namespace

Status get_strings(WireReader& in, std::size_t most_bytes, std::vector<std::string>& strings) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count == 0 || count > strings.size()) {
    return in.corrupt("chunk", "as many distinct strings as samples at most");
  }
  Integers lengths(count), which;
  std::size_t sum = 0, all = 0;
  LANDER_TRY(get_lengths(in, most_bytes, lengths, sum));
  if (count < strings.size()) {
    which.resize(strings.size());
    LANDER_TRY(get_column(in, which));
    for (const std::int64_t index : which) {
      if (static_cast<std::uint64_t>(index) >= count)
        return in.corrupt("chunk", "a string that exists");
      all += static_cast<std::size_t>(lengths[static_cast<std::size_t>(index)]);
    }
    if (all > kMaxChunkBytes) return in.corrupt("chunk", "at most 16 MiB of strings");
  }
  Bytes bodies;
  LANDER_TRY(get_bodies(in, sum, bodies));
  std::vector<std::string_view> texts;
  std::size_t at = 0;
  for (const std::int64_t length : lengths) {
    const auto size = static_cast<std::size_t>(length);
    texts.push_back(base::as_text(bodies).substr(at, size));
    at += size;
  }
  for (std::size_t i = 0; i < strings.size(); ++i) {
    strings[i] = texts[which.empty() ? i : static_cast<std::size_t>(which[i])];
  }
  return {};
}

}  // namespace lander::sensing
