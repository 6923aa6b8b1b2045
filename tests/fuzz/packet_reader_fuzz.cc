// Framing: a complete payload, taken out of its packets and put into packets again, gives the same bytes.
// Input: sequence id, then the buffer.

#include <algorithm>
#include <cstdlib>

#include "protocol/packet_header.h"
#include "protocol/packet_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  using State = PacketStatus::State;
  if (size < 1) return 0;
  const Bytes buffered(data + 1, size - 1);
  const PacketStatus status = peek_packet(buffered, data[0], size_t{32} << 20);
  if (status.state == State::kNeedMore && status.total_bytes <= buffered.size()) std::abort();
  if (status.state != State::kComplete) return 0;
  const Bytes wire = buffered.first(status.total_bytes);
  Buffer payload;
  assemble(wire, payload);
  Buffer again;
  const uint8_t next = append_packets(again, payload, data[0]);
  if (!std::ranges::equal(again, wire) || next != status.next_sequence_id) std::abort();
  if (payload.size() != status.payload_bytes) std::abort();
  const PacketStatus shorter = peek_packet(wire.first(wire.size() - 1), data[0], size_t{32} << 20);
  if (shorter.state != State::kNeedMore) std::abort();
  return 0;
}
