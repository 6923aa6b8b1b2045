// COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE byte by byte, for what ScriptedClient::execute() does not send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/byte_writer.h"
#include "tests/support/packets.h"

namespace causeway::test {

struct ExecuteValue {
  uint16_t type = 0xfd;  // 0x8000: unsigned
  std::string value;     // as it stands in the packet; a text has its length before it
  bool is_null = false;
};

inline ExecuteValue text_value(std::string_view text) {
  Buffer value;
  protocol::ByteWriter(value).text_lenenc(text);
  return {.type = 0xfd, .value = std::string(protocol::as_text(value))};
}

inline ExecuteValue number_value(uint16_t type, uint64_t number, size_t bytes) {
  std::string value;
  for (size_t i = 0; i < bytes; ++i)
    value += static_cast<char>(number >> (8 * i));
  return {.type = type, .value = std::move(value)};
}

struct ExecuteCommand {
  uint32_t id = 0;
  uint8_t flags = 0;
  std::vector<ExecuteValue> values = {};
  bool with_types = true;
  // Query attributes, of a client that has negotiated them.
  bool with_names = false;
  std::vector<std::pair<std::string, std::string>> attributes = {};
};

// What stands behind the command's byte.
inline std::string execute_argument(const ExecuteCommand& command) {
  constexpr uint8_t kParameterCountAvailable = 0x08;
  Buffer out;
  protocol::ByteWriter writer(out);
  writer.int4(command.id);
  writer.int1(command.attributes.empty() ? command.flags : command.flags | kParameterCountAvailable);
  writer.int4(1);
  const size_t count = command.values.size() + command.attributes.size();
  if (command.with_names) writer.int_lenenc(count);
  if (count > 0) {
    Buffer nulls((count + 7) / 8);
    for (size_t i = 0; i < command.values.size(); ++i)
      if (command.values[i].is_null) nulls[i / 8] = static_cast<uint8_t>(nulls[i / 8] | 1U << (i % 8));
    writer.bytes(nulls);
    writer.int1(command.with_types ? 1 : 0);
    for (const ExecuteValue& one : command.values) {
      if (command.with_types) writer.int2(one.type);
      if (command.with_types && command.with_names) writer.int_lenenc(0);
    }
    for (const auto& [name, value] : command.attributes) {
      writer.int2(0xfd);
      writer.text_lenenc(name);
    }
    for (const ExecuteValue& one : command.values)
      writer.text(one.value);
    for (const auto& [name, value] : command.attributes)
      writer.text_lenenc(value);
  }
  return std::string(protocol::as_text(out));
}

// COM_STMT_BULK_EXECUTE: rows of one text each.
inline std::string bulk_argument(uint32_t id, const std::vector<std::string>& rows, bool with_types) {
  constexpr uint16_t kTypesFollow = 128;
  Buffer out;
  protocol::ByteWriter writer(out);
  writer.int4(id);
  writer.int2(with_types ? kTypesFollow : 0);
  if (with_types) writer.int2(0xfd);
  for (const std::string& row : rows) {
    writer.int1(0);
    writer.text_lenenc(row);
  }
  return std::string(protocol::as_text(out));
}

// Of a command's payload: the id of the statement that it is about.
inline uint32_t statement_id_of(Bytes payload) {
  if (payload.size() < 5) return 0;
  return uint32_t{payload[1]} | uint32_t{payload[2]} << 8 | uint32_t{payload[3]} << 16 |
         uint32_t{payload[4]} << 24;
}

}  // namespace causeway::test
