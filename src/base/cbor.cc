#include "base/cbor.h"

#include <bit>
#include <cstring>

namespace lander::base {
namespace {

enum : std::uint8_t {
  kMajUnsigned,
  kMajNegative,
  kMajBytes,
  kMajText,
  kMajArray,
  kMajMap,
  kMajTag,
  kMajSimple
};
constexpr int kMaxDepth = 32;

Error wrong(std::size_t offset, std::string_view expected) {
  return Error(Code::kCorrupt,
               "CBOR at byte " + std::to_string(offset) + ": expected " + std::string(expected));
}

Error wrong(std::size_t offset, const std::string& expected, std::uint64_t found) {
  return wrong(offset, expected + ", found " + std::to_string(found));
}

std::string sized(std::string_view what, std::size_t least, std::size_t most) {
  std::string out(what);
  if (least == most) return out + " of " + std::to_string(most) + " bytes";
  if (least == 0) return out + " of at most " + std::to_string(most) + " bytes";
  return out + " of " + std::to_string(least) + " to " + std::to_string(most) + " bytes";
}

}  // namespace

void CborWriter::head(std::uint8_t major, std::uint64_t argument) {
  int bytes = 0;
  std::uint8_t info = 0;
  if (argument < 24) {
    info = static_cast<std::uint8_t>(argument);
  } else if (argument <= 0xFF) {
    info = 24;
    bytes = 1;
  } else if (argument <= 0xFFFF) {
    info = 25;
    bytes = 2;
  } else if (argument <= 0xFFFFFFFF) {
    info = 26;
    bytes = 4;
  } else {
    info = 27;
    bytes = 8;
  }
  out_.push_back(static_cast<std::uint8_t>(major << 5 | info));
  for (int i = bytes - 1; i >= 0; --i)
    out_.push_back(static_cast<std::uint8_t>(argument >> (8 * i)));
}

CborWriter& CborWriter::integer(std::int64_t value) {
  if (value >= 0)
    head(kMajUnsigned, static_cast<std::uint64_t>(value));
  else
    head(kMajNegative, ~static_cast<std::uint64_t>(value));
  return *this;
}
CborWriter& CborWriter::unsigned_integer(std::uint64_t value) {
  head(kMajUnsigned, value);
  return *this;
}
CborWriter& CborWriter::real(double value) {
  out_.push_back(0xFB);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 7; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  return *this;
}
CborWriter& CborWriter::boolean(bool value) {
  out_.push_back(value ? 0xF5 : 0xF4);
  return *this;
}
CborWriter& CborWriter::null() {
  out_.push_back(0xF6);
  return *this;
}
CborWriter& CborWriter::text(std::string_view value) {
  head(kMajText, value.size());
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}
CborWriter& CborWriter::bytes(ByteView value) {
  head(kMajBytes, value.size());
  return raw(value);
}
CborWriter& CborWriter::array(std::uint64_t length) {
  head(kMajArray, length);
  return *this;
}
CborWriter& CborWriter::map(std::uint64_t length) {
  head(kMajMap, length);
  return *this;
}
CborWriter& CborWriter::tag(std::uint64_t value) {
  head(kMajTag, value);
  return *this;
}
CborWriter& CborWriter::raw(ByteView encoded) {
  out_.insert(out_.end(), encoded.begin(), encoded.end());
  return *this;
}

Result<CborType> CborReader::peek() const {
  if (at_end()) return wrong(offset_, "another item, found the end");
  const std::uint8_t first = data_[offset_];
  switch (first >> 5) {
    case kMajUnsigned:
      return CborType::kUnsigned;
    case kMajNegative:
      return CborType::kNegative;
    case kMajBytes:
      return CborType::kBytes;
    case kMajText:
      return CborType::kText;
    case kMajArray:
      return CborType::kArray;
    case kMajMap:
      return CborType::kMap;
    case kMajTag:
      return CborType::kTag;
    default:
      break;
  }
  if (first == 0xF4 || first == 0xF5) return CborType::kBoolean;
  if (first == 0xF6) return CborType::kNull;
  if (first == 0xFB) return CborType::kReal;
  return wrong(offset_, "a boolean, null or 64-bit number");
}

Result<std::uint64_t> CborReader::head(std::uint8_t major, const char* expected) {
  if (at_end() || data_[offset_] >> 5 != major) return wrong(offset_, expected);
  const std::uint8_t info = data_[offset_] & 31;
  if (info < 24) {
    ++offset_;
    return static_cast<std::uint64_t>(info);
  }
  if (info > 27) return wrong(offset_, "a definite length");
  const std::size_t bytes = std::size_t{1} << (info - 24);
  if (data_.size() - offset_ - 1 < bytes)
    return wrong(offset_, "more bytes of a length or integer");
  std::uint64_t value = 0;
  for (std::size_t i = 1; i <= bytes; ++i) value = value << 8 | data_[offset_ + i];
  const std::uint64_t least = bytes == 1 ? 24 : std::uint64_t{1} << (4 * bytes);
  if (value < least) return wrong(offset_, "the shortest form of an integer");
  offset_ += 1 + bytes;
  return value;
}

Result<std::int64_t> CborReader::integer() {
  const std::size_t start = offset_;
  const bool negative = !at_end() && data_[offset_] >> 5 == kMajNegative;
  LANDER_ASSIGN(const std::uint64_t value,
                head(negative ? kMajNegative : kMajUnsigned, "an integer"));
  if (value > static_cast<std::uint64_t>(INT64_MAX)) {
    offset_ = start;
    return wrong(start, "an integer of at most 63 bits");
  }
  return negative ? static_cast<std::int64_t>(~value) : static_cast<std::int64_t>(value);
}

Result<std::uint64_t> CborReader::unsigned_integer() {
  return head(kMajUnsigned, "an unsigned integer");
}

Result<double> CborReader::real() {
  if (data_.size() - offset_ < 9 || data_[offset_] != 0xFB)
    return wrong(offset_, "a 64-bit number");
  std::uint64_t bits = 0;
  for (int i = 1; i <= 8; ++i) bits = bits << 8 | data_[offset_ + i];
  offset_ += 9;
  return std::bit_cast<double>(bits);
}

Result<bool> CborReader::boolean() {
  if (at_end() || (data_[offset_] != 0xF4 && data_[offset_] != 0xF5))
    return wrong(offset_, "a boolean");
  return data_[offset_++] == 0xF5;
}

Status CborReader::null() {
  if (at_end() || data_[offset_] != 0xF6) return wrong(offset_, "null");
  ++offset_;
  return {};
}

Result<std::string_view> CborReader::text() {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t size, head(kMajText, "text"));
  if (size > data_.size() - offset_ || !is_utf8(data_.subspan(offset_, size))) {
    offset_ = start;
    return wrong(start, "UTF-8 text within the input");
  }
  const ByteView out = data_.subspan(offset_, size);
  offset_ += size;
  return as_text(out);
}

Result<ByteView> CborReader::bytes() {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t size, head(kMajBytes, "bytes"));
  if (size > data_.size() - offset_) {
    offset_ = start;
    return wrong(start, "bytes within the input");
  }
  const ByteView out = data_.subspan(offset_, size);
  offset_ += size;
  return out;
}

Result<std::uint64_t> CborReader::array() {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t length, head(kMajArray, "an array"));
  if (length > data_.size() - offset_) {
    offset_ = start;
    return wrong(start, "an array within the input");
  }
  return length;
}

Result<std::uint64_t> CborReader::map() {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t length, head(kMajMap, "a map"));
  if (length > (data_.size() - offset_) / 2) {
    offset_ = start;
    return wrong(start, "a map within the input");
  }
  return length;
}

Result<std::uint64_t> CborReader::tag() { return head(kMajTag, "a tag"); }

Result<ByteView> CborReader::skip() {
  const std::size_t start = offset_;
  auto fail = [&](const Error& error) {
    offset_ = start;
    return error;
  };
  std::uint64_t left[kMaxDepth + 1] = {1};
  int depth = 0;
  while (depth >= 0) {
    if (left[depth] == 0) {
      --depth;
      continue;
    }
    --left[depth];
    auto type = peek();
    if (!type.ok()) return fail(type.error());
    std::uint64_t children = 0;
    Status status;
    const auto outcome = [](const auto& result) { return result.ok() ? Status() : result.error(); };
    switch (*type) {
      case CborType::kUnsigned:
        status = outcome(unsigned_integer());
        break;
      case CborType::kNegative:
        status = outcome(head(kMajNegative, "an integer"));
        break;
      case CborType::kBytes:
        status = outcome(bytes());
        break;
      case CborType::kText:
        status = outcome(text());
        break;
      case CborType::kBoolean:
        status = outcome(boolean());
        break;
      case CborType::kNull:
        status = null();
        break;
      case CborType::kReal:
        status = outcome(real());
        break;
      case CborType::kTag:
        status = outcome(tag());
        children = 1;
        break;
      case CborType::kArray: {
        const auto length = array();
        status = outcome(length);
        if (length.ok()) children = *length;
        break;
      }
      case CborType::kMap: {
        const auto length = map();
        status = outcome(length);
        if (length.ok()) children = *length * 2;
        break;
      }
    }
    if (!status.ok()) return fail(status.error());
    if (children > 0) {
      if (depth == kMaxDepth) return fail(wrong(offset_, "at most 32 levels of nesting"));
      left[++depth] = children;
    }
  }
  return data_.subspan(start, offset_ - start);
}

Status CborReader::end() const {
  if (!at_end()) return wrong(offset_, "the end of the input");
  return {};
}

Status CborReader::array_of(std::uint64_t fields, std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t found, array());
  if (found == fields) return {};
  offset_ = start;
  return wrong(start, std::string(what) + " of " + std::to_string(fields) + " fields", found);
}

Result<std::uint64_t> CborReader::array_up_to(std::uint64_t most, std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t found, array());
  if (found <= most) return found;
  offset_ = start;
  return wrong(start, "at most " + std::to_string(most) + " " + std::string(what), found);
}

Status CborReader::record(std::uint64_t fields, std::uint64_t format, std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t found, array());
  auto found_format = unsigned_integer();
  if (found_format.ok() && *found_format == format && found == fields) return {};
  offset_ = start;
  if (!found_format.ok()) return found_format.error();
  if (*found_format != format) {
    return Error(Code::kUnsupported, std::string(what) + " of format " +
                                         std::to_string(*found_format) + "; this version reads " +
                                         std::to_string(format));
  }
  return wrong(start, std::string(what) + " of " + std::to_string(fields) + " fields", found);
}

Result<std::string> CborReader::text_of(std::size_t least_bytes, std::size_t most_bytes,
                                        std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::string_view found, text());
  if (found.size() >= least_bytes && found.size() <= most_bytes) return std::string(found);
  offset_ = start;
  return wrong(start, sized(what, least_bytes, most_bytes), found.size());
}

Result<ByteView> CborReader::bytes_of(std::size_t least, std::size_t most, std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const ByteView found, bytes());
  if (found.size() >= least && found.size() <= most) return found;
  offset_ = start;
  return wrong(start, sized(what, least, most), found.size());
}

Result<std::uint8_t> CborReader::enumerator(std::uint8_t end, std::string_view what) {
  const std::size_t start = offset_;
  LANDER_ASSIGN(const std::uint64_t found, unsigned_integer());
  if (found < end) return static_cast<std::uint8_t>(found);
  offset_ = start;
  return wrong(start, std::string(what) + " below " + std::to_string(end), found);
}

Error CborReader::corrupt(std::string_view expected) const {
  return Error(Code::kCorrupt, "CBOR before byte " + std::to_string(offset_) + ": expected " +
                                   std::string(expected));
}

}  // namespace lander::base
