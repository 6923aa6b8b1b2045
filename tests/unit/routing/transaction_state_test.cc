#include "routing/transaction_state.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "routing/classifier.h"

namespace causeway::routing {
namespace {

using Answer = TransactionState::Answer;
using Followed = TransactionState::Followed;
using Doubt = TransactionDoubt;

constexpr auto kWriter = Target::kWriter;
constexpr auto kReplica = Target::kReplica;
constexpr auto kNone = Target::kNone;
constexpr uint64_t kIncarnation = 11;

// The text has to outlive the statement: literals only.
Statement parsed(const char* sql) {
  Classified classified;
  classify(sql, LexMode{}, classified);
  return classified.statements.front();
}

Answer ok(Target target, bool in_transaction) {
  return {.target = target, .incarnation = kIncarnation, .in_transaction = in_transaction};
}

Answer error(Target target, bool was_in_transaction = false) {
  return {
      .target = target, .incarnation = kIncarnation, .in_transaction = was_in_transaction, .is_error = true};
}

// What went ahead of the statement is told as a server's answer tells it.
Followed answered(TransactionState& state, const char* sql, Answer answer) {
  const Statement statement = parsed(sql);
  answer.sent_next = state.sends_next_with(statement);
  return state.on_answer(statement, answer);
}

void begin(TransactionState& state, const char* sql = "BEGIN", bool keeps_access_mode = false) {
  state.begin_later(parsed(sql), keeps_access_mode);
}

TransactionState without_autocommit() {
  return TransactionState({.autocommit = false});
}

TransactionState open_on(Target target, const char* sql = "BEGIN") {
  TransactionState state;
  begin(state, sql);
  answered(state, "SELECT * FROM t", ok(target, true));
  return state;
}

// --- what an answer makes of it

struct Row {
  const char* name;
  TransactionState state;
  const char* sql;
  Answer answer;
  Target where;
  Doubt doubt;
  bool in_transaction;  // the connection counts as
  bool begun;
};

const Row kRows[] = {
    {"a read", {}, "SELECT 1", ok(kReplica, false), kNone, Doubt::kNone, false, false},
    {"BEGIN", {}, "BEGIN", ok(kWriter, true), kWriter, Doubt::kNone, true, true},
    {"a statement of it", open_on(kWriter), "INSERT INTO t VALUES (1)", ok(kWriter, true), kWriter,
     Doubt::kNone, true, false},
    {"COMMIT", open_on(kWriter), "COMMIT", ok(kWriter, false), kNone, Doubt::kNone, false, false},
    {"COMMIT AND CHAIN", open_on(kWriter), "COMMIT AND CHAIN", ok(kWriter, true), kWriter, Doubt::kNone, true,
     false},
    {"on a replica", open_on(kReplica), "SELECT * FROM t", ok(kReplica, true), kReplica, Doubt::kNone, true,
     false},
    {"autocommit=0", without_autocommit(), "SELECT * FROM t", ok(kWriter, true), kWriter, Doubt::kNone, true,
     true},
    // Errors: an ERR packet has no status flags.
    {"an error without a transaction",
     {},
     "INSERT INTO t VALUES (1)",
     error(kWriter),
     kNone,
     Doubt::kNone,
     false,
     false},
    {"an error in one", open_on(kWriter), "INSERT INTO t VALUES (1)", error(kWriter, true), kWriter,
     Doubt::kMayHaveEnded, true, false},
    {"an error of what commits", open_on(kWriter), "COMMIT", error(kWriter, true), kWriter,
     Doubt::kMayHaveCommitted, true, false},
    {"an error of DDL", open_on(kWriter), "CREATE TABLE u (a INT)", error(kWriter, true), kWriter,
     Doubt::kMayHaveCommitted, true, false},
    {"an error of a procedure",
     {},
     "CALL p()",
     error(kWriter),
     kWriter,
     Doubt::kMayHaveCommitted,
     true,
     true},
    {"an error of what does not parse",
     open_on(kWriter),
     "FROBNICATE",
     {.target = kWriter, .in_transaction = true, .is_error = true, .understood = false},
     kWriter,
     Doubt::kMayHaveEnded,
     true,
     false},
    {"... without a transaction",
     {},
     "FROBNICATE",
     {.target = kWriter, .is_error = true, .understood = false},
     kNone,
     Doubt::kNone,
     false,
     false},
    {"an error of what was not sent",
     open_on(kWriter),
     "COMMIT",
     {.target = kWriter, .in_transaction = true, .is_error = true, .sent = false},
     kWriter,
     Doubt::kNone,
     true,
     false},
    {"an error without autocommit",
     without_autocommit(),
     "INSERT INTO t VALUES (1)",
     {.target = kWriter, .autocommit = false, .is_error = true},
     kWriter,
     Doubt::kMayHaveEnded,
     true,
     true},
    {"... on a replica, of a read",
     without_autocommit(),
     "SELECT * FROM t",
     {.target = kReplica, .autocommit = false, .is_error = true},
     kReplica,
     Doubt::kMayHaveEnded,
     true,
     true},
    {"... on a replica, of no read",
     without_autocommit(),
     "SET @@max_heap_table_size=0",
     {.target = kReplica, .autocommit = false, .is_error = true},
     kNone,
     Doubt::kNone,
     false,
     false},
};

TEST(TransactionState, OnAnswer) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    TransactionState state = row.state;
    const Followed followed = answered(state, row.sql, row.answer);
    EXPECT_EQ(state.where(), row.where);
    EXPECT_EQ(state.is_open(), row.where != kNone);
    EXPECT_EQ(state.doubt(), row.doubt);
    EXPECT_EQ(followed.in_transaction, row.in_transaction);
    EXPECT_EQ(followed.begun, row.begun);
    EXPECT_FALSE(state.begin_deferred());
  }
}

TEST(TransactionState, ADoubtLastsUntilAServerSaysOtherwise) {
  TransactionState state = open_on(kWriter);
  answered(state, "COMMIT", error(kWriter, true));
  answered(state, "INSERT INTO t VALUES (1)", error(kWriter, true));
  EXPECT_EQ(state.doubt(), Doubt::kMayHaveCommitted) << "the worse one counts";
  state.on_status(kReplica, false);
  EXPECT_EQ(state.doubt(), Doubt::kMayHaveCommitted) << "another server was asked";
  TransactionState open = state;
  open.on_status(kWriter, true);
  EXPECT_EQ(open.doubt(), Doubt::kNone);
  EXPECT_TRUE(open.is_on(kWriter));
  TransactionState ended = state;
  ended.on_status(kWriter, false);
  EXPECT_EQ(ended.doubt(), Doubt::kNone);
  EXPECT_FALSE(ended.is_open());
  answered(state, "SELECT * FROM t", ok(kWriter, true));
  EXPECT_EQ(state.doubt(), Doubt::kNone);
}

TEST(TransactionState, AStatementBesideIsNoneOfIts) {
  TransactionState state = open_on(kReplica);
  state.on_answer_beside({.target = kWriter, .autocommit = false});
  EXPECT_TRUE(state.is_on(kReplica));
  EXPECT_FALSE(state.autocommit());
}

// --- 40001 or 1053

struct LostRow {
  const char* name;
  const char* failed;  // a statement of it that has failed before, or null
  const char* sql;     // while which its connection is lost
  bool sent;
  bool certainly;
};

const LostRow kLostRows[] = {
    {"a write", nullptr, "INSERT INTO t VALUES (1)", true, true},
    {"a read", nullptr, "SELECT * FROM t", true, true},
    {"COMMIT", nullptr, "COMMIT", true, false},
    {"COMMIT that was not sent", nullptr, "COMMIT", false, true},
    {"ROLLBACK", nullptr, "ROLLBACK", true, true},
    {"DDL", nullptr, "CREATE TABLE u (a INT)", true, false},
    {"CALL", nullptr, "CALL p()", true, false},
    {"SET autocommit", nullptr, "SET autocommit=1", true, false},
    {"a write behind an error", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", true, false},
    {"... that was not sent", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", false, true},
    {"a read behind an error", "INSERT INTO t VALUES (1)", "SELECT * FROM t", true, true},
    {"a read behind an error of what commits", "COMMIT", "SELECT * FROM t", false, false},
};

TEST(TransactionState, WhatIsCertainlyUncommitted) {
  for (const LostRow& row : kLostRows) {
    SCOPED_TRACE(row.name);
    TransactionState state = open_on(kWriter);
    if (row.failed != nullptr) answered(state, row.failed, error(kWriter, true));
    EXPECT_EQ(state.is_certainly_uncommitted(parsed(row.sql), row.sent), row.certainly);
  }
}

TEST(TransactionState, WithoutAutocommitAWriteBehindAnErrorIsOfTheNextTransaction) {
  TransactionState state = without_autocommit();
  answered(state, "INSERT INTO t VALUES (1)", {.target = kWriter, .autocommit = false, .is_error = true});
  EXPECT_TRUE(state.is_certainly_uncommitted(parsed("INSERT INTO t VALUES (2)"), true));
}

TEST(TransactionState, LostWithItsConnection) {
  TransactionState state = open_on(kWriter);
  answered(state, "COMMIT", error(kWriter, true));
  state.lost(kReplica);
  EXPECT_TRUE(state.is_on(kWriter)) << "the other connection's";
  state.lost(kWriter);
  EXPECT_FALSE(state.is_open());
  EXPECT_EQ(state.doubt(), Doubt::kNone);
  EXPECT_EQ(state.characteristics(), NextTransaction{});
}

TEST(TransactionState, IdleForTooLongIsSaidOnce) {
  TransactionState state = open_on(kWriter);
  state.idle_for_too_long();
  EXPECT_FALSE(state.is_open());
  EXPECT_TRUE(state.was_idle_for_too_long());
  EXPECT_TRUE(state.take_idle_for_too_long());
  EXPECT_FALSE(state.take_idle_for_too_long());
}

// --- BEGIN that was not sent

struct BeginRow {
  const char* name;
  std::function<void(TransactionState&)> before;
  const char* sql;
  bool mysql;
  std::string begin_sql;
  bool read_only;
};

const BeginRow kBeginRows[] = {
    {"BEGIN", [](auto&) {}, "BEGIN", false, "BEGIN", false},
    {"READ ONLY", [](auto&) {}, "START TRANSACTION READ ONLY", false, "START TRANSACTION READ ONLY", true},
    {"READ WRITE, the variable READ ONLY", [](auto& state) { state.set_read_only_variable(true); },
     "START TRANSACTION READ WRITE", false, "START TRANSACTION READ WRITE", false},
    {"by the variable", [](auto& state) { state.set_read_only_variable(true); }, "BEGIN", false, "BEGIN",
     true},
    {"by SET TRANSACTION", [](auto& state) { state.set_next({.access = AccessMode::kReadOnly}); }, "BEGIN",
     false, "BEGIN", true},
    {"SET TRANSACTION READ WRITE, the variable READ ONLY",
     [](auto& state) {
       state.set_read_only_variable(true);
       state.set_next({.access = AccessMode::kReadWrite});
     },
     "BEGIN", false, "BEGIN", false},
    // A second BEGIN: MySQL's is of the same mode, MariaDB's begins anew.
    {"again, MySQL", [](auto& state) { begin(state, "START TRANSACTION READ ONLY"); }, "BEGIN", true,
     "START TRANSACTION READ ONLY", true},
    {"again, MariaDB", [](auto& state) { begin(state, "START TRANSACTION READ ONLY"); }, "BEGIN", false,
     "BEGIN", false},
    {"again behind SET TRANSACTION, MariaDB",
     [](auto& state) {
       state.set_next({.access = AccessMode::kReadOnly});
       begin(state);
     },
     "BEGIN", false, "BEGIN", false},
    {"again behind SET TRANSACTION, MySQL",
     [](auto& state) {
       state.set_next({.access = AccessMode::kReadOnly});
       begin(state, "BEGIN", true);
     },
     "BEGIN", true, "BEGIN", true},
    // COMMIT AND CHAIN.
    {"AND CHAIN without one", [](auto&) {}, "COMMIT AND CHAIN", false, "BEGIN", false},
    {"AND CHAIN of one that was not sent", [](auto& state) { begin(state, "START TRANSACTION READ ONLY"); },
     "COMMIT AND CHAIN", false, "START TRANSACTION READ ONLY", true},
};

TEST(TransactionState, BeginLater) {
  for (const BeginRow& row : kBeginRows) {
    SCOPED_TRACE(row.name);
    TransactionState state;
    row.before(state);
    begin(state, row.sql, row.mysql);
    EXPECT_TRUE(state.begin_deferred());
    EXPECT_TRUE(state.is_begun());
    EXPECT_FALSE(state.is_open());
    EXPECT_EQ(state.begin_sql(), row.begin_sql);
    EXPECT_EQ(state.deferred_read_only(), row.read_only);
    EXPECT_EQ(state.is_known_read_only(), row.read_only);
  }
}

TEST(TransactionState, ItIsSentWithTheNextStatement) {
  TransactionState state;
  state.set_next({.isolation = Isolation::kSerializable});
  begin(state, "START TRANSACTION READ ONLY");
  EXPECT_TRUE(state.sends_next_with(parsed("SELECT * FROM t")));
  const Followed followed = answered(state, "SELECT * FROM t", ok(kReplica, true));
  EXPECT_TRUE(followed.begun);
  EXPECT_FALSE(state.begin_deferred());
  EXPECT_FALSE(state.next().any());
  EXPECT_EQ(state.characteristics(),
            (NextTransaction{.isolation = Isolation::kSerializable, .access = AccessMode::kReadOnly}));
}

TEST(TransactionState, OneThatHasReadNothingBeginsAgainElsewhere) {
  TransactionState state;
  state.set_next({.isolation = Isolation::kSerializable});
  begin(state, "START TRANSACTION READ ONLY");
  answered(state, "SET @a = 1", ok(kReplica, true));
  EXPECT_TRUE(state.snapshot_due());
  state.begin_again();
  EXPECT_FALSE(state.is_open());
  EXPECT_FALSE(state.snapshot_due());
  EXPECT_TRUE(state.deferred_read_only());
  EXPECT_EQ(state.begin_sql(), "START TRANSACTION READ ONLY");
  EXPECT_EQ(state.next().isolation, Isolation::kSerializable);
}

TEST(TransactionState, LeavesReadOnly) {
  TransactionState deferred;
  begin(deferred, "START TRANSACTION READ ONLY");
  TransactionState open = open_on(kReplica, "START TRANSACTION READ ONLY");
  for (TransactionState* state : {&deferred, &open}) {
    state->leave_read_only();
    EXPECT_FALSE(state->is_begun());
    EXPECT_FALSE(state->is_known_read_only());
  }
}

// --- the snapshot of a transaction on a replica

struct SnapshotRow {
  const char* name;
  bool has_read;
  const char* sql;
  bool due;
};

const SnapshotRow kSnapshotRows[] = {
    {"BEGIN", false, "BEGIN", true},
    {"WITH CONSISTENT SNAPSHOT", false, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", false},
    {"SET", false, "SET @a = 1", true},
    {"USE", false, "USE app", true},
    {"SHOW WARNINGS", false, "SHOW WARNINGS", true},
    {"a read", false, "SELECT * FROM t", false},
    {"SET behind a read", true, "SET @a = 1", false},
    {"COMMIT AND CHAIN behind a read", true, "COMMIT AND CHAIN", true},
    {"BEGIN behind a read", true, "BEGIN", true},
};

TEST(TransactionState, SnapshotDue) {
  for (const SnapshotRow& row : kSnapshotRows) {
    SCOPED_TRACE(row.name);
    TransactionState state;
    begin(state, "START TRANSACTION READ ONLY");
    answered(state, row.has_read ? "SELECT * FROM t" : "SET @b = 1", ok(kReplica, true));
    answered(state, row.sql, ok(kReplica, true));
    EXPECT_EQ(state.snapshot_due(), row.due);
  }
}

TEST(TransactionState, OnTheWriterNoSnapshotIsDue) {
  TransactionState state;
  answered(state, "BEGIN", ok(kWriter, true));
  EXPECT_FALSE(state.snapshot_due());
}

// --- SET TRANSACTION

struct NextRow {
  const char* name;
  const char* sql;
  bool autocommit;
  bool begun;
  bool sent;
};

const NextRow kNextRows[] = {
    {"a read", "SELECT * FROM t", true, false, true},
    {"a write", "INSERT INTO t VALUES (1)", true, false, true},
    {"a question for variables", "SELECT @@transaction_read_only", true, false, false},
    {"SHOW VARIABLES", "SHOW VARIABLES LIKE 'tx%'", true, false, false},
    {"a question for variables in a transaction", "SELECT @@transaction_read_only", true, true, true},
    {"one that reads a table, without autocommit", "SELECT @@transaction_read_only FROM t", false, false,
     true},
    {"one that reads none, without autocommit", "SELECT @@transaction_read_only", false, false, false},
};

TEST(TransactionState, SendsNextWith) {
  for (const NextRow& row : kNextRows) {
    SCOPED_TRACE(row.name);
    TransactionState state({.autocommit = row.autocommit});
    EXPECT_FALSE(state.sends_next_with(parsed(row.sql))) << "nothing was set";
    if (row.begun) begin(state);
    state.set_next({.isolation = Isolation::kSerializable});
    EXPECT_EQ(state.sends_next_with(parsed(row.sql)), row.sent);
  }
}

TEST(TransactionState, AServerThatMayHoldItIsAskedBeforeItIsSentAgain) {
  TransactionState state;
  state.set_next({.access = AccessMode::kReadWrite});
  answered(state, "SELECT 1", ok(kReplica, false));
  EXPECT_EQ(state.next_sent_to(), kReplica);
  EXPECT_EQ(state.next_sent_incarnation(), kIncarnation);
  EXPECT_FALSE(state.sends_next_with(parsed("SELECT * FROM t")));
  state.next_is_settled();
  // Of READ ONLY, which a replica was sent instead.
  state.server_holds_next({.access = AccessMode::kReadOnly});
  EXPECT_EQ(state.next().access, AccessMode::kReadWrite);
  EXPECT_TRUE(state.sends_next_with(parsed("SELECT * FROM t")));
  state.server_holds_next({});
  EXPECT_FALSE(state.next().any());
}

// A question for variables that fails takes nothing with it: it was not sent.
TEST(TransactionState, WhatWasNotSentIsNotAskedFor) {
  TransactionState state = without_autocommit();
  state.set_next({.access = AccessMode::kReadOnly});
  answered(state, "SELECT @@transaction_read_only, @@none",
           {.target = kReplica, .autocommit = false, .is_error = true});
  EXPECT_EQ(state.next().access, AccessMode::kReadOnly);
  EXPECT_EQ(state.next_sent_to(), kNone);
}

TEST(TransactionState, BehindAnErrorItMayHaveBeenSpentOrNot) {
  TransactionState state = without_autocommit();
  state.set_next({.isolation = Isolation::kSerializable});
  answered(state, "INSERT INTO t VALUES (1)",
           {.target = kWriter, .incarnation = kIncarnation, .autocommit = false, .is_error = true});
  EXPECT_EQ(state.next_sent_to(), kWriter);
  EXPECT_TRUE(state.next().any());
}

TEST(TransactionState, WhatEndsByAutocommitLeavesItsCharacteristicsToTheNext) {
  TransactionState state;
  state.set_next({.isolation = Isolation::kSerializable});
  begin(state);
  answered(state, "SELECT * FROM t", ok(kWriter, true));
  const Followed followed = answered(state, "SET autocommit=1", ok(kWriter, false));
  EXPECT_TRUE(followed.holds_next);
  EXPECT_EQ(state.next().isolation, Isolation::kSerializable);
  TransactionState committed;
  committed.set_next({.isolation = Isolation::kSerializable});
  begin(committed);
  answered(committed, "SELECT * FROM t", ok(kWriter, true));
  EXPECT_FALSE(answered(committed, "COMMIT", ok(kWriter, false)).holds_next);
  EXPECT_FALSE(committed.next().any());
}

TEST(TransactionState, OnMySqlBeginInATransactionKeepsItsMode) {
  for (const bool mysql : {false, true}) {
    TransactionState state = open_on(kReplica, "START TRANSACTION READ ONLY");
    Answer again = ok(kReplica, true);
    again.keeps_access_mode = mysql;
    answered(state, "BEGIN", again);
    EXPECT_EQ(state.characteristics().access, mysql ? AccessMode::kReadOnly : AccessMode::kOfSession);
  }
}

TEST(TransactionState, FillsTheView) {
  TransactionState state({.autocommit = false, .read_only = true, .completion_type = CompletionType::kChain});
  SessionView view;
  state.fill(view);
  EXPECT_FALSE(view.autocommit);
  EXPECT_TRUE(view.transaction_read_only);
  EXPECT_FALSE(view.next_transaction_read_only);
  state.set_next({.access = AccessMode::kReadWrite});
  state.fill(view);
  EXPECT_FALSE(view.transaction_read_only);
  state.set_next({.access = AccessMode::kReadOnly});
  begin(state, "START TRANSACTION READ ONLY", true);
  state.fill(view);
  EXPECT_TRUE(view.next_transaction_read_only);
  EXPECT_TRUE(view.begin_deferred);
  EXPECT_TRUE(view.deferred_read_only);
  EXPECT_EQ(state.completion_type(), CompletionType::kChain);
}

// Of a server that has autocommit=0 by its configuration MySQL's status flag says that it is on.
TEST(TransactionState, TheVariableAutocommitCountsMoreThanTheFlag) {
  TransactionState state = without_autocommit();
  state.flag_says_autocommit(true);
  EXPECT_FALSE(state.autocommit());
  state.set_autocommit_variable(true);
  state.flag_says_autocommit(true);
  EXPECT_TRUE(state.autocommit());
  state.flag_says_autocommit(false);
  EXPECT_FALSE(state.autocommit());
}

}  // namespace
}  // namespace causeway::routing
