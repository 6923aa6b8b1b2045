#include "proxy/backend/global_probe.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <utility>

#include "consistency/wait_statement.h"
#include "protocol/command.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {

using consistency::Position;
using consistency::PositionKind;
using consistency::WriterPosition;
using consistency::WriterProbe;

namespace {

// How long a question waits at most for reads that may share it.
constexpr std::chrono::microseconds kMaxGathering{500};

std::vector<std::optional<std::string_view>> columns_of(const AskedRow& row) {
  return {row.values.begin(), row.values.end()};
}

}  // namespace

GlobalProbe::GlobalProbe(Shard& shard) : shard_(shard), gathered_(shard.io()) {}

Awaitable<std::optional<WriterPosition>> GlobalProbe::position(Waiter& waiter) {
  const WriterProbe::Ticket ticket = probe_.join();
  shard_.metrics().consistency.probe_reads.add();
  if (!asking_ && probe_.should_send()) {
    asking_ = true;
    asio::co_spawn(shard_.io(), ask(), asio::detached);
  } else if (gathering_ && probe_.worth_sending(reads_under_way_)) {
    gathered_.cancel();
  }
  while (probe_.state(ticket) == WriterProbe::State::kPending && !waiter.gives_up()) {
    waiting_.push_back(&waiter);
    waiter.wake_up.reset();
    co_await waiter.wake_up.wait();
    std::erase(waiting_, &waiter);
  }
  if (probe_.state(ticket) != WriterProbe::State::kAnswered) co_return std::nullopt;
  // The answer is the former writer's, whose positions may mean nothing now.
  if (answered_by_ != shard_.cluster().view().writer_epoch) co_return std::nullopt;
  co_return probe_.position();
}

void GlobalProbe::settle() {
  for (Waiter* waiter : waiting_)
    waiter->wake_up.set();
}

void GlobalProbe::writer_changed() {
  if (in_flight_ != nullptr) in_flight_->stream.cancel();
}

void GlobalProbe::on_tick(Clock::time_point now) {
  if (in_flight_ != nullptr && now - asked_at_ > shard_.config().timeouts.connect)
    in_flight_->stream.cancel();
}

Awaitable<void> GlobalProbe::gather() {
  gathering_ = true;
  gathered_.expires_after(kMaxGathering);
  ErrorCode error;
  co_await gathered_.async_wait(await_into(error));
  gathering_ = false;
}

// Runs for as long as somebody waits. The answer to a question that was sent before the writer changed is the
// old writer's.
Awaitable<void> GlobalProbe::ask() {
  while (probe_.should_send()) {
    if (!probe_.worth_sending(reads_under_way_)) co_await gather();
    const uint64_t writer_epoch = shard_.cluster().view().writer_epoch;
    const uint64_t epoch = probe_.sent();
    shard_.metrics().consistency.probes_sent.add();
    asked_at_ = Clock::now();
    std::optional<WriterPosition> answer = co_await question();
    in_flight_ = nullptr;
    if (answer && went_back(answer->executed)) {
      shard_.suspect(connection_->node);
      answered_by_ = 0;
      answer.reset();
    }
    if (answer && shard_.cluster().view().writer_epoch == writer_epoch) {
      answered_by_ = writer_epoch;
      probe_.completed(epoch, std::move(*answer));
    } else {
      connection_.reset();
      probe_.failed(epoch);
    }
    settle();
  }
  asking_ = false;
}

// Coordinates are of the log of the server that was asked.
Position GlobalProbe::with_owner(Position position, size_t node) {
  const auto* coordinates = position.binlog_coordinates();
  if (coordinates == nullptr) return position;
  const ServerIdentity& writer = shard_.cluster().view().nodes[node].identity;
  auto owned = consistency::BinlogCoordinates::make(coordinates->file(), coordinates->offset(),
                                                    binlog_owner(writer.uuid, writer.server_id));
  return owned ? Position(std::move(*owned)) : Position();
}

// The writer's log was reset, and the monitor has not noticed yet: what is known of replicas is more by the
// numbers. (MariaDB's polls tell of other domains too than those in its binary log.)
bool GlobalProbe::went_back(const Position& executed) {
  const ClusterView& view = shard_.cluster().view();
  const NodeView* writer = view.writer_node();
  if (answered_by_ == view.writer_epoch && !executed.contains(probe_.position().executed)) return true;
  return writer != nullptr && executed.kind() != PositionKind::kMariadbGtid &&
         !executed.contains(writer->executed);
}

Awaitable<bool> GlobalProbe::connect(size_t node) {
  if (connection_ && connection_->node == node && shard_.cluster().is_current(*connection_)) co_return true;
  connection_.reset();
  const auto key =
      std::make_shared<const PoolKey>(PoolKey{.user = shard_.config().monitor.user,
                                              .capabilities = protocol::capability::kDeprecateEof,
                                              .collation = 45,
                                              .credentials_version = 0});
  MonitorAccount& account = *shard_.services().monitor_account;
  const MonitorAccount::CredentialsPtr credentials = account.credentials();
  ConnectResult opened = co_await connect_backend(shard_, node, key, *credentials, in_flight_);
  if (!opened.connection) {
    writer_is_there_ = opened.refusal.has_value();
    if (opened.access_denied) account.refused();
    shard_.logger().warning("cannot ask the writer for its position",
                            {{"node", shard_.cluster().view().nodes[node].name}, {"reason", opened.reason}});
    co_return false;
  }
  connection_ = std::move(opened.connection);
  co_return true;
}

// Of the answer to the next of the questions that were sent.
Awaitable<std::optional<AskedRow>> GlobalProbe::next_row() {
  const RowLimits limits{.max_packet_bytes = kMaxAnswerBytes};
  Answer<AskedRow> row = co_await read_row(*connection_, limits);
  if (row || row.error().answered) writer_is_there_ = true;
  if (!row) co_return std::nullopt;
  co_return std::move(*row);
}

// Coordinates cannot be asked for together with anything else. MariaDB has GTIDs, whatever its replicas use.
Awaitable<std::optional<WriterPosition>> GlobalProbe::question() {
  writer_is_there_ = false;
  const ClusterView& view = shard_.cluster().view();
  if (!view.has_writer()) co_return std::nullopt;
  const NodeIndex node = view.writer;
  const PositionKind kind = view.position_kind;
  const bool check_apart = kind == PositionKind::kBinlogCoordinates;
  const bool has_gtids = check_apart && view.flavor == ServerFlavor::kMariadb;
  const std::string_view sql = consistency::probe_statement(kind, shard_.cluster().wait_dialect(node));
  if (sql.empty()) co_return std::nullopt;
  const bool connected = co_await connect(node);
  if (!connected) co_return std::nullopt;

  in_flight_ = connection_.get();
  const protocol::CapabilityFlags capabilities = connection_->capabilities;
  protocol::Buffer& out = connection_->out;
  out.clear();
  protocol::append_command(out, protocol::Command::kQuery, sql, capabilities);
  if (check_apart) {
    const std::string_view check =
        has_gtids
            ? consistency::probe_statement(PositionKind::kMariadbGtid, shard_.cluster().wait_dialect(node))
            : consistency::writer_check_statement();
    protocol::append_command(out, protocol::Command::kQuery, check, capabilities);
  }
  const Answer<void> sent = co_await send_commands(*connection_, out);
  if (!sent) co_return std::nullopt;

  const std::optional<AskedRow> row = co_await next_row();
  if (!row) co_return std::nullopt;
  const std::string_view server_uuid = shard_.cluster().view().nodes[node].identity.uuid;
  auto position = consistency::parse_probe_row(kind, columns_of(*row), server_uuid);
  bool is_writer = position || position.error() != consistency::PositionError::kNotWritable;
  if (check_apart) {
    const std::optional<AskedRow> check = co_await next_row();
    if (!check) co_return std::nullopt;
    is_writer = consistency::is_writable(columns_of(*check).back());
    if (has_gtids && is_writer) {
      auto gtids = consistency::parse_probe_row(PositionKind::kMariadbGtid, columns_of(*check), {});
      gtids_ = gtids ? std::move(gtids->executed) : Position();
    }
  }
  if (!is_writer) shard_.suspect(node);
  if (!is_writer || !position) co_return std::nullopt;
  position->executed = with_owner(std::move(position->executed), node);
  co_return std::move(*position);
}

}  // namespace causeway::proxy
