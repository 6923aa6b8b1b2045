#include "proxy/session/session_token.h"

#include "proxy/backend/global_probe.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {

using consistency::Position;
using consistency::PositionKind;
using consistency::SessionHistory;

namespace {

void tell_not_there(Shard& shard, const NodeView& writer) {
  shard.metrics().consistency.tokens_dropped.add();
  shard.logger().warning("a position was dropped: the new writer does not have it",
                         {{"writer", writer.name}});
}

void tell_not_comparable(Shard& shard, const NodeView& writer) {
  shard.metrics().consistency.tokens_not_comparable.add();
  shard.logger().warning(
      "what a session wrote to a former writer may be lost: its position says nothing to the new one",
      {{"writer", writer.name}});
}

bool of_another_log(const Position& position, const Position& writer) {
  const auto* handed = position.binlog_coordinates();
  const auto* own = writer.binlog_coordinates();
  return handed != nullptr && (own == nullptr || handed->owner() != own->owner());
}

}  // namespace

void check_token(Shard& shard, SessionHistory& history) {
  const ClusterView& view = shard.cluster().view();
  const NodeView* writer = view.writer_node();
  if (writer == nullptr) return;
  switch (history.on_writer(view.writer_epoch, writer->executed)) {
    case SessionHistory::Kept::kAll:
      break;
    case SessionHistory::Kept::kNotThere:
      return tell_not_there(shard, *writer);
    case SessionHistory::Kept::kNotComparable:
      return tell_not_comparable(shard, *writer);
  }
}

Awaitable<HandedPosition> take_position(SessionParts session, const Position& position) {
  if (position.empty()) co_return HandedPosition::kTaken;
  Shard& shard = session.shard;
  const ClusterView& view = shard.cluster().view();
  // MariaDB tells the GTIDs of writes even where replicas do not use them.
  const bool gtids_beside = view.flavor == ServerFlavor::kMariadb &&
                            view.position_kind == PositionKind::kBinlogCoordinates &&
                            position.kind() == PositionKind::kMariadbGtid;
  if (view.position_kind != PositionKind::kNone && position.kind() != view.position_kind && !gtids_beside)
    co_return HandedPosition::kOtherKind;
  const NodeView* writer = view.writer_node();
  if (writer != nullptr && writer->executed.contains(position)) {
    session.history.was_handed(position);
    co_return HandedPosition::kTaken;
  }
  const Position* last_known = shard.cluster().last_known_writer_position();
  if (last_known != nullptr && of_another_log(position, *last_known)) {
    session.history.was_handed_something();
    co_return HandedPosition::kTaken;
  }
  std::optional<consistency::WriterPosition> asked;
  {
    const DeadlineScope scope(session.waiter, Clock::now() + *session.listener.read_wait_timeout);
    asked = co_await shard.probe().position(session.waiter);
  }
  const Position* now = asked ? &asked->executed : nullptr;
  if (now != nullptr && gtids_beside) now = &shard.probe().gtids();
  if (now != nullptr && of_another_log(position, *now)) {
    session.history.was_handed_something();
    co_return HandedPosition::kTaken;
  }
  if (now != nullptr && !now->contains(position)) co_return HandedPosition::kNotThere;
  // Without the writer's word the replicas' will do: they wait for it, and time out if it never comes.
  session.history.was_handed(position);
  co_return HandedPosition::kTaken;
}

}  // namespace causeway::proxy
