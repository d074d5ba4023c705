// Writes Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), in which
// Parquet's headers stand. Fields in ascending order of their ids.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "sensing/wire.h"

namespace lander::lake {

class Thrift {
 public:
  enum Type : std::uint8_t {
    kTrue = 1,
    kFalse = 2,
    kI32 = 5,
    kI64 = 6,
    kBinary = 8,
    kList = 9,
    kStruct = 12
  };

  explicit Thrift(base::Bytes& out) : out_(out) {}
  void boolean(unsigned id, bool value) { field(id, value ? kTrue : kFalse); }
  void i32(unsigned id, std::int32_t value) { integer(id, kI32, value); }
  void i64(unsigned id, std::int64_t value) { integer(id, kI64, value); }
  void binary(unsigned id, std::string_view bytes) {
    field(id, kBinary);
    element(bytes);
  }
  void begin(unsigned id) {  // a struct
    field(id, kStruct);
    begin();
  }
  void begin() { last_.push_back(0); }  // the outermost one, or an element of a list
  void end() {
    last_.pop_back();
    out_.push_back(0);
  }
  // `size` elements follow.
  void list(unsigned id, Type type, std::size_t size) {
    field(id, kList);
    out_.push_back(static_cast<std::uint8_t>((size < 15 ? size : 15) << 4 | type));
    if (size >= 15) sensing::put_varint(out_, size);
  }
  void element(std::string_view bytes) {
    sensing::put_varint(out_, bytes.size());
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void element(std::int32_t value) { zigzagged(value); }

 private:
  void field(unsigned id, Type type) {
    const unsigned step = id - last_.back();  // below 16 in all of Parquet's structs
    out_.push_back(static_cast<std::uint8_t>(step << 4 | type));
    last_.back() = id;
  }
  void integer(unsigned id, Type type, std::int64_t value) {
    field(id, type);
    zigzagged(value);
  }
  void zigzagged(std::int64_t value) {
    sensing::put_varint(out_, sensing::zigzag(static_cast<std::uint64_t>(value)));
  }

  base::Bytes& out_;
  std::vector<unsigned> last_;
};

}  // namespace lander::lake
