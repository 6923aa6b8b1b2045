// Framing of what a client sends: finds the next payload in a buffer that the caller owns.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/byte_writer.h"

namespace causeway::protocol {

struct PacketStatus {
  enum class State : uint8_t {
    kNeedMore,   // total_bytes are not there yet
    kComplete,   // everything is set
    kMalformed,  // a sequence id out of order
    kTooLarge,   // the payload is longer than the limit, as its headers say
  };

  State state = State::kNeedMore;
  // All packets of the payload with their headers. At kNeedMore: as many bytes as are known to be needed, so
  // that a buffer may be made large enough; more if the payload turns out to go on.
  size_t total_bytes = 0;
  size_t payload_bytes = 0;  // of total_bytes
  // The payload in place if it came in one packet, else its part in the first packet; at kNeedMore as much of
  // that as is there.
  Bytes payload = {};
  bool split = false;            // the payload came in several packets: assemble() puts it together
  uint8_t next_sequence_id = 0;  // of the packet that answers; at kComplete only
};

// Looks at the front of `buffered`, where a packet with `expected_sequence_id` (0 for a command) begins,
// without consuming anything. The cost is that of the headers, one per 16 MiB.
PacketStatus peek_packet(Bytes buffered, uint8_t expected_sequence_id, size_t max_payload_bytes);

// Gives the packets of one command, as far as they are there, the sequence ids 0, 1, ...
void renumber_packets(std::span<uint8_t> buffered);

// Appends the payload of a complete sequence of packets (the total_bytes of above) without the headers.
void assemble(Bytes wire, Buffer& out);

}  // namespace causeway::protocol
