// The state of one exchange. Of no interest outside exchange_run.cc, which goes through the phases, and the
// files that hold one each: prefix_answers.cc, prepared_exchange.cc, result_end.cc, local_file.cc,
// binlog_relay.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "consistency/wait_statement.h"
#include "protocol/binlog_stream.h"
#include "protocol/response_scanner.h"
#include "proxy/backend/shard.h"
#include "proxy/net/response_buffer.h"
#include "proxy/statement/exchange.h"
#include "proxy/statement/exchange_prefix.h"
#include "proxy/statement/log_attachment.h"

namespace causeway::proxy {

class ExchangeRun {
 public:
  ExchangeRun(SessionParts session, BackendConnection& connection, const ClientCommand& command,
              const Placement& placement)
      : session_(session),
        connection_(connection),
        command_(command),
        placement_(placement),
        buffer_(session.shard.buffers()) {}

  Awaitable<ExchangeResult> run();

 private:
  // What nearly always succeeds at once is tried without a coroutine. False: the second has to do the rest.
  bool send_now(protocol::Bytes ahead, protocol::Bytes request, size_t& written);
  Awaitable<void> send_rest(protocol::Bytes ahead, protocol::Bytes request, size_t written);
  bool flush_now(size_t bytes, size_t& written);
  Awaitable<void> flush_rest(size_t bytes, size_t written);

  Awaitable<size_t> read_some(ErrorCode& error) {
    return connection_.stream.read_some(buffer_.room(), error);
  }
  bool on_read(size_t got, ErrorCode error);
  Awaitable<void> read_prefix_answer(PrefixStep step);
  Awaitable<void> send_local_file(protocol::ResponseScanner& scanner);
  Awaitable<void> relay();
  Awaitable<void> relay_binlog();
  Awaitable<void> relay_events();
  bool may_hold_back(const protocol::BinlogStreamScanner& scanner, size_t whole, size_t scanned);
  Awaitable<void> break_off(protocol::ResponseScanner& scanner, size_t ready);
  Awaitable<void> discard();

  void on_prefix_ok(PrefixStep step, const protocol::ScanStep& scan);
  void on_late_report(protocol::Bytes payload);
  void on_statement_replayed();
  void on_writer_check(consistency::WriterCheck check);
  void on_prefix_value(PrefixStep step, std::optional<std::string_view> value);
  void on_prepare_error(protocol::Bytes payload);
  void on_prefix_error(PrefixStep step, protocol::Bytes payload);
  void on_prepared(protocol::Bytes payload, PreparedStatement& statement);
  void on_prepared_ahead(PrefixStep step, protocol::Bytes payload);
  const std::string& former_schema() const;
  protocol::Bytes packets();
  void after_prepared_command();
  Awaitable<void> refuse_execute();
  bool hold_error(protocol::Bytes payload);
  void on_packet(const protocol::ScanStep& scan, size_t& packet_bytes);
  bool may_go_without_schema() const;
  bool is_of_missing_schema(protocol::Bytes payload) const;
  void on_result_end(const protocol::ScanStep& scan, size_t& packet_bytes);
  void note_last_insert_id(const protocol::ScanStep& scan, uint64_t last_insert_id);
  void on_error(const protocol::ScanStep& scan, size_t& packet_bytes);
  bool is_overlong(size_t ready);
  void server_lost(ErrorCode error);
  bool attach();
  Awaitable<void> refuse_stream();
  // As on_read(), but that a stream that was told to end may go on until it can.
  bool on_events_read(size_t got, const ErrorCode& error);
  void note_passed(const protocol::BinlogStreamState& now);
  void on_stream_error(const protocol::BinlogScanStep& step, const protocol::BinlogStreamScanner& scanner,
                       size_t& bytes);
  void on_malformed_stream(const protocol::BinlogStreamScanner& scanner, protocol::ProtocolError error);
  // Of a stream. Whoever cancels a read finds none where something has just come.
  bool is_stream_over() const { return session_.waiter.closing || session_.waiter.timed_out || client_lost_; }
  bool on_writer() const { return session_.backends.target_of(connection_) == routing::Target::kWriter; }
  protocol::StatusFlags added_status() const {
    return static_cast<protocol::StatusFlags>(command_.add_status | placement_.add_status);
  }
  void end(ExchangeOutcome outcome) {
    result_.outcome = outcome;
    ended_ = true;
  }

  SessionParts session_;
  BackendConnection& connection_;
  const ClientCommand& command_;
  const Placement& placement_;
  ResponseBuffer buffer_;
  ExchangeResult result_;
  bool ended_ = false;
  // Of a stream.
  bool client_lost_ = false;  // found by whoever reads from it
  std::optional<LogAttachment> attachment_;
  ClientError stream_refusal_;
  uint64_t counted_bytes_ = 0;
  uint64_t counted_transactions_ = 0;
  std::optional<ClientError> refusal_;
  std::optional<ClientError> missing_schema_;  // why the session's schema was refused, and it goes without it
  bool wait_failed_ = false;
  bool not_the_writer_ = false;     // of check_writer, or a BEGIN that it refuses
  protocol::Buffer prepare_error_;  // why the statement of an execute cannot be prepared there
};

}  // namespace causeway::proxy
