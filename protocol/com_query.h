// COM_QUERY, with query attributes.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/binary_value.h"
#include "protocol/byte_reader.h"
#include "protocol/capability_flags.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

struct QueryAttribute {
  std::string_view name = {};
  FieldType type = FieldType::kNull;
  bool is_unsigned = false;
  bool is_null = false;  // as the bitmap says, whatever the type
  Bytes value = {};      // as read_binary_value() gives it; empty for NULL
};

// Iterates over query attributes that have been checked by parse_com_query().
class QueryAttributeReader {
 public:
  QueryAttributeReader() : types_(Bytes{}), values_(Bytes{}) {}
  QueryAttributeReader(size_t count, Bytes null_bitmap, Bytes types, Bytes values)
      : count_(count), null_bitmap_(null_bitmap), types_(types), values_(values) {}

  std::optional<QueryAttribute> next();

  bool ok() const { return types_.ok() && values_.ok(); }
  size_t values_position() const { return values_.position(); }

 private:
  size_t index_ = 0;
  size_t count_ = 0;
  Bytes null_bitmap_;
  ByteReader types_;
  ByteReader values_;
};

struct ComQuery {
  std::string_view text = {};
  size_t text_offset = 0;  // where the text starts in what was parsed
  size_t attribute_count = 0;
  QueryAttributeReader attributes = {};  // at the first; copy it to iterate

  // The value of the first attribute with this name (compared as bytes) if it has a string type and is not
  // NULL.
  std::optional<std::string_view> attribute(std::string_view name) const;
};

// Reads what follows the command byte; views point into it. Without CLIENT_QUERY_ATTRIBUTES all of it is the
// text.
Result<ComQuery> parse_com_query(Bytes payload_after_command_byte, CapabilityFlags capabilities);

}  // namespace causeway::protocol
