// Packets of a binary log's stream by hand, for scripted servers, and what is in one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/binlog_event.h"
#include "protocol/byte_writer.h"
#include "tests/support/packets.h"

namespace causeway::test {

// Whether the source puts the header of semi-synchronous replication ahead, and wants to be answered.
enum class SemiSync : uint8_t { kNone, kNoAck, kAck };

// The payload of a packet with this event.
inline std::string event_packet(protocol::BinlogEventType type, Bytes body, uint32_t log_pos,
                                SemiSync semi_sync = SemiSync::kNone, uint32_t timestamp = 1'700'000'000,
                                uint16_t flags = 0) {
  Buffer packet{0};
  protocol::ByteWriter writer(packet);
  if (semi_sync != SemiSync::kNone) {
    writer.int1(0xef);
    writer.int1(semi_sync == SemiSync::kAck ? 1 : 0);
  }
  writer.int4(timestamp);
  writer.int1(static_cast<uint8_t>(type));
  writer.int4(1);
  writer.int4(static_cast<uint32_t>(protocol::kBinlogEventHeaderBytes + body.size()));
  writer.int4(log_pos);
  writer.int2(flags);
  writer.bytes(body);
  return std::string(protocol::as_text(packet));
}

// The one that sources make up, with which each stream begins.
inline std::string rotate_packet(std::string_view file, uint64_t position,
                                 SemiSync semi_sync = SemiSync::kNone) {
  Buffer body;
  protocol::ByteWriter writer(body);
  writer.int8(position);
  writer.text(file);
  return event_packet(protocol::BinlogEventType::kRotate, body, 0, semi_sync, 0,
                      protocol::binlog_event_flag::kArtificial);
}

// MySQL's: aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:NUMBER.
inline std::string gtid_packet(uint64_t number, uint32_t log_pos, SemiSync semi_sync = SemiSync::kNone) {
  Buffer body(17, 0xaa);
  protocol::ByteWriter(body).int8(number);
  return event_packet(protocol::BinlogEventType::kGtid, body, log_pos, semi_sync);
}

inline std::string query_packet(std::string_view text, uint32_t log_pos,
                                SemiSync semi_sync = SemiSync::kNone) {
  Buffer body(14);
  protocol::ByteWriter(body).text(text);
  return event_packet(protocol::BinlogEventType::kQuery, body, log_pos, semi_sync);
}

inline std::string xid_packet(uint32_t log_pos, SemiSync semi_sync = SemiSync::kNone) {
  return event_packet(protocol::BinlogEventType::kXid, Buffer(8), log_pos, semi_sync);
}

inline std::string heartbeat_packet(std::string_view file, uint32_t position,
                                    SemiSync semi_sync = SemiSync::kNone) {
  return event_packet(protocol::BinlogEventType::kHeartbeat, protocol::as_bytes(file), position, semi_sync,
                      0);
}

// "rotate", "gtid", "xid", "heartbeat", the text of a statement; anything else as it is. `payload` begins
// with the packet's first byte.
inline std::string describe_event_packet(Bytes payload) {
  const bool has_header = payload.size() > 1 && payload[1] == 0xef;
  const Bytes event = payload.subspan(has_header ? 3 : 1);
  const std::string as_it_is(protocol::as_text(event));
  const auto header = protocol::parse_binlog_event_header(event);
  if (!header || header->event_bytes != event.size()) return as_it_is;
  switch (header->type) {
    case protocol::BinlogEventType::kRotate:
      return "rotate";
    case protocol::BinlogEventType::kGtid:
      return "gtid";
    case protocol::BinlogEventType::kXid:
      return "xid";
    case protocol::BinlogEventType::kHeartbeat:
      return "heartbeat";
    case protocol::BinlogEventType::kQuery:
      return as_it_is.substr(protocol::kBinlogEventHeaderBytes + 14);
    default:
      return as_it_is;
  }
}

}  // namespace causeway::test
