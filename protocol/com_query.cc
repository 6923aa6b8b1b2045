#include "protocol/com_query.h"

namespace causeway::protocol {
namespace {

bool null_bit_is_set(Bytes bitmap, size_t index) {
  return (bitmap[index / 8] >> (index % 8) & 1) != 0;
}

}  // namespace

std::optional<QueryAttribute> QueryAttributeReader::next() {
  if (index_ == count_ || !ok()) return std::nullopt;
  const ParameterType type{types_.int2()};
  if (!type.is_valid()) types_.fail();
  QueryAttribute attribute;
  attribute.name = types_.text_lenenc();
  attribute.type = type.type();
  attribute.is_unsigned = type.is_unsigned();
  attribute.is_null = null_bit_is_set(null_bitmap_, index_);
  if (!attribute.is_null) attribute.value = read_binary_value(values_, attribute.type);
  ++index_;
  if (!ok()) return std::nullopt;
  return attribute;
}

std::optional<std::string_view> ComQuery::attribute(std::string_view name) const {
  QueryAttributeReader reader = attributes;
  while (const std::optional<QueryAttribute> found = reader.next()) {
    if (found->name != name) continue;
    if (found->is_null || !is_string_type(found->type)) return std::nullopt;
    return as_text(found->value);
  }
  return std::nullopt;
}

Result<ComQuery> parse_com_query(Bytes payload, CapabilityFlags capabilities) {
  ComQuery query;
  ByteReader reader(payload);
  if (has(capabilities, capability::kQueryAttributes)) {
    const uint64_t count = reader.int_lenenc();
    const uint64_t sets = reader.int_lenenc();
    if (!reader.ok()) return ProtocolError::kTruncated;
    if (sets != 1) return ProtocolError::kMalformed;
    if (count > 0) {
      // An attribute takes three bytes at the least, so this bounds the count before anything is done with
      // it.
      if (count > reader.remaining()) return ProtocolError::kTruncated;
      const Bytes null_bitmap = reader.bytes((static_cast<size_t>(count) + 7) / 8);
      const bool types_follow = reader.int1() == 1;
      if (!reader.ok()) return ProtocolError::kTruncated;
      if (!types_follow) return ProtocolError::kMalformed;
      const size_t types_start = reader.position();
      for (uint64_t i = 0; i < count && reader.ok(); ++i) {
        reader.skip(2);
        reader.bytes_lenenc();
      }
      if (!reader.ok()) return ProtocolError::kTruncated;
      const Bytes types = payload.subspan(types_start, reader.position() - types_start);
      query.attribute_count = static_cast<size_t>(count);
      query.attributes =
          QueryAttributeReader(query.attribute_count, null_bitmap, types, payload.subspan(reader.position()));
      QueryAttributeReader values = query.attributes;
      while (values.next()) {
      }
      if (!values.ok()) return ProtocolError::kMalformed;
      reader.skip(values.values_position());
    }
  }
  query.text_offset = reader.position();
  query.text = reader.text_eof();
  return query;
}

}  // namespace causeway::protocol
