#include "proxy/statement/exchange_run.h"

#include <algorithm>
#include <string>

#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "proxy/cluster/server_errors.h"
#include "proxy/statement/delivery.h"
#include "proxy/statement/stream_pace.h"

namespace causeway::proxy {

using consistency::WaitVerdict;
using protocol::Bytes;
using protocol::ResponseScanner;
using protocol::ScanEvent;
using protocol::ScanStep;

namespace {

constexpr uint16_t kErCantExecuteInReadOnlyTransaction = 1792;
constexpr uint16_t kErNoSchemaSelected = 1046;

// An answer behind a failed wait is thrown away; one that is longer than this costs the connection instead.
constexpr size_t kMaxDiscardedBytes = size_t{4} << 20;

}  // namespace

void ExchangeRun::server_lost(ErrorCode error) {
  result_.error = error ? error : ErrorCode(asio::error::eof);
  // A server that closes with something unread resets the connection, as does one that gets something after
  // its end.
  const bool unread =
      result_.error == asio::error::connection_reset || result_.error == asio::error::broken_pipe;
  const bool was_there =
      connection_.replied || (!unread && all_was_taken(connection_.stream.socket().native_handle()));
  result_.command_taken = result_.command_sent && was_there;
  end(ExchangeOutcome::kServerLost);
}

bool ExchangeRun::send_now(Bytes ahead, Bytes request, size_t& written) {
  ErrorCode error;
  if (!request.empty()) result_.command_sent = true;
  session_.shard.metrics().traffic.server_bytes_out.add(ahead.size() + request.size());
  written = connection_.stream.write_now(ahead, request, error);
  if (error) server_lost(error);
  return error || written == ahead.size() + request.size();
}

Awaitable<void> ExchangeRun::send_rest(Bytes ahead, Bytes request, size_t written) {
  ErrorCode error;
  const size_t of_ahead = std::min(written, ahead.size());
  const Bytes rest_ahead = ahead.subspan(of_ahead);
  const Bytes rest_request = request.subspan(written - of_ahead);
  co_await connection_.stream.write_all(rest_ahead, rest_request, error);
  if (error) server_lost(error);
}

// Takes over what read_some() gave. False: the server is lost.
bool ExchangeRun::on_read(size_t got, ErrorCode error) {
  if (got == 0) {
    server_lost(error);
    return false;
  }
  buffer_.added(got);
  connection_.replied = true;
  session_.shard.metrics().traffic.server_bytes_in.add(got);
  return true;
}

bool ExchangeRun::may_go_without_schema() const {
  return placement_.goes_without_schema &&
         (connection_.state.schema.empty() || command_.statement->cls == routing::StatementClass::kUse);
}

bool ExchangeRun::is_of_missing_schema(Bytes payload) const {
  if (!missing_schema_) return false;
  const auto err = protocol::parse_err_packet(payload);
  return err && err->code == kErNoSchemaSelected;
}

bool ExchangeRun::hold_error(Bytes payload) {
  if (result_.client_has_bytes) return false;
  const auto err = protocol::parse_err_packet(payload);
  if (!err) return false;
  const bool in_read_only_transaction =
      placement_.held.read_only_transaction && err->code == kErCantExecuteInReadOnlyTransaction;
  if (in_read_only_transaction || (placement_.held.read_only && is_read_only(err->code, err->message))) {
    end(ExchangeOutcome::kReadOnlyNode);
    return true;
  }
  if (placement_.held.unknown_names && is_unknown_name(err->code)) {
    end(ExchangeOutcome::kUnknownThere);
  } else if (placement_.held.shutdown && is_shutdown(err->code)) {
    end(ExchangeOutcome::kShuttingDown);
  } else {
    return false;
  }
  result_.refusal = client_error_of(payload);
  return true;
}

bool ExchangeRun::flush_now(size_t bytes, size_t& written) {
  written = 0;
  if (bytes == 0) return true;
  ErrorCode error;
  result_.client_has_bytes = true;
  session_.shard.metrics().traffic.client_bytes_out.add(bytes);
  written = session_.client.stream.write_now(buffer_.unread().first(bytes), {}, error);
  if (error) end(ExchangeOutcome::kClientLost);
  if (!error && written < bytes) return false;
  buffer_.consume(bytes);
  return true;
}

Awaitable<void> ExchangeRun::flush_rest(size_t bytes, size_t written) {
  ErrorCode error;
  const Bytes rest = buffer_.unread().subspan(written, bytes - written);
  co_await session_.client.stream.write_all(rest, {}, error);
  if (error) end(ExchangeOutcome::kClientLost);
  buffer_.consume(bytes);
}

// The server has broken the protocol. A client that has got something of the answer gets an error behind it,
// if that can be, and is not left to wait for the rest.
Awaitable<void> ExchangeRun::break_off(ResponseScanner& scanner, size_t ready) {
  server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  session_.shard.logger().error("a server has sent an unexpected packet",
                                {{"node", session_.shard.cluster().view().nodes[connection_.node].name}});
  if (!result_.client_has_bytes && ready == 0) co_return;
  result_.client_has_bytes = true;
  if (scanner.within_packet()) co_return;
  const ClientError error = malformed_packet();
  protocol::Buffer last(buffer_.unread().begin(), buffer_.unread().begin() + static_cast<ptrdiff_t>(ready));
  append_error(last, error, scanner.next_sequence_id());
  ErrorCode ignored;
  co_await session_.client.stream.write_all(last, {}, ignored);
}

// The error that ends the answer.
void ExchangeRun::on_error(const ScanStep& scan, size_t& packet_bytes) {
  result_.is_error = true;
  session_.shard.metrics().statement_errors.add();
  if (!is_of_missing_schema(scan.packet_payload)) {
    if (const auto err = protocol::parse_err_packet(scan.packet_payload)) result_.error_code = err->code;
    return;
  }
  result_.error_code = missing_schema_->code;
  protocol::Buffer packet;
  append_error(packet, *missing_schema_, buffer_.unread()[scan.pass_bytes + 3]);
  buffer_.replace(scan.pass_bytes, packet_bytes, packet);
  packet_bytes = packet.size();
}

// More has come than the response: what the client makes of it nobody knows. An ERR packet is the server's
// goodbye.
bool ExchangeRun::is_overlong(size_t ready) {
  const Bytes rest = buffer_.unread().subspan(ready);
  return rest.size() > protocol::kPacketHeaderBytes &&
         rest[protocol::kPacketHeaderBytes] != protocol::kErrHeader;
}

// A packet that says something; it may be rewritten, and is as long as `packet_bytes` then. Ends the exchange
// if the client is not to see it.
void ExchangeRun::on_packet(const ScanStep& scan, size_t& packet_bytes) {
  switch (scan.event) {
    case ScanEvent::kOk:
    case ScanEvent::kResultSetEnd:
      return on_result_end(scan, packet_bytes);
    case ScanEvent::kErr:
      if (!hold_error(scan.packet_payload)) return on_error(scan, packet_bytes);
      buffer_.consume(scan.pass_bytes + packet_bytes);
      return;
    case ScanEvent::kPrepareOk:
      on_prepared(scan.packet_payload, *command_.prepare);
      if (ended_) return;
      protocol::set_statement_id(buffer_.unread().subspan(scan.pass_bytes + protocol::kPacketHeaderBytes),
                                 command_.prepare->id);
      return;
    default:
      return;
  }
}

Awaitable<void> ExchangeRun::relay() {
  ResponseScanner scanner(command_.kind, connection_.capabilities, protocol::count_packets(command_.packets));
  if (command_.sequence_offset() != 0) scanner.set_sequence_offset(command_.sequence_offset());
  protocol::StatusFlags eof_flags =
      command_.place.more_results_follow ? protocol::status::kMoreResultsExist : 0;
  eof_flags |= added_status();
  scanner.set_columns_eof_flags(eof_flags, protocol::status::kSessionStateChanged);
  size_t ready = 0;  // bytes at the front of the buffer that may go to the client
  for (;;) {
    ScanStep scan = scanner.scan(buffer_.unread().subspan(ready));
    if (ready > 0) scan.pass_bytes += ready;
    size_t packet_bytes = scan.packet_bytes;
    switch (scan.event) {
      case ScanEvent::kNeedMore: {
        ready = 0;
        size_t written = 0;
        if (!flush_now(scan.pass_bytes, written)) co_await flush_rest(scan.pass_bytes, written);
        if (ended_) co_return;
        ErrorCode error;
        const size_t got = co_await read_some(error);
        if (!on_read(got, error)) co_return;
        continue;
      }
      case ScanEvent::kOk:
      case ScanEvent::kResultSetEnd:
      case ScanEvent::kErr:
      case ScanEvent::kPrepareOk:
      case ScanEvent::kEnd:
        on_packet(scan, packet_bytes);
        if (ended_) co_return;
        break;
      case ScanEvent::kLocalInfile: {
        const size_t asked = scan.pass_bytes + packet_bytes;
        size_t written = 0;
        if (!flush_now(asked, written)) co_await flush_rest(asked, written);
        if (!ended_) co_await send_local_file(scanner);
        if (ended_) co_return;
        ready = 0;
        continue;
      }
      case ScanEvent::kMalformed:
        co_await break_off(scanner, scan.pass_bytes);
        co_return;
    }
    ready = scan.pass_bytes + packet_bytes;
    if (!scan.response_done) continue;
    if (is_overlong(ready)) {
      co_await break_off(scanner, ready);
      co_return;
    }
    result_.next_sequence_id = scanner.next_sequence_id();
    size_t written = 0;
    if (!flush_now(ready, written)) co_await flush_rest(ready, written);
    if (!ended_) end(ExchangeOutcome::kRelayed);
    co_return;
  }
}

Awaitable<void> ExchangeRun::discard() {
  // It has no end.
  if (command_.reads_log != nullptr) co_return server_lost(asio::error::operation_aborted);
  ResponseScanner scanner(command_.kind, connection_.capabilities, protocol::count_packets(command_.packets));
  size_t discarded = 0;
  for (;;) {
    const ScanStep scan = scanner.scan(buffer_.unread());
    const size_t bytes = scan.pass_bytes + scan.packet_bytes;
    buffer_.consume(bytes);
    discarded += bytes;
    if (scan.response_done) {
      if (scan.event == ScanEvent::kOk || scan.event == ScanEvent::kResultSetEnd)
        connection_.state.status = scan.status_flags;
      co_return;
    }
    const bool is_too_long = discarded > kMaxDiscardedBytes;
    if (is_too_long && wait_failed_) {
      // It was lost to nobody: what runs instead does not depend on this connection.
      connection_.stream.close();
      co_return;
    }
    if (scan.event == ScanEvent::kMalformed || is_too_long) {
      server_lost(make_error_code(protocol::ProtocolError::kPacketTooLarge));
      co_return;
    }
    if (scan.event == ScanEvent::kNeedMore) {
      ErrorCode error;
      const size_t got = co_await read_some(error);
      if (!on_read(got, error)) co_return;
    }
  }
}

Awaitable<ExchangeResult> ExchangeRun::run() {
  connection_.out.clear();
  connection_.replied = false;
  Prefix prefix;
  if (needs_prefix(session_, connection_, command_, placement_.ahead))
    prefix = append_prefix(session_, connection_, command_, placement_.ahead);

  const Bytes request = prefix.must_succeed_first ? Bytes{} : packets();
  const Bytes ahead = connection_.out;
  size_t written = 0;
  if (!send_now(ahead, request, written)) co_await send_rest(ahead, request, written);
  for (size_t i = 0; i < prefix.size() && !ended_; ++i)
    co_await read_prefix_answer(prefix[i]);
  if (ended_) co_return result_;
  const bool failed = refusal_.has_value() || wait_failed_ || not_the_writer_;
  if (!failed && !prepare_error_.empty()) {
    co_await refuse_execute();
    co_return result_;
  }
  if (prefix.must_succeed_first && !failed) {
    connection_.out.clear();
    const Bytes now = packets();
    const Bytes ahead_of_it = connection_.out;
    if (!send_now(ahead_of_it, now, written)) co_await send_rest(ahead_of_it, now, written);
    if (ended_) co_return result_;
  }
  if (!failed) {
    if (command_.reads_log != nullptr) {
      co_await relay_binlog();
    } else {
      co_await relay();
    }
    if (command_.prepared != nullptr && result_.outcome == ExchangeOutcome::kRelayed)
      after_prepared_command();
    co_return result_;
  }
  if (!prefix.must_succeed_first) co_await discard();
  if (!ended_ && not_the_writer_) end(ExchangeOutcome::kReadOnlyNode);
  // State that is refused behind a failed wait may be what was waited for.
  if (!ended_) end(wait_failed_ ? ExchangeOutcome::kWaitFailed : ExchangeOutcome::kStateRefused);
  result_.refusal = std::move(refusal_);
  co_return result_;
}

Awaitable<ExchangeResult> run_exchange(SessionParts session, BackendConnection& connection,
                                       const ClientCommand& command, const Placement& placement) {
  ExchangeRun run(session, connection, command, placement);
  const InFlightScope in_flight(session.backends.in_flight, connection);
  const ExchangeResult result = co_await run.run();
  co_return result;
}

}  // namespace causeway::proxy
