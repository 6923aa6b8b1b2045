// Appends the basic data types of the protocol to a buffer, and frames packets.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/byte_reader.h"

namespace causeway::protocol {

using Buffer = std::vector<uint8_t>;

// Appends to a buffer that the caller owns and keeps alive.
class ByteWriter {
 public:
  explicit ByteWriter(Buffer& out) : out_(out) {}

  void int1(uint8_t value) { out_.push_back(value); }
  void int2(uint16_t value) { fixed_int(value, 2); }
  void int3(uint32_t value) { fixed_int(value, 3); }
  void int4(uint32_t value) { fixed_int(value, 4); }
  void int6(uint64_t value) { fixed_int(value, 6); }
  void int8(uint64_t value) { fixed_int(value, 8); }
  void int_lenenc(uint64_t value);

  void bytes(Bytes value) { out_.insert(out_.end(), value.begin(), value.end()); }
  void bytes_lenenc(Bytes value) {
    int_lenenc(value.size());
    bytes(value);
  }
  void text(std::string_view value) { bytes(as_bytes(value)); }
  void text_lenenc(std::string_view value) { bytes_lenenc(as_bytes(value)); }
  void text_nul(std::string_view value) {
    text(value);
    int1(0);
  }
  void zeros(size_t count) { out_.insert(out_.end(), count, uint8_t{0}); }

 private:
  void fixed_int(uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i)
      out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }

  Buffer& out_;
};

}  // namespace causeway::protocol
