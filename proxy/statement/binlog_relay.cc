// COM_BINLOG_DUMP: the stream of the binary log, and what a semi-synchronous replica says to it meanwhile.
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <span>
#include <utility>

#include "protocol/binlog_stream.h"
#include "protocol/com_binlog_dump.h"
#include "protocol/packet_header.h"
#include "protocol/semi_sync.h"
#include "proxy/backend/shard.h"
#include "proxy/net/wake_up.h"
#include "proxy/statement/exchange_run.h"
#include "proxy/statement/stream_pace.h"

namespace causeway::proxy {

using protocol::BinlogScanEvent;
using protocol::BinlogScanStep;
using protocol::BinlogStreamScanner;

namespace {

// In the header of a packet.
constexpr size_t kSequenceIdAt = 3;

// A magic number, a position, the name of a file.
constexpr size_t kMaxAcknowledgementBytes = 1 + 8 + protocol::kMaxBinlogFileBytes + 1;

// Of the next compressed packet behind an event that is to be acknowledged, as sources have it (MySQL 9.7,
// MariaDB 10.11).
uint8_t compressed_sequence_id(ServerFlavor flavor) {
  return flavor == ServerFlavor::kMariadb ? 1 : 0;
}

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
      if (buffer_.unread().empty()) session_.client.stream.begin_message();
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
  session_.backends.stream = {.is_on = true};
  session_.waiter.timed_out = false;
  session_.client.stream.count_apart();
  asio::co_spawn(session_.shard.io(), acknowledgements.run(),
                 [&acknowledgements](const std::exception_ptr&) { acknowledgements.ended(); });
  std::exception_ptr failed;
  try {
    co_await relay_events();
  } catch (...) {
    failed = std::current_exception();
  }
  // Nobody goes on with what was told to end.
  if (session_.backends.stream.ends) session_.waiter.closing = true;
  session_.backends.stream = {};
  attachment_.reset();
  session_.waiter.deadline = Clock::time_point::max();
  co_await acknowledgements.end();
  if (failed) std::rethrow_exception(failed);
  if (client_lost_) end(ExchangeOutcome::kClientLost);
}

// Events pass as they come. Told to end, it does so where no transaction is open, or as soon as whoever told
// it has no more patience.
Awaitable<void> ExchangeRun::relay_events() {
  BinlogStreamScanner scanner(std::nullopt, protocol::count_packets(command_.packets));
  size_t scanned = 0;  // at the front of the buffer, and not sent yet
  size_t whole = 0;    // of these, up to where no transaction is open
  for (;;) {
    const bool stops = session_.backends.stream.ends || command_.recorder != nullptr;
    scanner.stop_at(stops ? protocol::BinlogStop::kBoundaries : protocol::BinlogStop::kNever);
    BinlogScanStep step = scanner.scan(buffer_.unread().subspan(scanned));
    step.pass_bytes += scanned;
    if (step.event == BinlogScanEvent::kBoundary && command_.recorder != nullptr) {
      command_.recorder->boundary(scanner.state(), session_.shard.cluster().tick());
      scanned = whole = step.pass_bytes;
      if (!session_.backends.stream.ends) continue;
    }
    size_t bytes = step.pass_bytes + step.packet_bytes;
    if (step.event == BinlogScanEvent::kErr) {
      on_stream_error(step, scanner, bytes);
      if (ended_) co_return;
    }
    const size_t held = step.pass_bytes - whole;
    const bool holds_back =
        step.event == BinlogScanEvent::kNeedMore && may_hold_back(scanner, whole, step.pass_bytes);
    if (holds_back) bytes = step.pass_bytes = whole;
    if (!attachment_ && step.pass_bytes > 0 && !attach()) {
      co_await refuse_stream();
      co_return;
    }
    // Ahead of the write: a part of it may have arrived where the stream ends on the way.
    if (!holds_back && command_.recorder != nullptr) command_.recorder->passed(scanner.state());
    size_t written = 0;
    if (!flush_now(bytes, written)) co_await flush_rest(bytes, written);
    if (ended_) co_return;
    scanned = holds_back ? held : 0;
    whole = 0;
    if (!holds_back) note_passed(scanner.state());
    co_await pace_stream(session_, bytes);
    switch (step.event) {
      case BinlogScanEvent::kNeedMore: {
        if (is_stream_over()) co_return server_lost(asio::error::operation_aborted);
        ErrorCode error;
        if (attachment_) attachment_->stream().awaits_source(session_.shard.cluster().tick());
        const size_t got = co_await read_some(error);
        if (!on_events_read(got, error)) co_return;
        break;
      }
      case BinlogScanEvent::kAckWanted:
        session_.client.stream.count_anew(compressed_sequence_id(session_.shard.cluster().view().flavor));
        break;
      case BinlogScanEvent::kBoundary:
        co_return server_lost(asio::error::operation_aborted);
      case BinlogScanEvent::kEof:
      case BinlogScanEvent::kErr:
        co_return end(ExchangeOutcome::kRelayed);
      case BinlogScanEvent::kMalformed:
        co_return on_malformed_stream(scanner, *step.error);
    }
  }
}

bool ExchangeRun::on_events_read(size_t got, const ErrorCode& error) {
  if (attachment_) attachment_->stream().source_has_sent();
  // Whoever tells it to end makes it look for a boundary at once.
  const bool is_told = got == 0 && error == asio::error::operation_aborted && session_.backends.stream.ends &&
                       !is_stream_over();
  return is_told || on_read(got, error);
}

// A client by file and position cannot go on within a transaction when another server is the writer: what is
// sent to it ends with one, as long as all of the next one fits into the buffer.
bool ExchangeRun::may_hold_back(const BinlogStreamScanner& scanner, size_t whole, size_t scanned) {
  return command_.recorder != nullptr && !scanner.at_boundary() && whole < scanned &&
         buffer_.unread().size() - whole < BufferPool::Lease::size();
}

// The server has begun. False: another client has this one's server id.
bool ExchangeRun::attach() {
  auto attached = attach_to_log(session_.shard, *command_.reads_log, connection_.node, stream_refusal_);
  if (!attached) return false;
  attachment_.emplace(std::move(*attached));
  session_.backends.stream.record = &attachment_->stream();
  return true;
}

// In place of all that the server sends, which is not asked what it thinks of that.
Awaitable<void> ExchangeRun::refuse_stream() {
  session_.end.because(EndReason::kServerIdTaken);
  protocol::Buffer packet;
  append_error(packet, stream_refusal_, protocol::count_packets(command_.packets));
  ErrorCode ignored;
  co_await session_.client.stream.write_all(packet, {}, ignored);
  end(ExchangeOutcome::kClientLost);
}

// What has passed to the client, for those who look at the stream.
void ExchangeRun::note_passed(const protocol::BinlogStreamState& now) {
  if (!attachment_) return;
  attachment_->stream().passed(now);
  ReplicationCounters& counters = session_.shard.metrics().replication;
  counters.bytes.add(now.bytes - std::exchange(counted_bytes_, now.bytes));
  counters.transactions.add(now.transactions - std::exchange(counted_transactions_, now.transactions));
}

// A server that closes a connection while a command is on its way sends an ERR out of sequence.
void ExchangeRun::on_stream_error(const BinlogScanStep& step, const BinlogStreamScanner& scanner,
                                  size_t& bytes) {
  if (scanner.state().events == 0)
    buffer_.unread()[step.pass_bytes + kSequenceIdAt] = scanner.next_sequence_id();
  const protocol::ScanStep scan{.event = protocol::ScanEvent::kErr,
                                .pass_bytes = step.pass_bytes,
                                .packet_bytes = step.packet_bytes,
                                .packet_payload = step.packet_payload};
  size_t packet_bytes = step.packet_bytes;
  on_packet(scan, packet_bytes);
  bytes = step.pass_bytes + packet_bytes;
}

// Nobody can go on behind what cannot be read: both connections end.
void ExchangeRun::on_malformed_stream(const BinlogStreamScanner& scanner, protocol::ProtocolError error) {
  session_.shard.logger().error("a server has sent a binary log that cannot be followed",
                                {{"node", session_.shard.cluster().view().nodes[connection_.node].name},
                                 {"reason", make_error_code(error).message()},
                                 {"file", scanner.state().file},
                                 {"position", scanner.state().position}});
  server_lost(make_error_code(error));
}

}  // namespace causeway::proxy
