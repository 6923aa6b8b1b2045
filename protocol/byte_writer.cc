#include "protocol/byte_writer.h"

namespace causeway::protocol {

void ByteWriter::int_lenenc(uint64_t value) {
  if (value < 0xfb) {
    int1(static_cast<uint8_t>(value));
  } else if (value <= 0xffff) {
    int1(0xfc);
    int2(static_cast<uint16_t>(value));
  } else if (value <= 0xffffff) {
    int1(0xfd);
    int3(static_cast<uint32_t>(value));
  } else {
    int1(0xfe);
    int8(value);
  }
}

}  // namespace causeway::protocol
