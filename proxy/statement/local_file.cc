// LOAD DATA LOCAL: the file that a server asks the client for.
#include "protocol/local_infile.h"
#include "proxy/statement/exchange_run.h"

namespace causeway::proxy {

using protocol::Bytes;
using protocol::ResponseScanner;

// The client's file, packet by packet, up to the empty one that ends it. Nothing is taken apart but headers.
Awaitable<void> ExchangeRun::send_local_file(ResponseScanner& scanner) {
  BufferPool::Lease chunk = session_.shard.buffers().take();
  const DeadlineScope scope(session_.waiter, Clock::now() + session_.shard.config().timeouts.client_idle);
  protocol::LocalInfileReader file(command_.sequence_offset());
  if (session_.client.stream.is_compressed())
    file.count_from(static_cast<uint8_t>(scanner.next_sequence_id() - command_.sequence_offset()));
  while (!file.ended()) {
    ErrorCode error;
    const std::span<uint8_t> room(chunk.data(), BufferPool::Lease::size());
    const size_t got = co_await session_.client.stream.read_some(room, error);
    if (got == 0 || !file.feed(room.first(got))) co_return end(ExchangeOutcome::kClientLost);
    session_.shard.metrics().traffic.client_bytes_in.add(got);
    session_.shard.metrics().traffic.server_bytes_out.add(got);
    const Bytes part = room.first(got);
    co_await connection_.stream.write_all(part, {}, error);
    if (error) co_return server_lost(error);
  }
  scanner.continue_after_local_infile(file.next_sequence_id());
}

}  // namespace causeway::proxy
