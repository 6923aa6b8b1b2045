#include "proxy/net/packet_io.h"

#include <span>

#include "protocol/packet_header.h"
#include "protocol/protocol_error.h"

namespace causeway::proxy {
namespace {

Awaitable<void> read_exactly(MysqlStream& stream, std::span<uint8_t> into, ErrorCode& error) {
  error.clear();
  while (!into.empty()) {
    const size_t got = co_await stream.read_some(into, error);
    if (error) co_return;
    into = into.subspan(got);
  }
}

}  // namespace

Awaitable<PacketView> read_packet(MysqlStream& stream, protocol::Buffer& buffer, size_t max_payload_bytes,
                                  ErrorCode& error) {
  buffer.resize(protocol::kPacketHeaderBytes);
  co_await read_exactly(stream, buffer, error);
  if (error) co_return PacketView{};
  const protocol::PacketHeader header = protocol::read_packet_header(buffer.data());
  if (header.payload_bytes > max_payload_bytes) {
    error = make_error_code(protocol::ProtocolError::kPacketTooLarge);
    co_return PacketView{};
  }
  buffer.resize(header.payload_bytes);
  co_await read_exactly(stream, buffer, error);
  co_return PacketView{.payload = buffer, .sequence_id = header.sequence_id};
}

}  // namespace causeway::proxy
