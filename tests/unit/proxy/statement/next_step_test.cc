#include "proxy/statement/next_step.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/protocol_error.h"

namespace causeway::proxy {
namespace {

using consistency::TimeoutPolicy;
using consistency::WaitVerdict;
using routing::ReadMiss;
using Outcome = ExchangeOutcome;

std::string miss_name(ReadMiss miss) {
  switch (miss) {
    case ReadMiss::kNotTaken:
      return "not taken";
    case ReadMiss::kRefused:
      return "refused";
    case ReadMiss::kStateRefused:
      return "state refused";
    case ReadMiss::kUnknownThere:
      return "unknown there";
    case ReadMiss::kWrite:
      return "write";
    case ReadMiss::kLost:
      return "lost";
    case ReadMiss::kGivenUp:
      return "given up";
    case ReadMiss::kShutdown:
      return "shutdown";
  }
  return "";
}

std::string what_name(const NextStep& next) {
  switch (next.what) {
    case NextStep::What::kAnswered:
      return "answered";
    case NextStep::What::kMissed:
      return "missed: " + miss_name(next.miss);
    case NextStep::What::kAgain:
      return "again";
    case NextStep::What::kWithoutSchema:
      return "without schema";
    case NextStep::What::kAwaitWriter:
      return "await writer";
    case NextStep::What::kNoWriter:
      return "no writer";
    case NextStep::What::kStale:
      return "stale";
    case NextStep::What::kRunOnWriter:
      return "on the writer";
    case NextStep::What::kNotInTime:
      return "not in time";
    case NextStep::What::kRefused:
      return "refused";
    case NextStep::What::kReadOnlyServer:
      return "read-only server";
    case NextStep::What::kReadOnlyTransaction:
      return "read-only transaction";
    case NextStep::What::kLost:
      return "lost";
    case NextStep::What::kEnd:
      return "end";
  }
  return "";
}

std::string connection_name(NextStep::Connection connection) {
  switch (connection) {
    case NextStep::Connection::kUsed:
      return "used";
    case NextStep::Connection::kBack:
      return "back";
    case NextStep::Connection::kClose:
      return "close";
    case NextStep::Connection::kAbort:
      return "abort";
  }
  return "";
}

// "what, connection" and ", suspect" where it is.
std::string text(const NextStep& next) {
  return what_name(next) + ", " + connection_name(next.connection) + (next.suspect ? ", suspect" : "");
}

TEST(NextStep, OfAReadOnAReplica) {
  const struct {
    ExchangeResult result;
    AfterReadFacts facts;
    const char* next;
  } table[] = {
      {{.outcome = Outcome::kRelayed}, {}, "answered, used"},
      {{.outcome = Outcome::kRelayed}, {.bound = true, .spent = true, .closing = true}, "answered, used"},
      {{.outcome = Outcome::kClientLost}, {}, "end, abort"},
      {{.outcome = Outcome::kClientLost}, {.bound = true, .spent = true}, "end, abort"},

      // It writes, after all.
      {{.outcome = Outcome::kReadOnlyNode}, {}, "missed: write, back"},
      {{.outcome = Outcome::kReadOnlyNode}, {.spent = true}, "missed: write, close"},
      {{.outcome = Outcome::kReadOnlyNode}, {.forwards = false}, "read-only server, back"},
      {{.outcome = Outcome::kReadOnlyNode}, {.forwards = false, .spent = true}, "read-only server, close"},
      {{.outcome = Outcome::kReadOnlyNode}, {.bound = true, .calls = true}, "read-only transaction, used"},

      {{.outcome = Outcome::kUnknownThere}, {}, "missed: unknown there, back"},
      {{.outcome = Outcome::kUnknownThere}, {.spent = true}, "missed: unknown there, close"},
      {{.outcome = Outcome::kShuttingDown}, {}, "missed: shutdown, close, suspect"},
      {{.outcome = Outcome::kStateRefused}, {}, "missed: state refused, close"},
      {{.outcome = Outcome::kStateRefused}, {.bound = true}, "refused, close"},

      {{.outcome = Outcome::kWaitFailed, .wait_verdict = WaitVerdict::kTimeout}, {}, "on the writer, back"},
      {{.outcome = Outcome::kWaitFailed, .wait_verdict = WaitVerdict::kTimeout},
       {.spent = true},
       "on the writer, close"},
      {{.outcome = Outcome::kWaitFailed, .wait_verdict = WaitVerdict::kError},
       {.policy = TimeoutPolicy::kError},
       "not in time, back"},
      {{.outcome = Outcome::kWaitFailed, .wait_verdict = WaitVerdict::kTimeout},
       {.policy = TimeoutPolicy::kStale},
       "stale, back"},

      // The connection is gone: whether the replica had the read decides where it may go.
      {{.outcome = Outcome::kServerLost, .command_sent = true, .command_taken = true},
       {},
       "missed: lost, close, suspect"},
      {{.outcome = Outcome::kServerLost,
        .command_sent = true,
        .command_taken = true,
        .error = asio::error::operation_aborted},
       {},
       "missed: given up, close, suspect"},
      {{.outcome = Outcome::kServerLost, .command_sent = true}, {}, "missed: not taken, close, suspect"},
      {{.outcome = Outcome::kServerLost}, {}, "missed: not taken, close, suspect"},
      {{.outcome = Outcome::kServerLost, .command_sent = true, .command_taken = true},
       {.timed_out = true},
       "missed: not taken, close, suspect"},
      {{.outcome = Outcome::kServerLost, .command_sent = true, .command_taken = true},
       {.is_use = true},
       "missed: not taken, close, suspect"},
      {{.outcome = Outcome::kServerLost, .command_sent = true, .command_taken = true},
       {.bound = true},
       "lost, close, suspect"},
      {{.outcome = Outcome::kServerLost,
        .command_sent = true,
        .command_taken = true,
        .client_has_bytes = true},
       {.bound = true},
       "end, close, suspect"},
      {{.outcome = Outcome::kServerLost, .command_sent = true}, {.closing = true}, "end, abort"},
  };
  for (const auto& row : table)
    EXPECT_EQ(text(after_read(row.result, row.facts)), row.next)
        << "outcome " << static_cast<int>(row.result.outcome);
}

TEST(NextStep, OfAStatementOnTheWriter) {
  const ExchangeResult had_it{.outcome = Outcome::kServerLost, .command_sent = true, .command_taken = true};
  const ExchangeResult closed_before{.outcome = Outcome::kServerLost, .command_sent = true};
  const ExchangeResult not_sent{.outcome = Outcome::kServerLost};
  const struct {
    ExchangeResult result;
    AfterWriteFacts facts;
    const char* next;
  } table[] = {
      {{.outcome = Outcome::kRelayed}, {}, "answered, used"},
      {{.outcome = Outcome::kClientLost}, {}, "end, abort"},

      {{.outcome = Outcome::kStateRefused}, {}, "refused, close"},
      {{.outcome = Outcome::kStateRefused, .schema_refused = true}, {}, "without schema, close"},
      {{.outcome = Outcome::kStateRefused, .schema_refused = true}, {.bound = true}, "refused, close"},
      {{.outcome = Outcome::kStateRefused, .schema_refused = true},
       {.without_schema = true},
       "refused, close"},

      // It is not the writer any more.
      {{.outcome = Outcome::kReadOnlyNode}, {}, "await writer, close, suspect"},
      {{.outcome = Outcome::kReadOnlyNode}, {.writes = true}, "await writer, close, suspect"},
      {{.outcome = Outcome::kReadOnlyNode}, {.in_time = false}, "no writer, close, suspect"},
      {{.outcome = Outcome::kReadOnlyNode}, {.bound = true}, "lost, close, suspect"},

      // The connection is gone.
      {not_sent, {.writes = true}, "again, close, suspect"},
      {not_sent, {.writes = true, .in_time = false}, "lost, close, suspect"},
      {not_sent, {.bound = true}, "lost, close, suspect"},
      {not_sent, {.begins = true}, "lost, close, suspect"},
      {not_sent, {.closing = true}, "end, abort"},
      {closed_before, {.writes = true}, "lost, close, suspect"},
      {closed_before, {}, "again, close, suspect"},
      {closed_before, {.sent_again = true}, "again, close, suspect"},
      {had_it, {.writes = true}, "lost, close, suspect"},
      {had_it, {.writes = true, .is_repetition = true}, "lost, close, suspect"},
      {had_it, {}, "lost, close, suspect"},
      {had_it, {.is_repetition = true}, "again, close, suspect"},
      {had_it, {.sent_again = true, .is_repetition = true}, "lost, close, suspect"},
      {{.outcome = Outcome::kServerLost, .client_has_bytes = true}, {}, "lost, close, suspect"},
      {{.outcome = Outcome::kServerLost,
        .error = make_error_code(protocol::ProtocolError::kUnexpectedPacket)},
       {},
       "lost, close, suspect"},

      // It is committing, and has not finished.
      {{.outcome = Outcome::kWaitFailed}, {}, "not in time, close"},

      // Nobody asks for these of a writer.
      {{.outcome = Outcome::kUnknownThere}, {}, "end, close"},
      {{.outcome = Outcome::kShuttingDown}, {}, "end, close"},
  };
  for (const auto& row : table)
    EXPECT_EQ(text(after_write(row.result, row.facts)), row.next)
        << "outcome " << static_cast<int>(row.result.outcome);
}

}  // namespace
}  // namespace causeway::proxy
