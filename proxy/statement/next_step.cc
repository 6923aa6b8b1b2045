#include "proxy/statement/next_step.h"

#include "protocol/protocol_error.h"

namespace causeway::proxy {

using consistency::AfterWait;
using routing::ReadMiss;
using Connection = NextStep::Connection;
using What = NextStep::What;

namespace {

// The server has broken the protocol: it would do so again.
bool broke_protocol(const ExchangeResult& result) {
  return result.error == make_error_code(protocol::ProtocolError::kUnexpectedPacket);
}

NextStep after_failed_wait(const ExchangeResult& result, const AfterReadFacts& facts, Connection leave) {
  switch (consistency::after_wait(result.wait_verdict, facts.policy)) {
    case AfterWait::kError:
      return {.what = What::kNotInTime, .connection = leave};
    case AfterWait::kRunOnWriter:
      return {.what = What::kRunOnWriter, .connection = leave};
    case AfterWait::kUseResult:
    case AfterWait::kUseStale:
      break;
  }
  return {.what = What::kStale, .connection = leave};
}

NextStep after_lost_replica(const ExchangeResult& result, const AfterReadFacts& facts) {
  if (facts.closing) return {.what = What::kEnd, .connection = Connection::kAbort};
  NextStep next{.what = What::kMissed, .connection = Connection::kClose, .suspect = true};
  if (result.client_has_bytes) {
    next.what = What::kEnd;
  } else if (facts.bound) {
    next.what = What::kLost;
  }
  // A server that does not even end a wait has not come to the read behind it. A login must not fail for the
  // USE that goes with it.
  if (facts.timed_out || !result.command_taken || facts.is_use) {
    next.miss = ReadMiss::kNotTaken;
  } else if (result.error == asio::error::operation_aborted) {
    next.miss = ReadMiss::kGivenUp;
  }
  return next;
}

// What was not sent; and a read that the server had closed to before, or that was answered before, once: any
// other one may be what the connection was killed for, or what the server died of.
bool may_run_again(const ExchangeResult& result, const AfterWriteFacts& facts) {
  if (facts.bound || facts.begins || result.client_has_bytes || broke_protocol(result) || !facts.in_time)
    return false;
  if (!result.command_sent) return true;
  if (facts.writes) return false;
  return !result.command_taken || (!facts.sent_again && facts.is_repetition);
}

}  // namespace

NextStep after_read(const ExchangeResult& result, const AfterReadFacts& facts) {
  const Connection leave = facts.spent ? Connection::kClose : Connection::kBack;
  switch (result.outcome) {
    case ExchangeOutcome::kRelayed:
      return {.what = What::kAnswered, .connection = Connection::kUsed};
    case ExchangeOutcome::kClientLost:
      return {.what = What::kEnd, .connection = Connection::kAbort};
    case ExchangeOutcome::kReadOnlyNode:
      if (facts.calls) return {.what = What::kReadOnlyTransaction, .connection = Connection::kUsed};
      if (!facts.forwards) return {.what = What::kReadOnlyServer, .connection = leave};
      return {.what = What::kMissed, .connection = leave, .miss = ReadMiss::kWrite};
    case ExchangeOutcome::kUnknownThere:
      return {.what = What::kMissed, .connection = leave, .miss = ReadMiss::kUnknownThere};
    case ExchangeOutcome::kShuttingDown:
      return {.what = What::kMissed,
              .connection = Connection::kClose,
              .suspect = true,
              .miss = ReadMiss::kShutdown};
    case ExchangeOutcome::kStateRefused:
      if (facts.bound) return {.what = What::kRefused, .connection = Connection::kClose};
      return {.what = What::kMissed, .connection = Connection::kClose, .miss = ReadMiss::kStateRefused};
    case ExchangeOutcome::kWaitFailed:
      return after_failed_wait(result, facts, leave);
    case ExchangeOutcome::kServerLost:
      return after_lost_replica(result, facts);
  }
  return {};
}

NextStep after_write(const ExchangeResult& result, const AfterWriteFacts& facts) {
  switch (result.outcome) {
    case ExchangeOutcome::kRelayed:
      return {.what = What::kAnswered, .connection = Connection::kUsed};
    case ExchangeOutcome::kClientLost:
      return {.what = What::kEnd, .connection = Connection::kAbort};
    case ExchangeOutcome::kStateRefused:
      if (result.schema_refused && !facts.bound && !facts.without_schema)
        return {.what = What::kWithoutSchema, .connection = Connection::kClose};
      return {.what = What::kRefused, .connection = Connection::kClose};
    case ExchangeOutcome::kReadOnlyNode: {
      const What elsewhere = facts.in_time ? What::kAwaitWriter : What::kNoWriter;
      return {
          .what = facts.bound ? What::kLost : elsewhere, .connection = Connection::kClose, .suspect = true};
    }
    case ExchangeOutcome::kServerLost:
      if (facts.closing) return {.what = What::kEnd, .connection = Connection::kAbort};
      return {.what = may_run_again(result, facts) ? What::kAgain : What::kLost,
              .connection = Connection::kClose,
              .suspect = true};
    case ExchangeOutcome::kWaitFailed:
      // What was sent behind the check may have begun a transaction.
      return {.what = What::kNotInTime, .connection = Connection::kClose};
    case ExchangeOutcome::kUnknownThere:
    case ExchangeOutcome::kShuttingDown:
      break;  // asked for by nobody
  }
  return {};
}

}  // namespace causeway::proxy
