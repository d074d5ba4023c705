// CBOR (RFC 8949), the encoding of everything that Lander signs, sends or stores as a structure.
//
// The writer emits deterministic encoding (RFC 8949 §4.2.1): shortest integers and lengths,
// definite lengths; the caller writes map keys in ascending order of their encoded bytes. The
// reader accepts only what the writer can emit, so one value has one form: a signature over bytes
// is a signature over the value. Neither allocates per item beyond the output itself. Not
// thread-safe; one object per thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace lander::base {

class CborWriter {
 public:
  CborWriter& integer(std::int64_t value);
  CborWriter& unsigned_integer(std::uint64_t value);
  CborWriter& real(double value);  // always 64 bits: NaN payloads and -0 survive
  CborWriter& boolean(bool value);
  CborWriter& null();
  CborWriter& text(std::string_view value);  // must be UTF-8
  CborWriter& bytes(ByteView value);
  CborWriter& array(std::uint64_t length);  // followed by `length` items
  CborWriter& map(std::uint64_t length);    // followed by `length` key/value pairs
  CborWriter& tag(std::uint64_t value);
  CborWriter& raw(ByteView encoded);  // an item that is encoded already

  const Bytes& out() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  void head(std::uint8_t major, std::uint64_t argument);
  Bytes out_;
};

enum class CborType {
  kUnsigned,
  kNegative,
  kBytes,
  kText,
  kArray,
  kMap,
  kTag,
  kBoolean,
  kNull,
  kReal
};

// A cursor over one buffer that it borrows. Every read either advances past one head or item, or
// returns kCorrupt with the byte offset and what was expected, leaving the cursor where it was.
// Lengths are checked against the bytes that remain before anything is allocated.
class CborReader {
 public:
  explicit CborReader(ByteView data) : data_(data) {}

  bool at_end() const { return offset_ == data_.size(); }
  std::size_t offset() const { return offset_; }
  Result<CborType> peek() const;

  Result<std::int64_t> integer();
  Result<std::uint64_t> unsigned_integer();
  Result<double> real();
  Result<bool> boolean();
  Status null();
  Result<std::string_view> text();  // borrows the buffer; valid UTF-8
  Result<ByteView> bytes();         // borrows the buffer
  Result<std::uint64_t> array();    // number of items, at most the bytes that remain
  Result<std::uint64_t> map();      // number of pairs, at most half the bytes that remain
  Result<std::uint64_t> tag();
  Result<ByteView> skip();  // one whole item (nesting at most 32 deep), as its encoded bytes
  Status end() const;       // kCorrupt when bytes remain

  // The same within the bounds of a format; `what` is being read, for the error.
  Status array_of(std::uint64_t fields, std::string_view what);
  Result<std::uint64_t> array_up_to(std::uint64_t most, std::string_view what);
  // [format, ...]: an array of `fields` that begins with the number of its format. Another format
  // is kUnsupported, whatever its number of fields.
  Status record(std::uint64_t fields, std::uint64_t format, std::string_view what);
  Result<std::string> text_of(std::size_t least_bytes, std::size_t most_bytes,
                              std::string_view what = "text");
  Result<ByteView> bytes_of(std::size_t least, std::size_t most, std::string_view what);
  Result<std::uint8_t> enumerator(std::uint8_t end, std::string_view what);  // below `end`
  // kCorrupt at the cursor: for what a caller finds wrong with what it has just read.
  Error corrupt(std::string_view expected) const;

 private:
  Result<std::uint64_t> head(std::uint8_t major, const char* expected);
  ByteView data_;
  std::size_t offset_ = 0;
};

}  // namespace lander::base
