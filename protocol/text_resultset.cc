#include "protocol/text_resultset.h"

#include <bit>
#include <charconv>

#include "protocol/eof_packet.h"
#include "protocol/packet_header.h"
#include "protocol/result_set_end.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kNullValue = 0xfb;
constexpr uint8_t kMetadataFollows = 1;

// The bits of the first two columns are not used in a row's bitmap.
constexpr size_t kNullBitmapOffset = 2;

template <typename Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void write_binary_value(ByteWriter& writer, FieldType type, std::string_view text) {
  switch (type) {
    case FieldType::kLong:
      writer.int4(number_of<uint32_t>(text));
      break;
    case FieldType::kLongLong:
      writer.int8(number_of<uint64_t>(text));
      break;
    case FieldType::kDouble:
      writer.int8(std::bit_cast<uint64_t>(number_of<double>(text)));
      break;
    default:
      writer.text_lenenc(text);
  }
}

TextValue read_value(ByteReader& reader) {
  if (reader.peek() != kNullValue) return reader.text_lenenc();
  reader.skip(1);
  return std::nullopt;
}

}  // namespace

void append_column_definition(Buffer& out, const TextColumn& column, uint8_t sequence_id,
                              CapabilityFlags capabilities) {
  const size_t start = begin_packet(out, sequence_id);
  ByteWriter writer(out);
  writer.text_lenenc("def");
  writer.text_lenenc("");  // schema
  writer.text_lenenc("");  // table
  writer.text_lenenc("");  // original table
  writer.text_lenenc(column.name);
  writer.text_lenenc("");  // original name
  if (has(capabilities, capability::kMariadbExtendedMetadata)) writer.text_lenenc("");
  writer.int_lenenc(12);  // the bytes that follow
  writer.int2(column.collation);
  writer.int4(column.max_bytes);
  writer.int1(static_cast<uint8_t>(column.type));
  writer.int2(column.flags);
  writer.int1(column.decimals);
  writer.zeros(2);
  finish_packet(out, start);
}

TextResultSetWriter::TextResultSetWriter(Buffer& out, CapabilityFlags capabilities, uint8_t sequence_id)
    : out_(out), capabilities_(capabilities), sequence_id_(sequence_id) {}

void TextResultSetWriter::columns(std::span<const TextColumn> columns, StatusFlags status_flags) {
  const size_t start = begin_packet(out_, sequence_id_++);
  ByteWriter writer(out_);
  writer.int_lenenc(columns.size());
  if (has(capabilities_, capability::kOptionalResultsetMetadata) ||
      has(capabilities_, capability::kMariadbCacheMetadata))
    writer.int1(kMetadataFollows);
  finish_packet(out_, start);
  for (const TextColumn& column : columns)
    append_column_definition(out_, column, sequence_id_++, capabilities_);
  if (!has(capabilities_, capability::kDeprecateEof))
    append_eof_packet(out_, {.warnings = 0, .status_flags = status_flags}, sequence_id_++);
}

void TextResultSetWriter::row(std::span<const TextValue> values) {
  Buffer payload;
  ByteWriter writer(payload);
  for (const TextValue& value : values) {
    if (value) {
      writer.text_lenenc(*value);
    } else {
      writer.int1(kNullValue);
    }
  }
  sequence_id_ = append_packets(out_, payload, sequence_id_);
}

void TextResultSetWriter::binary_row(std::span<const TextColumn> columns, std::span<const TextValue> values) {
  Buffer payload(1 + (values.size() + kNullBitmapOffset + 7) / 8);
  ByteWriter writer(payload);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]) {
      write_binary_value(writer, columns[i].type, *values[i]);
    } else {
      const size_t bit = i + kNullBitmapOffset;
      payload[1 + bit / 8] |= static_cast<uint8_t>(1u << bit % 8);
    }
  }
  sequence_id_ = append_packets(out_, payload, sequence_id_);
}

uint8_t TextResultSetWriter::finish(StatusFlags status_flags, uint16_t warnings) {
  const OkPacket end{.status_flags = status_flags, .warnings = warnings};
  append_result_set_end(out_, end, sequence_id_++, capabilities_);
  return sequence_id_;
}

Result<std::vector<TextValue>> parse_text_row(Bytes payload, size_t columns) {
  // A value takes one byte at the least.
  if (columns > payload.size()) return ProtocolError::kTruncated;
  std::vector<TextValue> values;
  values.reserve(columns);
  ByteReader reader(payload);
  while (values.size() < columns)
    values.push_back(read_value(reader));
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  return values;
}

std::optional<std::string_view> first_row_first_value(Bytes row_payload) {
  ByteReader reader(row_payload);
  const TextValue value = read_value(reader);
  return reader.ok() ? value : std::nullopt;
}

}  // namespace causeway::protocol
