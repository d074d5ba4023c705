#include "carrier/https.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kLengthBytes = 4;

}  // namespace

base::Bytes encode_list(const std::vector<base::Bytes>& bundles) {
  base::Bytes out;
  std::size_t size = 0;
  for (const auto& bundle : bundles) size += kLengthBytes + bundle.size();
  LANDER_CHECK(bundles.size() <= kMaxBundlesInList && size <= kMaxListBytes);
  out.reserve(size);
  for (const auto& bundle : bundles) {
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
      out.push_back(static_cast<std::uint8_t>(bundle.size() >> (8 * i)));
    }
    out.insert(out.end(), bundle.begin(), bundle.end());
  }
  return out;
}

base::Result<std::vector<base::Bytes>> decode_list(base::ByteView body) {
  if (body.size() > kMaxListBytes) {
    return Error(Code::kExhausted, "a list of bundles of " + std::to_string(body.size()) +
                                       " bytes exceeds " + std::to_string(kMaxListBytes));
  }
  std::vector<base::Bytes> bundles;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::string place = "list of bundles, byte " + std::to_string(at) + ": ";
    if (bundles.size() == kMaxBundlesInList) {
      return Error(Code::kExhausted, place + "more than " + std::to_string(kMaxBundlesInList));
    }
    if (body.size() - at < kLengthBytes) {
      return Error(Code::kCorrupt, place + "expected a length of four bytes");
    }
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
      length |= static_cast<std::size_t>(body[at + i]) << (8 * i);
    }
    at += kLengthBytes;
    if (length == 0 || length > body.size() - at) {
      return Error(Code::kCorrupt, place + "a bundle of " + std::to_string(length) +
                                       " bytes where " + std::to_string(body.size() - at) +
                                       " remain");
    }
    const auto bundle = body.subspan(at, length);
    bundles.emplace_back(bundle.begin(), bundle.end());
    at += length;
  }
  return bundles;
}

}  // namespace lander::carrier
