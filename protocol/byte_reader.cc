#include "protocol/byte_reader.h"

#include <algorithm>

namespace causeway::protocol {

uint64_t ByteReader::int_lenenc() {
  const uint8_t first = int1();
  if (first < 0xfb) return first;
  switch (first) {
    case 0xfc:
      return int2();
    case 0xfd:
      return int3();
    case 0xfe:
      return int8();
    default:
      ok_ = false;
      return 0;
  }
}

Bytes ByteReader::bytes(size_t length) {
  if (remaining() < length) {
    ok_ = false;
    return {};
  }
  const Bytes taken = bytes_.subspan(position_, length);
  position_ += length;
  return taken;
}

Bytes ByteReader::bytes_lenenc() {
  const uint64_t length = int_lenenc();
  if (length > remaining()) {
    ok_ = false;
    return {};
  }
  return bytes(static_cast<size_t>(length));
}

Bytes ByteReader::bytes_nul() {
  if (!ok_) return {};
  const Bytes rest = bytes_.subspan(position_);
  const auto nul = std::find(rest.begin(), rest.end(), uint8_t{0});
  if (nul == rest.end()) {
    ok_ = false;
    return {};
  }
  const auto length = static_cast<size_t>(nul - rest.begin());
  position_ += length + 1;
  return rest.first(length);
}

}  // namespace causeway::protocol
