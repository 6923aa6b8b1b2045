// COM_BINLOG_DUMP: the stream of the binary log, and what a semi-synchronous replica says to it meanwhile.
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <span>

#include "protocol/com_binlog_dump.h"
#include "protocol/packet_header.h"
#include "protocol/semi_sync.h"
#include "proxy/backend/shard.h"
#include "proxy/net/wake_up.h"
#include "proxy/statement/exchange_run.h"

namespace causeway::proxy {
namespace {

// A magic number, a position, the name of a file.
constexpr size_t kMaxAcknowledgementBytes = 1 + 8 + protocol::kMaxBinlogFileBytes + 1;

// Passes the client's acknowledgements on until it is told to end, or the client has gone or says anything
// else: then it ends the stream. Both sides of a session on one worker's thread: a read of the one and a
// write of the other are under way at a time.
class AcknowledgementRelay {
 public:
  // `client_lost` is set where the client has gone, or has broken the protocol.
  AcknowledgementRelay(SessionParts session, BackendConnection& connection, bool& client_lost)
      : session_(session),
        connection_(connection),
        client_lost_(client_lost),
        buffer_(session.shard.buffers()) {}

  Awaitable<void> run() {
    while (!ending_ && !session_.waiter.closing) {
      ErrorCode error;
      const std::span<uint8_t> room = buffer_.room();
      const size_t got = co_await session_.client.stream.read_some(room, error);
      if (ending_ || error == asio::error::operation_aborted) break;
      if (got == 0) {
        give_up();
        break;
      }
      buffer_.added(got);
      const size_t whole = whole_packets();
      if (broken_) {
        give_up();
        break;
      }
      if (whole == 0) continue;
      const protocol::Bytes acknowledged = buffer_.unread().first(whole);
      co_await connection_.stream.write_all(acknowledged, {}, error);
      if (error) break;  // the stream has ended, which is found by whoever reads it
      buffer_.consume(whole);
    }
  }

  // run() has ended, be it by an exception.
  void ended() { ended_.set(); }

  // The stream has ended: nothing is read from the client any more. Suspends until that is so.
  Awaitable<void> end() {
    ending_ = true;
    session_.client.stream.cancel();
    connection_.stream.cancel();
    co_await ended_.wait();
  }

 private:
  void give_up() {
    client_lost_ = true;
    connection_.stream.cancel();
  }

  // How many bytes at the front of the buffer are whole acknowledgements. What is none ends the stream.
  size_t whole_packets() {
    const protocol::Bytes unread = buffer_.unread();
    size_t whole = 0;
    while (unread.size() - whole >= protocol::kPacketHeaderBytes) {
      const protocol::Bytes packet = unread.subspan(whole);
      const size_t payload = protocol::read_packet_header(packet.data()).payload_bytes;
      broken_ = payload > kMaxAcknowledgementBytes;
      if (broken_ || packet.size() < protocol::kPacketHeaderBytes + payload) break;
      broken_ = !protocol::parse_semi_sync_ack(packet.subspan(protocol::kPacketHeaderBytes, payload));
      if (broken_) break;
      whole += protocol::kPacketHeaderBytes + payload;
    }
    return whole;
  }

  SessionParts session_;
  BackendConnection& connection_;
  bool& client_lost_;
  ResponseBuffer buffer_;
  WakeUp ended_;
  bool ending_ = false;
  bool broken_ = false;
};

}  // namespace

Awaitable<void> ExchangeRun::relay_binlog() {
  AcknowledgementRelay acknowledgements(session_, connection_, client_lost_);
  session_.backends.streams_log = true;
  asio::co_spawn(session_.shard.io(), acknowledgements.run(),
                 [&acknowledgements](const std::exception_ptr&) { acknowledgements.ended(); });
  std::exception_ptr failed;
  try {
    co_await relay();
  } catch (...) {
    failed = std::current_exception();
  }
  session_.backends.streams_log = false;
  co_await acknowledgements.end();
  if (failed) std::rethrow_exception(failed);
  if (client_lost_) end(ExchangeOutcome::kClientLost);
}

}  // namespace causeway::proxy
