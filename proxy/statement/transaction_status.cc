#include "proxy/statement/transaction_status.h"

#include "protocol/command.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/shard.h"
#include "proxy/session/session_tracking.h"

namespace causeway::proxy {
namespace {

// COM_SET_OPTION with what is set already. COM_PING would change ROW_COUNT(), and so would any statement.
Awaitable<Answer<AskedOk>> ask(BackendConnection& connection) {
  connection.out.clear();
  protocol::append_com_set_option(connection.out, connection.state.multi_statements);
  const Answer<void> sent = co_await send_commands(connection, connection.out);
  if (!sent) co_return sent.error();
  Answer<AskedOk> answer = co_await read_ok(connection);
  co_return answer;
}

}  // namespace

Awaitable<void> learn_transaction_status(SessionParts session) {
  Shard& shard = session.shard;
  if (!session.backends.writer) co_return;
  BackendPool& pool = shard.pool(session.backends.writer.connection->node);
  PooledConnection connection = pool.take_own(session.backends.writer);
  if (!connection) co_return;
  const AskScope scope(session.waiter, session.backends.in_flight, *connection,
                       shard.config().timeouts.connect);
  const Answer<AskedOk> answer = co_await ask(*connection);
  if (!answer) co_return;
  if (session.state.pins.unreported && !connection->server.mariadb) {
    session.state.pins.untrackable |= reports_state_change(answer->ok);
    session.state.pins.unreported = false;
  }
  const protocol::StatusFlags status = answer->ok.status_flags;
  connection->state.status = status;
  session.state.transaction.flag_says_autocommit((status & protocol::status::kAutocommit) != 0);
  session.state.transaction.on_status(routing::Target::kWriter,
                                      (status & protocol::status::kInTransaction) != 0);
  connection->keep = true;
  connection.put_back();
}

}  // namespace causeway::proxy
