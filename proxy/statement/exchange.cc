#include "proxy/statement/exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "consistency/wait_statement.h"
#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/local_infile.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"
#include "protocol/result_set_end.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/shard.h"
#include "proxy/cluster/server_errors.h"
#include "proxy/net/response_buffer.h"
#include "proxy/session/session_tracking.h"
#include "proxy/statement/delivery.h"
#include "proxy/statement/exchange_prefix.h"

namespace causeway::proxy {
namespace {

using consistency::WaitVerdict;
using protocol::Bytes;
using protocol::ResponseScanner;
using protocol::ScanEvent;
using protocol::ScanStep;

constexpr uint16_t kErCantExecuteInReadOnlyTransaction = 1792;
constexpr uint16_t kErAccessToSchemaDenied = 1044;
constexpr uint16_t kErNoSchemaSelected = 1046;
constexpr uint16_t kErUnknownSchema = 1049;

// An answer behind a failed wait is thrown away; one that is longer than this costs the connection instead.
constexpr size_t kMaxDiscardedBytes = size_t{4} << 20;

// The value in the complete answer to a question with one: column count, one definition, perhaps an EOF, and
// the row. Nothing for NULL.
std::optional<std::string_view> single_value(Bytes answer, protocol::CapabilityFlags capabilities) {
  size_t packets_before_row = protocol::has(capabilities, protocol::capability::kDeprecateEof) ? 2 : 3;
  const bool metadata_flag = protocol::has(capabilities, protocol::capability::kOptionalResultsetMetadata);
  for (size_t i = 0;; ++i) {
    if (answer.size() < protocol::kPacketHeaderBytes) return std::nullopt;
    const size_t payload_bytes = protocol::read_packet_header(answer.data()).payload_bytes;
    answer = answer.subspan(protocol::kPacketHeaderBytes);
    if (answer.size() < payload_bytes) return std::nullopt;
    // resultset_metadata=NONE: the definition is left out.
    if (i == 0 && metadata_flag && payload_bytes == 2 && answer[1] == 0) --packets_before_row;
    if (i == packets_before_row) return protocol::first_row_first_value(answer.first(payload_bytes));
    answer = answer.subspan(payload_bytes);
  }
}

// The state of one exchange; its member functions are the phases, in their order.
class Run {
 public:
  Run(ClientSession& session, BackendConnection& connection, const Exchange& exchange)
      : session_(session), connection_(connection), exchange_(exchange), buffer_(session.shard.buffers()) {}

  Awaitable<ExchangeResult> run();

 private:
  // What nearly always succeeds at once is tried without a coroutine. False: the second has to do the rest.
  bool send_now(Bytes ahead, Bytes request, size_t& written);
  Awaitable<void> send_rest(Bytes ahead, Bytes request, size_t written);
  bool flush_now(size_t bytes, size_t& written);
  Awaitable<void> flush_rest(size_t bytes, size_t written);

  Awaitable<size_t> read_some(ErrorCode& error) {
    return connection_.stream.read_some(buffer_.room(), error);
  }
  bool on_read(size_t got, ErrorCode error);
  Awaitable<void> read_prefix_answer(PrefixStep step);
  Awaitable<void> send_local_file(ResponseScanner& scanner);
  Awaitable<void> relay();
  Awaitable<void> break_off(ResponseScanner& scanner, size_t ready);
  Awaitable<void> discard();

  void on_prefix_ok(PrefixStep step, const ScanStep& scan);
  void on_late_report(Bytes payload);
  void on_statement_replayed();
  void on_prefix_value(PrefixStep step, std::optional<std::string_view> value);
  void on_prefix_error(PrefixStep step, Bytes payload);
  void on_prepared(Bytes payload, PreparedStatement& statement);
  void on_prepared_ahead(PrefixStep step, Bytes payload);
  const std::string& former_schema() const;
  Bytes command();
  void after_prepared_command();
  Awaitable<void> refuse_execute();
  bool hold_error(Bytes payload);
  bool may_go_without_schema() const;
  bool is_of_missing_schema(Bytes payload) const;
  void on_result_end(const ScanStep& scan, size_t& packet_bytes);
  void server_lost(ErrorCode error);
  bool on_writer() const { return session_.backends.target_of(connection_) == routing::Target::kWriter; }
  void end(ExchangeOutcome outcome) {
    result_.outcome = outcome;
    ended_ = true;
  }

  ClientSession& session_;
  BackendConnection& connection_;
  const Exchange& exchange_;
  ResponseBuffer buffer_;
  ExchangeResult result_;
  bool ended_ = false;
  std::optional<ClientError> refusal_;
  std::optional<ClientError> missing_schema_;  // why the session's schema was refused, and it goes without it
  bool wait_failed_ = false;
  bool not_the_writer_ = false;     // of check_writer, or a BEGIN that it refuses
  protocol::Buffer prepare_error_;  // why the statement of an execute cannot be prepared there
};

void Run::server_lost(ErrorCode error) {
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

bool Run::send_now(Bytes ahead, Bytes request, size_t& written) {
  ErrorCode error;
  if (!request.empty()) result_.command_sent = true;
  session_.shard.metrics().traffic.server_bytes_out.add(ahead.size() + request.size());
  written = connection_.stream.write_now(ahead, request, error);
  if (error) server_lost(error);
  return error || written == ahead.size() + request.size();
}

Awaitable<void> Run::send_rest(Bytes ahead, Bytes request, size_t written) {
  ErrorCode error;
  const size_t of_ahead = std::min(written, ahead.size());
  const Bytes rest_ahead = ahead.subspan(of_ahead);
  const Bytes rest_request = request.subspan(written - of_ahead);
  co_await connection_.stream.write_all(rest_ahead, rest_request, error);
  if (error) server_lost(error);
}

// Takes over what read_some() gave. False: the server is lost.
bool Run::on_read(size_t got, ErrorCode error) {
  if (got == 0) {
    server_lost(error);
    return false;
  }
  buffer_.added(got);
  connection_.replied = true;
  session_.shard.metrics().traffic.server_bytes_in.add(got);
  return true;
}

void Run::on_prefix_ok(PrefixStep step, const ScanStep& scan) {
  connection_.status = scan.status_flags;
  if (session_.state.pins.unreported) on_late_report(scan.packet_payload);
  switch (step) {
    case PrefixStep::kReset:
      connection_.needs_reset = false;
      connection_.tracks_state_change = false;
      connection_.may_hold_locks = false;
      break;
    case PrefixStep::kOption:
      connection_.multi_statements =
          protocol::has(session_.client.capabilities, protocol::capability::kMultiStatements);
      break;
    case PrefixStep::kSchema:
      connection_.schema = session_.state.schema;
      break;
    case PrefixStep::kVariables:
      connection_.applied_version = session_.state.variables.version();
      break;
    case PrefixStep::kReplayedStatement:
      on_statement_replayed();
      break;
    case PrefixStep::kLastInsertId:
      // A replica is told each time.
      if (on_writer()) connection_.last_insert_id = session_.state.last.insert_id;
      break;
    case PrefixStep::kUserVariables:
      result_.carried_variables = true;
      session_.state.pins.user_variables = true;
      break;
    case PrefixStep::kWriterVariables:
      connection_.user_variables_version = session_.state.carried.writer_variables.version();
      break;
    case PrefixStep::kTrackStateChange:
      connection_.tracks_state_change = true;
      break;
    case PrefixStep::kAccessMode:
      connection_.read_only_leg = !connection_.read_only_leg;
      break;
    case PrefixStep::kFormerSchema:
      connection_.schema = former_schema();
      break;
    case PrefixStep::kTextPrepare:
      if (!prepare_error_.empty()) break;
      exchange_.text_execute
          ->incarnations[PreparedStatements::side(session_.backends.target_of(connection_))] =
          connection_.incarnation;
      break;
    case PrefixStep::kBaseline:
    case PrefixStep::kSchemaCharset:
    case PrefixStep::kFormerLastInsertId:
    case PrefixStep::kForgetTransaction:
    case PrefixStep::kTrackTransaction:
    case PrefixStep::kStandIn:
    case PrefixStep::kStandInPing:
    case PrefixStep::kStandInPrepare:
    case PrefixStep::kSetTransaction:
    case PrefixStep::kBegin:
    case PrefixStep::kWait:
    case PrefixStep::kWriterCheck:
    case PrefixStep::kFormerVariables:
    case PrefixStep::kPrepare:
    case PrefixStep::kVariablesBack:
      break;
  }
}

void Run::on_statement_replayed() {
  ++result_.replayed_statements;
  session_.state.pins.user_variables = true;
}

// MySQL says with the next OK what a statement has changed that failed.
void Run::on_late_report(Bytes payload) {
  const auto ok = protocol::parse_ok_packet(payload, connection_.capabilities);
  if (!ok || connection_.mariadb) return;
  session_.state.pins.untrackable |= reports_state_change(*ok);
  session_.state.pins.unreported = false;
}

void Run::on_prepared(Bytes payload, PreparedStatement& statement) {
  const auto ok = protocol::parse_stmt_prepare_ok(payload, connection_.capabilities);
  if (!ok) return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  const routing::Target target = session_.backends.target_of(connection_);
  PreparedThere& there = statement.there[PreparedStatements::side(target)];
  there.incarnation = connection_.incarnation;
  there.id = ok->statement_id;
  there.knows_types = false;
  ++connection_.statements;
  session_.state.prepared.used(there, target);
  if (exchange_.prepare == nullptr) return;
  statement.parameters = ok->parameters;
  statement.columns = ok->columns;
}

// The schema that the statement was prepared in first.
const std::string& Run::former_schema() const {
  return exchange_.prepared != nullptr ? exchange_.prepared->statement->context.schema
                                       : exchange_.text_execute->context.schema;
}

void Run::on_prepared_ahead(PrefixStep step, Bytes payload) {
  const bool wanted = step == PrefixStep::kPrepare && prepare_error_.empty();
  if (wanted) return on_prepared(payload, *exchange_.prepared->statement);
  // A stand-in, or what was to go ahead of it was refused: prepared it is, and in the wrong schema.
  const auto ok = protocol::parse_stmt_prepare_ok(payload, connection_.capabilities);
  if (!ok) return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  connection_.statements_to_close.push_back(ok->statement_id);
}

// What is asked for are words and numbers. MariaDB sends these too in character_set_results, be it utf16 or
// ucs2.
std::string in_ascii(std::string_view value) {
  std::string ascii(value);
  std::erase(ascii, '\0');
  return ascii;
}

void Run::on_prefix_value(PrefixStep step, std::optional<std::string_view> value) {
  std::string ascii;
  if (value && value->find('\0') != std::string_view::npos) {
    ascii = in_ascii(*value);
    value = ascii;
  }
  if (step == PrefixStep::kWait) {
    result_.wait_verdict = consistency::parse_wait_result(exchange_.wait_for->kind(), value);
    wait_failed_ = result_.wait_verdict != WaitVerdict::kReached;
  }
  if (step == PrefixStep::kWriterCheck) not_the_writer_ = !consistency::is_writable(value);
  if (step == PrefixStep::kFormerLastInsertId) {
    LastInsertId& of_former = *connection_.former_last_insert_id;
    if (value) std::from_chars(value->data(), value->data() + value->size(), of_former.value);
    of_former.certain = true;
    of_former.pending = false;
    connection_.former_last_insert_id.reset();
  }
}

// What a server says, for the client.
ClientError as_client_error(Bytes err_payload) {
  const auto err = protocol::parse_err_packet(err_payload);
  if (!err) return {.code = 1105, .sql_state = "HY000", .message = "malformed answer of a server"};
  return {.code = err->code,
          .sql_state = err->sql_state.empty() ? std::string("HY000") : std::string(err->sql_state),
          .message = std::string(err->message)};
}

protocol::Buffer err_packet(const ClientError& error, uint8_t sequence_id) {
  protocol::Buffer packet;
  protocol::append_err_packet(
      packet, {.code = error.code, .sql_state = error.sql_state, .message = error.message}, sequence_id);
  return packet;
}

protocol::Buffer err_payload(const ClientError& error) {
  protocol::Buffer packet = err_packet(error, 0);
  packet.erase(packet.begin(), packet.begin() + protocol::kPacketHeaderBytes);
  return packet;
}

bool Run::may_go_without_schema() const {
  return exchange_.goes_without_schema &&
         (connection_.schema.empty() || exchange_.statement->cls == routing::StatementClass::kUse);
}

bool Run::is_of_missing_schema(Bytes payload) const {
  if (!missing_schema_) return false;
  const auto err = protocol::parse_err_packet(payload);
  return err && err->code == kErNoSchemaSelected;
}

void Run::on_prefix_error(PrefixStep step, Bytes payload) {
  if (step == PrefixStep::kStandIn) return;
  if (step == PrefixStep::kReplayedStatement) return on_statement_replayed();
  if (step == PrefixStep::kWait) {
    result_.wait_verdict = WaitVerdict::kError;
    wait_failed_ = true;
    return;
  }
  if (step == PrefixStep::kWriterCheck) {
    not_the_writer_ = true;
    return;
  }
  const bool prepares = step == PrefixStep::kFormerSchema || step == PrefixStep::kFormerVariables ||
                        step == PrefixStep::kPrepare || step == PrefixStep::kTextPrepare;
  if (prepares) {
    if (!prepare_error_.empty()) return;
    prepare_error_.assign(payload.begin(), payload.end());
    if (is_of_missing_schema(payload)) prepare_error_ = err_payload(*missing_schema_);
    return;
  }
  // The next statement would be read by what was meant for one.
  if (step == PrefixStep::kVariablesBack)
    return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  if (refusal_) return;
  const auto err = protocol::parse_err_packet(payload);
  if (step == PrefixStep::kSchema && err &&
      (err->code == kErUnknownSchema || err->code == kErAccessToSchemaDenied)) {
    if (may_go_without_schema()) {
      missing_schema_ = as_client_error(payload);
      return;
    }
    result_.schema_refused = true;
  }
  // BEGIN of a transaction that is to write: it can begin elsewhere.
  if (step == PrefixStep::kBegin && exchange_.hold_read_only_error && err &&
      is_read_only(err->code, err->message))
    not_the_writer_ = true;
  refusal_ = as_client_error(payload);
}

protocol::ResponseKind answer_kind(PrefixStep step) {
  switch (step) {
    case PrefixStep::kReset:
    case PrefixStep::kOption:
    case PrefixStep::kSchema:
    case PrefixStep::kFormerSchema:
    case PrefixStep::kStandInPing:
      return protocol::ResponseKind::kOk;
    case PrefixStep::kPrepare:
    case PrefixStep::kStandInPrepare:
      return protocol::ResponseKind::kPrepare;
    default:
      return protocol::ResponseKind::kQuery;
  }
}

// An answer to a step is small and is looked at only when it is complete.
Awaitable<void> Run::read_prefix_answer(PrefixStep step) {
  ResponseScanner scanner(answer_kind(step), connection_.capabilities);
  size_t scanned = 0;
  for (;;) {
    const ScanStep scan = scanner.scan(buffer_.unread().subspan(scanned));
    scanned += scan.pass_bytes;
    switch (scan.event) {
      case ScanEvent::kNeedMore: {
        ErrorCode error;
        const size_t got = co_await read_some(error);
        if (!on_read(got, error)) co_return;
        continue;
      }
      case ScanEvent::kErr:
        on_prefix_error(step, scan.packet_payload);
        break;
      case ScanEvent::kOk:
        on_prefix_ok(step, scan);
        break;
      case ScanEvent::kResultSetEnd:
        on_prefix_ok(step, scan);
        on_prefix_value(step, single_value(buffer_.unread().first(scanned), connection_.capabilities));
        break;
      case ScanEvent::kPrepareOk:
        on_prepared_ahead(step, scan.packet_payload);
        if (ended_) co_return;
        break;
      case ScanEvent::kEnd:
        break;
      default:
        server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
        co_return;
    }
    scanned += scan.packet_bytes;
    if (!scan.response_done) continue;
    buffer_.consume(scanned);
    co_return;
  }
}

bool Run::hold_error(Bytes payload) {
  if (result_.client_has_bytes) return false;
  const auto err = protocol::parse_err_packet(payload);
  if (!err) return false;
  const bool in_read_only_transaction =
      exchange_.hold_read_only_transaction_error && err->code == kErCantExecuteInReadOnlyTransaction;
  if (in_read_only_transaction || (exchange_.hold_read_only_error && is_read_only(err->code, err->message))) {
    end(ExchangeOutcome::kReadOnlyNode);
    return true;
  }
  if (exchange_.hold_unknown_names && is_unknown_name(err->code)) {
    end(ExchangeOutcome::kUnknownThere);
  } else if (exchange_.hold_shutdown && is_shutdown(err->code)) {
    end(ExchangeOutcome::kShuttingDown);
  } else {
    return false;
  }
  result_.refusal = as_client_error(payload);
  return true;
}

// Appends rows of names and values.
void append_rows(protocol::TextResultSetWriter& writer, const std::vector<NameAndValue>& rows, bool binary) {
  constexpr std::array<protocol::TextColumn, 2> kTexts{};
  for (const NameAndValue& row : rows) {
    const std::array<protocol::TextValue, 2> values = {row.first, row.second};
    if (binary) {
      writer.binary_row(kTexts, values);
    } else {
      writer.row(values);
    }
  }
}

// The OK or EOF at the end of a result: takes over what it says, and rewrites it in place where the client
// must see something else.
void Run::on_result_end(const ScanStep& scan, size_t& packet_bytes) {
  connection_.status = scan.status_flags;
  const bool ends_rows = scan.packet_payload[0] == protocol::kResultSetEndHeader;
  const auto parsed = ends_rows
                          ? protocol::parse_result_set_end(scan.packet_payload, connection_.capabilities)
                          : protocol::parse_ok_packet(scan.packet_payload, connection_.capabilities);
  const bool is_eof = ends_rows && scan.packet_payload.size() == protocol::kEofPayloadBytes;
  result_.without_trackers = is_eof;
  if (!parsed) return;
  protocol::OkPacket ok = *parsed;
  session_.state.last.warnings = ok.warnings;
  result_.ended_with_ok = scan.event == ScanEvent::kOk;
  const bool inserted = scan.event == ScanEvent::kOk && ok.last_insert_id != 0;
  if (inserted) session_.state.last.insert_id->value = ok.last_insert_id;
  const routing::Statement& statement = *exchange_.statement;
  // The rows of INSERT ... RETURNING end without an insert id.
  const bool returning =
      scan.event == ScanEvent::kResultSetEnd && statement.cls == routing::StatementClass::kDml;
  const bool may_have_set =
      exchange_.tell_last_insert_id && on_writer() &&
      (statement.uses_last_insert_id || statement.calls_procedure || statement.compound || returning);
  if (inserted || may_have_set) {
    session_.state.last.insert_id->certain = false;
    connection_.last_insert_id = session_.state.last.insert_id;
  }
  protocol::StatusFlags added = 0;
  if (scan.response_done) {
    added = exchange_.add_status;
    if (exchange_.more_results_follow) added |= protocol::status::kMoreResultsExist;
  }
  const bool add_rows = exchange_.extra_rows != nullptr && scan.event == ScanEvent::kResultSetEnd;
  // An EOF packet has no room for more than the flag, which speaks of what only Causeway has asked to be
  // told.
  const bool state_changed = (ok.status_flags & protocol::status::kSessionStateChanged) != 0;
  result_.state_changed |= is_eof ? state_changed && connection_.mariadb : reports_state_change(ok);
  if (is_eof) ok.status_flags &= static_cast<protocol::StatusFlags>(~protocol::status::kSessionStateChanged);
  if (state_changed && !is_eof) apply_session_state(session_, connection_, ok, *exchange_.statement);
  if (!is_eof) session_.state.pins.unreported &= connection_.mariadb;
  if (!state_changed && added == 0 && !add_rows) return;

  protocol::Buffer& scratch = session_.client.scratch;
  scratch.clear();
  const bool tracked_by_causeway = exchange_.track_next && !session_.state.trackers.transactions;
  const bool transaction_goes_on = (added & protocol::status::kInTransaction) != 0 || tracked_by_causeway;
  append_client_session_state(session_, statement, ok.session_state, transaction_goes_on, scratch);
  ok.session_state = scratch;
  ok.status_flags |= added;
  protocol::Buffer& packet = session_.client.answer;
  packet.clear();
  uint8_t sequence_id = buffer_.unread()[scan.pass_bytes + 3];
  if (add_rows) {
    const bool binary = exchange_.prepared != nullptr;
    protocol::TextResultSetWriter writer(packet, session_.client.capabilities, sequence_id);
    append_rows(writer, *exchange_.extra_rows, binary);
    sequence_id = writer.next_sequence_id();
  }
  if (ends_rows) {
    protocol::append_result_set_end(packet, ok, sequence_id, session_.client.capabilities);
  } else {
    protocol::append_ok_packet(packet, ok, sequence_id, scan.packet_payload[0], session_.client.capabilities);
  }
  buffer_.replace(scan.pass_bytes, packet_bytes, packet);
  packet_bytes = packet.size();
}

bool Run::flush_now(size_t bytes, size_t& written) {
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

Awaitable<void> Run::flush_rest(size_t bytes, size_t written) {
  ErrorCode error;
  const Bytes rest = buffer_.unread().subspan(written, bytes - written);
  co_await session_.client.stream.write_all(rest, {}, error);
  if (error) end(ExchangeOutcome::kClientLost);
  buffer_.consume(bytes);
}

// The client's file, packet by packet, up to the empty one that ends it. Nothing is taken apart but headers.
Awaitable<void> Run::send_local_file(ResponseScanner& scanner) {
  BufferPool::Lease chunk = session_.shard.buffers().take();
  const DeadlineScope scope(session_.waiter, Clock::now() + session_.shard.config().timeouts.client_idle);
  protocol::LocalInfileReader file(exchange_.sequence_offset);
  if (session_.client.stream.is_compressed())
    file.count_from(static_cast<uint8_t>(scanner.next_sequence_id() - exchange_.sequence_offset));
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

// The server has broken the protocol. A client that has got something of the answer gets an error behind it,
// if that can be, and is not left to wait for the rest.
Awaitable<void> Run::break_off(ResponseScanner& scanner, size_t ready) {
  server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  session_.shard.logger().error("a server has sent an unexpected packet",
                                {{"node", session_.shard.view().nodes[connection_.node].name}});
  if (!result_.client_has_bytes && ready == 0) co_return;
  result_.client_has_bytes = true;
  if (scanner.within_packet()) co_return;
  const ClientError error = malformed_packet();
  protocol::Buffer last(buffer_.unread().begin(), buffer_.unread().begin() + static_cast<ptrdiff_t>(ready));
  protocol::append_err_packet(last,
                              {.code = error.code, .sql_state = error.sql_state, .message = error.message},
                              scanner.next_sequence_id());
  ErrorCode ignored;
  co_await session_.client.stream.write_all(last, {}, ignored);
}

Awaitable<void> Run::relay() {
  ResponseScanner scanner(exchange_.kind, connection_.capabilities,
                          protocol::count_packets(exchange_.request));
  if (exchange_.sequence_offset != 0) scanner.set_sequence_offset(exchange_.sequence_offset);
  protocol::StatusFlags eof_flags = exchange_.more_results_follow ? protocol::status::kMoreResultsExist : 0;
  eof_flags |= exchange_.add_status;
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
        on_result_end(scan, packet_bytes);
        break;
      case ScanEvent::kErr:
        if (hold_error(scan.packet_payload)) {
          buffer_.consume(scan.pass_bytes + packet_bytes);
          co_return;
        }
        if (is_of_missing_schema(scan.packet_payload)) {
          const uint8_t sequence_id = buffer_.unread()[scan.pass_bytes + 3];
          const protocol::Buffer packet = err_packet(*missing_schema_, sequence_id);
          buffer_.replace(scan.pass_bytes, packet_bytes, packet);
          packet_bytes = packet.size();
          result_.error_code = missing_schema_->code;
        } else if (const auto err = protocol::parse_err_packet(scan.packet_payload)) {
          result_.error_code = err->code;
        }
        result_.is_error = true;
        session_.shard.metrics().statement_errors.add();
        break;
      case ScanEvent::kPrepareOk:
        on_prepared(scan.packet_payload, *exchange_.prepare);
        if (ended_) co_return;
        protocol::set_statement_id(buffer_.unread().subspan(scan.pass_bytes + protocol::kPacketHeaderBytes),
                                   exchange_.prepare->id);
        break;
      case ScanEvent::kEnd:
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
    // More than the response: what the client makes of it nobody knows. An ERR packet is the server's
    // goodbye.
    const Bytes rest = buffer_.unread().subspan(ready);
    if (rest.size() > protocol::kPacketHeaderBytes &&
        rest[protocol::kPacketHeaderBytes] != protocol::kErrHeader) {
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

Awaitable<void> Run::discard() {
  ResponseScanner scanner(exchange_.kind, connection_.capabilities,
                          protocol::count_packets(exchange_.request));
  size_t discarded = 0;
  for (;;) {
    const ScanStep scan = scanner.scan(buffer_.unread());
    const size_t bytes = scan.pass_bytes + scan.packet_bytes;
    buffer_.consume(bytes);
    discarded += bytes;
    if (scan.response_done) {
      if (scan.event == ScanEvent::kOk || scan.event == ScanEvent::kResultSetEnd)
        connection_.status = scan.status_flags;
      co_return;
    }
    if (scan.event == ScanEvent::kMalformed || discarded > kMaxDiscardedBytes) {
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

// The command's packets as this connection is to get them. A prepared statement is prepared there by now.
Bytes Run::command() {
  if (exchange_.prepared == nullptr) return exchange_.request;
  const PreparedCommand& prepared = *exchange_.prepared;
  const routing::Target target = session_.backends.target_of(connection_);
  PreparedThere& there = prepared.statement->there[PreparedStatements::side(target)];
  session_.state.prepared.used(there, target);
  append_long_data_ahead(session_, connection_, exchange_, connection_.out);
  const protocol::ExecuteTarget execute_target{
      .statement_id = there.id, .capabilities = connection_.capabilities, .knows_types = there.knows_types};
  protocol::Buffer payload;
  if (prepared.execute != nullptr && !fits_unchanged(*prepared.execute, execute_target)) {
    // What cannot be read is left to the server to refuse.
    if (!append_com_stmt_execute(payload, *prepared.execute, execute_target)) payload.clear();
  } else if (prepared.bulk != nullptr && !prepared.bulk->has_types() && !there.knows_types) {
    append_com_stmt_bulk_execute(payload, *prepared.bulk, there.id, prepared.statement->types);
  }
  if (payload.empty()) {
    protocol::set_statement_id(prepared.wire.subspan(protocol::kPacketHeaderBytes), there.id);
    return prepared.wire;
  }
  session_.reused.command.clear();
  protocol::append_packets(session_.reused.command, payload, 0);
  return session_.reused.command;
}

void Run::after_prepared_command() {
  PreparedStatement& statement = *exchange_.prepared->statement;
  const routing::Target target = session_.backends.target_of(connection_);
  const bool executed = exchange_.prepared->execute != nullptr || exchange_.prepared->bulk != nullptr;
  // An error may have come before the server took the types.
  if (executed) statement.there[PreparedStatements::side(target)].knows_types = !result_.is_error;
  if (result_.is_error) {
    if (executed) session_.state.prepared.set_cursor(statement, routing::Target::kNone);
    return;
  }
  const bool open = exchange_.kind != protocol::ResponseKind::kExecute &&
                    (connection_.status & protocol::status::kCursorExists) != 0 &&
                    (connection_.status & protocol::status::kLastRowSent) == 0;
  session_.state.prepared.set_cursor(statement, open ? target : routing::Target::kNone);
}

// The statement could be prepared elsewhere and not here: that is the answer to its execute.
Awaitable<void> Run::refuse_execute() {
  if (hold_error(prepare_error_)) co_return;
  const auto sequence_id =
      static_cast<uint8_t>(protocol::count_packets(exchange_.request) + exchange_.sequence_offset);
  session_.client.answer.clear();
  protocol::append_packets(session_.client.answer, prepare_error_, sequence_id);
  ErrorCode error;
  result_.client_has_bytes = true;
  result_.is_error = true;
  result_.next_sequence_id = static_cast<uint8_t>(sequence_id + 1);
  session_.shard.metrics().statement_errors.add();
  co_await session_.client.stream.write_all(session_.client.answer, {}, error);
  end(error ? ExchangeOutcome::kClientLost : ExchangeOutcome::kRelayed);
}

Awaitable<ExchangeResult> Run::run() {
  connection_.out.clear();
  connection_.replied = false;
  Prefix prefix;
  if (needs_prefix(session_, connection_, exchange_))
    prefix = append_prefix(session_, connection_, exchange_);

  const Bytes request = prefix.must_succeed_first ? Bytes{} : command();
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
    const Bytes now = command();
    const Bytes ahead_of_it = connection_.out;
    if (!send_now(ahead_of_it, now, written)) co_await send_rest(ahead_of_it, now, written);
    if (ended_) co_return result_;
  }
  if (!failed) {
    co_await relay();
    if (exchange_.prepared != nullptr && result_.outcome == ExchangeOutcome::kRelayed)
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

}  // namespace

Awaitable<ExchangeResult> run_exchange(ClientSession& session, BackendConnection& connection,
                                       const Exchange& exchange) {
  Run run(session, connection, exchange);
  const InFlightScope in_flight(session, connection);
  const ExchangeResult result = co_await run.run();
  co_return result;
}

}  // namespace causeway::proxy
