#include "proxy/statement/statement_run.h"

#include "proxy/statement/statement_run_state.h"

namespace causeway::proxy {

Awaitable<RunOutcome> run_statement(SessionParts session, const ClientCommand& command,
                                    const routing::Decision& decision) {
  RunningStatement running(session, command, decision);
  const RunOutcome outcome = co_await running.run();
  co_return outcome;
}

}  // namespace causeway::proxy
