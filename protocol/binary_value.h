// Values of the binary protocol: of query attributes and of a prepared statement's parameters.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
#pragma once

#include <cstdint>

#include "protocol/byte_reader.h"

namespace causeway::protocol {

// The types of columns and parameters (enum_field_types), as the wire has them.
enum class FieldType : uint8_t {
  kDecimal = 0,
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kNull = 6,
  kTimestamp = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTime = 11,
  kDatetime = 12,
  kYear = 13,
  kVarchar = 15,
  kBit = 16,
  kVector = 242,
  kBool = 244,
  kJson = 245,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kTinyBlob = 249,
  kMediumBlob = 250,
  kLongBlob = 251,
  kBlob = 252,
  kVarString = 253,
  kString = 254,
  kGeometry = 255,
};

// The type of a parameter or attribute as the wire has it: enum_field_types, and whether a number is
// unsigned.
struct ParameterType {
  uint16_t wire = 0;

  FieldType type() const { return static_cast<FieldType>(wire & 0xff); }
  bool is_unsigned() const { return (wire & 0x8000) != 0; }
  // The bits between have no meaning: MySQL takes them as part of the type, MariaDB does not look at them.
  bool is_valid() const { return (wire & 0x7f00) == 0; }

  friend bool operator==(const ParameterType&, const ParameterType&) = default;
};

// Takes one value that is not NULL. Gives the bytes of the value: without the length of a string, with the
// length byte of a date or time. What is no number, date or time is read as string<lenenc>, whatever the
// type, as MySQL reads query attributes (checked with 9.7 for all types), so that nobody sees another text
// than the server does. kBool, which MySQL refuses, fails the reader, and so does a date or time that is
// longer than there are any (servers differ in whether 0xfc begins a longer length).
Bytes read_binary_value(ByteReader& reader, FieldType type);

// Whether read_binary_value() reads a string<lenenc>.
bool is_string_type(FieldType type);

}  // namespace causeway::protocol
