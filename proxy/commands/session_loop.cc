#include "proxy/commands/session_loop.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "protocol/command.h"
#include "protocol/packet_reader.h"
#include "protocol/protocol_error.h"
#include "proxy/backend/shard.h"
#include "proxy/base/free_memory.h"
#include "proxy/commands/client_login.h"
#include "proxy/commands/session_commands.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_end.h"
#include "proxy/session/session_leases.h"
#include "proxy/statement/transaction_status.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using protocol::PacketStatus;

// A client's next command: in a few bytes of its own, which is where most fit and what an idle session waits
// with; else in a pooled buffer, else in one of the command's size, bounded by limits.max_packet_bytes.
class CommandBuffer {
 public:
  explicit CommandBuffer(BufferPool& pool) : pool_(pool) {}

  bool empty() const { return end_ == 0; }
  std::span<uint8_t> bytes() { return {data(), end_}; }
  std::span<uint8_t> room() { return {data() + end_, size() - end_}; }
  void added(size_t bytes) { end_ += bytes; }

  // Makes room for a command of this many bytes in all, and for one more.
  void reserve(size_t total) {
    if (total < size()) return;
    if (total < BufferPool::kBufferBytes) {
      pooled_ = pool_.take();
      std::memcpy(pooled_.data(), small_.data(), end_);
      return;
    }
    // Headers are believed step by step: who announces 64 MiB has to send some of it first.
    protocol::Buffer larger(std::min(total + 1, std::max(size() * 2, BufferPool::kBufferBytes * 2)));
    std::memcpy(larger.data(), data(), end_);
    large_ = std::move(larger);
    pooled_.release();
  }

  // Drops a command that was answered; what the client has sent behind it stays.
  void consume(size_t total) {
    const size_t rest = end_ - total;
    if (rest > 0) std::memmove(data(), data() + total, rest);
    end_ = rest;
    if (rest > 0) return;
    pooled_.release();
    large_ = protocol::Buffer();
  }

 private:
  static constexpr size_t kSmallBytes = 512;

  uint8_t* data() { return !large_.empty() ? large_.data() : pooled_ ? pooled_.data() : small_.data(); }
  size_t size() const {
    return !large_.empty() ? large_.size() : pooled_ ? BufferPool::Lease::size() : kSmallBytes;
  }

  BufferPool& pool_;
  std::array<uint8_t, kSmallBytes> small_{};
  BufferPool::Lease pooled_;
  protocol::Buffer large_;
  size_t end_ = 0;
};

// Of the statements of one packet, for the next one.
constexpr size_t kKeptStatements = 16;

// A dump is as long in its transaction as it likes.
bool has_transaction_to_give_up(const ClientSession& session) {
  return session.state.transaction.is_on(routing::Target::kWriter) &&
         session.listener.purpose == ListenerPurpose::kStatements;
}

Clock::duration idle_limit(const ClientSession& session) {
  const Config& config = session.shard.config();
  if (has_transaction_to_give_up(session)) return config.forwarding.aurora_fwd_writer_idle_timeout;
  return config.timeouts.client_idle;
}

// Its wait_timeout, if it has set one.
Clock::duration own_idle_limit(const ClientSession& session) {
  return session.state.wait_timeout.count() > 0 ? Clock::duration(session.state.wait_timeout)
                                                : Clock::duration::max();
}

Clock::time_point idle_deadline(const ClientSession& session) {
  return Clock::now() + std::min(idle_limit(session), own_idle_limit(session));
}

// Makes the metrics' gauges say what the session is now. Behind every command.
void count_session(ClientSession& session) {
  const CountedSession now = counted_as(session.state, session.backends, session.activity.logged_in);
  session.activity.counted.recount(session.shard.metrics().clients, now);
}

// The transaction was idle for too long: its locks are freed by closing the connection it runs on.
void give_up_idle_transaction(ClientSession& session) {
  Shard& shard = session.shard;
  if (session.backends.writer)
    shard.pool(session.backends.writer.connection->node)
        .close(*session.backends.writer.connection, CloseReason::kIdleTransaction);
  session.state.transaction.idle_for_too_long();
  count_session(session);
  shard.metrics().forwarding.errors_session_timeout.add();
  shard.logger().warning("an idle transaction was rolled back",
                         {{"session", std::to_string(session.id)}, {"user", session.identity.user}});
}

// What a client is told that breaks the rules of compressed packets; of these nothing can be read any more.
std::optional<ClientError> refusal_of_frame(const ErrorCode& error) {
  if (error == protocol::ProtocolError::kSequence) return packets_out_of_order();
  if (error == protocol::ProtocolError::kMalformed) return packet_not_uncompressed();
  return std::nullopt;
}

// No command has come, for whatever reason: the session ends, or gives up its transaction instead of waiting
// for the client any longer.
Awaitable<std::optional<EndReason>> on_no_command(ClientSession& session, ErrorCode error) {
  if (const auto refusal = refusal_of_frame(error)) {
    co_await answer_error(session, 1, *refusal);
    co_return EndReason::kMalformedPackets;
  }
  if (session.waiter.closing) {
    const ClientError goodbye = shutting_down();
    if (session.shard.services().draining) co_await answer_error(session, 0, goodbye);
    co_return EndReason::kShutDown;
  }
  if (!session.waiter.timed_out) co_return EndReason::kClientGone;
  if (own_idle_limit(session) <= idle_limit(session)) {
    // MariaDB says nothing.
    const ClientError goodbye = wait_timeout_over();
    if (session.shard.cluster().view().flavor == ServerFlavor::kMysql)
      co_await answer_error(session, 0, goodbye);
    co_return EndReason::kWaitTimeout;
  }
  if (has_transaction_to_give_up(session)) {
    if (session.state.transaction.doubt() != routing::TransactionDoubt::kNone)
      co_await learn_transaction_status(session);
    if (session.state.transaction.is_on(routing::Target::kWriter)) give_up_idle_transaction(session);
    co_return std::nullopt;
  }
  const ClientError goodbye = idle_too_long(session.shard.config().timeouts.client_idle);
  co_await answer_error(session, 0, goodbye);
  co_return EndReason::kIdle;
}

void begin_command(ClientSession& session, Bytes payload) {
  session.activity.command =
      payload.empty() ? protocol::Command::kSleep : static_cast<protocol::Command>(payload[0]);
  session.activity.since = session.shard.cluster().tick();
}

void end_command(ClientSession& session) {
  count_session(session);
  shrink(session.client.scratch);
  shrink(session.client.answer);
  shrink(session.reused.command);
  shrink(session.reused.sql);
  if (session.reused.classified.statements.size() > kKeptStatements)
    session.reused.classified = routing::Classified();
  session.activity.command = protocol::Command::kSleep;
  session.activity.since = session.shard.cluster().tick();
  session.activity.statement_text = {};
}

bool leaves(Bytes payload) {
  return !payload.empty() && static_cast<protocol::Command>(payload[0]) == protocol::Command::kQuit;
}

// The rare command of 16 MiB and more. False: the session ends.
Awaitable<bool> answer_split_command(ClientSession& session, std::span<uint8_t> wire) {
  protocol::Buffer assembled;
  protocol::assemble(wire, assembled);
  const bool open = co_await run_command(session, assembled, wire);
  co_return open;
}

Awaitable<bool> run_received(ClientSession& session, const PacketStatus& packet, std::span<uint8_t> wire) {
  return packet.split ? answer_split_command(session, wire) : run_command(session, packet.payload, wire);
}

// Of what cannot be read as a command.
Awaitable<EndReason> refuse_packet(ClientSession& session, PacketStatus::State state) {
  const bool too_large = state == PacketStatus::State::kTooLarge;
  const ClientError error =
      too_large ? packet_too_large(session.shard.config().limits.max_packet_bytes) : packets_out_of_order();
  co_await answer_error(session, 1, error);
  co_return too_large ? EndReason::kPacketTooLarge : EndReason::kMalformedPackets;
}

Awaitable<EndReason> answer_commands(ClientSession& session) {
  CommandBuffer buffer(session.shard.buffers());
  const size_t max_payload = session.shard.config().limits.max_packet_bytes;
  end_command(session);
  while (!session.waiter.closing) {
    // Of compressed packets servers look at the outer sequence ids only, and Connector/J counts the inner
    // ones wrong.
    if (session.client.stream.is_compressed()) protocol::renumber_packets(buffer.bytes());
    const PacketStatus packet = protocol::peek_packet(buffer.bytes(), 0, max_payload);
    if (packet.state == PacketStatus::State::kNeedMore) {
      if (buffer.empty() && session.shard.services().draining && session.state.may_end()) {
        const ClientError goodbye = shutting_down();
        co_await answer_error(session, 0, goodbye);
        co_return EndReason::kShutDown;
      }
      if (buffer.empty()) session.client.stream.begin_command();
      buffer.reserve(packet.total_bytes);
      ErrorCode error;
      const std::span<uint8_t> room = buffer.room();
      size_t got = 0;
      {
        const DeadlineScope scope(session.waiter, idle_deadline(session));
        got = co_await session.client.stream.read_some(room, error);
      }
      if (got == 0) {
        const std::optional<EndReason> end = co_await on_no_command(session, error);
        if (end) co_return *end;
        continue;
      }
      buffer.added(got);
      session.shard.metrics().traffic.client_bytes_in.add(got);
      continue;
    }
    if (packet.state != PacketStatus::State::kComplete) {
      const EndReason reason = co_await refuse_packet(session, packet.state);
      co_return reason;
    }
    if (leaves(packet.payload)) co_return EndReason::kQuit;
    begin_command(session, packet.payload);
    const bool open = co_await run_received(session, packet, buffer.bytes().first(packet.total_bytes));
    end_command(session);
    if (!open) co_return EndReason::kClientGone;
    buffer.consume(packet.total_bytes);
  }
  co_return EndReason::kShutDown;
}

}  // namespace

Awaitable<void> run_client_session(ClientSession& session) {
  const std::optional<EndReason> refused = co_await log_in_client(session);
  if (refused) {
    session.end.because(*refused);
  } else {
    session.activity.logged_in = true;
    const EndReason reason = co_await answer_commands(session);
    session.end.because(reason);
  }
  give_back(session.shard, session.state, session.backends, CloseReason::kSessionEnds);
}

}  // namespace causeway::proxy
