// Bounded cursor over the payload of a packet.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "protocol/protocol_error.h"

namespace causeway::protocol {

using Bytes = std::span<const uint8_t>;

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Reads the basic data types one after the other. The first field that does not fit puts the reader in the
// failed state: from then on every read gives zero or an empty view, so that a parser may read all its fields
// and ask ok() once. Views point into the bytes given to the constructor.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }
  bool at_end() const { return remaining() == 0; }
  size_t position() const { return position_; }

  // int<1>, int<2>, int<3>, int<4>, int<6>, int<8>: little endian.
  uint8_t int1() { return static_cast<uint8_t>(fixed_int<1>()); }
  uint16_t int2() { return static_cast<uint16_t>(fixed_int<2>()); }
  uint32_t int3() { return static_cast<uint32_t>(fixed_int<3>()); }
  uint32_t int4() { return static_cast<uint32_t>(fixed_int<4>()); }
  uint64_t int6() { return fixed_int<6>(); }
  uint64_t int8() { return fixed_int<8>(); }

  // int<lenenc>. 0xfb (NULL) and 0xff are no integers: they fail.
  uint64_t int_lenenc();

  // The next byte without taking it; 0 at the end.
  uint8_t peek() const { return remaining() > 0 ? bytes_[position_] : 0; }

  // string<fix>, string<lenenc>, string<NUL> (the NUL is taken, not returned), string<EOF>.
  Bytes bytes(size_t length);
  Bytes bytes_lenenc();
  Bytes bytes_nul();
  Bytes bytes_eof() { return bytes(remaining()); }
  std::string_view text(size_t length) { return as_text(bytes(length)); }
  std::string_view text_lenenc() { return as_text(bytes_lenenc()); }
  std::string_view text_nul() { return as_text(bytes_nul()); }
  std::string_view text_eof() { return as_text(bytes_eof()); }

  void skip(size_t length) { bytes(length); }

  // Puts the reader in the failed state: for a field whose value is not allowed.
  void fail() { ok_ = false; }

 private:
  template <size_t kWidth>
  uint64_t fixed_int() {
    if (remaining() < kWidth) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&value, bytes_.data() + position_, kWidth);  // g++ -O2 leaves a loop a loop
    } else {
      for (size_t i = 0; i < kWidth; ++i)
        value |= uint64_t{bytes_[position_ + i]} << (8 * i);
    }
    position_ += kWidth;
    return value;
  }

  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace causeway::protocol
