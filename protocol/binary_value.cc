#include "protocol/binary_value.h"

namespace causeway::protocol {
namespace {

// MySQL 9.7 takes 13 too: with a time zone.
constexpr uint8_t kMaxTimestampBytes = 13;

}  // namespace

Bytes read_binary_value(ByteReader& reader, FieldType type) {
  switch (type) {
    case FieldType::kTiny:
      return reader.bytes(1);
    case FieldType::kShort:
      return reader.bytes(2);
    case FieldType::kLong:
    case FieldType::kFloat:
      return reader.bytes(4);
    case FieldType::kLongLong:
    case FieldType::kDouble:
      return reader.bytes(8);
    case FieldType::kDate:
    case FieldType::kTime:
    case FieldType::kDatetime:
    case FieldType::kTimestamp:
      if (reader.peek() > kMaxTimestampBytes) reader.fail();
      return reader.bytes(size_t{1} + reader.peek());
    case FieldType::kBool:
      reader.fail();
      return {};
    default:
      return reader.bytes_lenenc();
  }
}

bool is_string_type(FieldType type) {
  switch (type) {
    case FieldType::kTiny:
    case FieldType::kShort:
    case FieldType::kLong:
    case FieldType::kFloat:
    case FieldType::kLongLong:
    case FieldType::kDouble:
    case FieldType::kDate:
    case FieldType::kTime:
    case FieldType::kDatetime:
    case FieldType::kTimestamp:
    case FieldType::kBool:
      return false;
    default:
      return true;
  }
}

}  // namespace causeway::protocol
