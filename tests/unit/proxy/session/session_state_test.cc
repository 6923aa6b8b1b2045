#include "proxy/session/session_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace causeway::proxy {
namespace {

using consistency::ReadConsistency;
using routing::Target;

constexpr uint8_t kUtf8mb4 = 45;
constexpr uint8_t kGbk = 28;

ClusterView cluster(ServerFlavor flavor) {
  ClusterView view;
  view.flavor = flavor;
  view.nodes.resize(2);
  view.writer = 1;
  view.nodes[1].role = NodeRole::kWriter;
  view.nodes[1].facts.default_collation = kGbk;
  return view;
}

// One in which everything has been used.
SessionState used() {
  SessionState state;
  state.level = ReadConsistency::kGlobal;
  state.variables.set("sql_mode", "ANSI_QUOTES");
  state.trackers.variables = "*";
  state.schema = "app";
  state.wait_timeout = std::chrono::seconds{7};
  state.lex_mode.ansi_quotes = true;
  state.initial_sql_mode_known = true;
  state.handshake_collation_forgotten = true;
  state.transaction.set_next({.access = routing::AccessMode::kReadOnly});
  state.transaction.set_autocommit_variable(false);
  state.pins.temporary_table = true;
  state.pins.where = Target::kReplica;
  state.carried.replica_variables = {"@a"};
  state.carried.writer_variables.note({"@b"});
  state.carried.statements_to_replay = {"SET ROLE r"};
  state.carried.functions_called = true;
  state.last.target = Target::kReplica;
  state.last.warnings = 3;
  state.last.local = {.kind = LocalAnswer::Kind::kError};
  state.last.insert_id->value = 9;
  state.temporary_tables = {"t"};
  state.text_prepared.emplace("s", std::make_unique<TextPrepared>());
  return state;
}

TEST(SessionState, FreshHasNothingOfBefore) {
  const ClusterView view = cluster(ServerFlavor::kMysql);
  SessionState before = used();
  auto prepared = before.prepared.make();
  const uint32_t id = prepared->id;
  PreparedStatement& kept = *prepared;
  before.prepared.keep(std::move(prepared));
  before.prepared.used(kept.there[0], Target::kWriter);
  before.prepared.set_cursor(kept, Target::kWriter);
  const std::weak_ptr<LastInsertId> insert_id = before.last.insert_id;

  SessionState& state = before;
  state = SessionState::fresh(state, view, ReadConsistency::kEventual, kUtf8mb4);

  EXPECT_EQ(state.level, ReadConsistency::kEventual);
  EXPECT_TRUE(state.variables.empty());
  EXPECT_FALSE(state.trackers.variables.has_value());
  EXPECT_EQ(state.wait_timeout.count(), 0);
  EXPECT_FALSE(state.lex_mode.ansi_quotes);
  EXPECT_FALSE(state.initial_sql_mode_known);
  EXPECT_FALSE(state.handshake_collation_forgotten);
  EXPECT_FALSE(state.transaction.next().any());
  EXPECT_TRUE(state.transaction.autocommit());
  EXPECT_FALSE(state.pins.whole_session());
  EXPECT_EQ(state.pins.where, Target::kNone);
  EXPECT_TRUE(state.carried.replica_variables.empty());
  EXPECT_FALSE(state.carried.writer_variables.any());
  EXPECT_TRUE(state.carried.statements_to_replay.empty());
  EXPECT_FALSE(state.carried.functions_called);
  EXPECT_EQ(state.last.target, Target::kNone);
  EXPECT_EQ(state.last.warnings, 0);
  EXPECT_FALSE(state.last.local.any());
  EXPECT_EQ(state.last.insert_id->value, 0U);
  EXPECT_TRUE(insert_id.expired());
  EXPECT_TRUE(state.temporary_tables.empty());
  EXPECT_TRUE(state.text_prepared.empty());
  EXPECT_EQ(state.prepared.size(), 0U);
  EXPECT_EQ(state.prepared.cursors(Target::kWriter), 0U);
  EXPECT_EQ(state.prepared.find(id), nullptr);
  EXPECT_EQ(state.prepared.least_recently_used(Target::kWriter, 0), nullptr);
  // It stays in its schema, it knows that it was reset, and an id of before is nobody's.
  EXPECT_EQ(state.schema, "app");
  EXPECT_TRUE(state.was_reset);
  EXPECT_NE(state.prepared.make()->id, id);
}

struct StartRow {
  const char* name;
  ServerFlavor flavor;
  bool has_writer;
  const char* sql_mode;
  uint8_t collation;
  bool mariadb, ansi_quotes, oracle, multibyte_backslash;
};

const StartRow kStartRows[] = {
    {"MySQL", ServerFlavor::kMysql, true, "", kUtf8mb4, false, false, false, false},
    {"MySQL, ANSI", ServerFlavor::kMysql, true, "ANSI_QUOTES,STRICT_TRANS_TABLES", kUtf8mb4, false, true,
     false, false},
    {"MySQL has no ORACLE", ServerFlavor::kMysql, true, "ORACLE", kUtf8mb4, false, false, false, false},
    {"MariaDB, ORACLE", ServerFlavor::kMariadb, true, "ORACLE", kUtf8mb4, true, false, true, false},
    {"the client's character set", ServerFlavor::kMysql, true, "", kGbk, false, false, false, true},
    {"the writer's", ServerFlavor::kMysql, true, "", 0, false, false, false, true},
    {"no writer", ServerFlavor::kMariadb, false, "ANSI_QUOTES", kUtf8mb4, true, false, false, false},
};

TEST(SessionState, TextsAreReadAsTheWriterReadsThem) {
  for (const StartRow& row : kStartRows) {
    SCOPED_TRACE(row.name);
    ClusterView view = cluster(row.flavor);
    view.nodes[1].facts.sql_mode = row.sql_mode;
    view.nodes[1].facts.server_version_number = 101100;
    if (!row.has_writer) view.writer = kNoNode;
    SessionState state;
    state.start(view, row.collation);
    EXPECT_EQ(state.lex_mode.mariadb, row.mariadb);
    EXPECT_EQ(state.lex_mode.ansi_quotes, row.ansi_quotes);
    EXPECT_EQ(state.lex_mode.oracle, row.oracle);
    EXPECT_EQ(state.lex_mode.multibyte_backslash != routing::LexMode{}.multibyte_backslash,
              row.multibyte_backslash);
    EXPECT_EQ(state.lex_mode.server_version, row.has_writer ? 101100U : routing::LexMode{}.server_version);
  }
}

TEST(SessionState, BeginsWithTheWritersDefaults) {
  ClusterView view = cluster(ServerFlavor::kMysql);
  view.nodes[1].facts.defaults = {.autocommit = false,
                                  .auto_is_null = true,
                                  .transaction_read_only = true,
                                  .tracks_transactions = true,
                                  .tracks_state_change = true,
                                  .completion_type = routing::CompletionType::kChain};
  SessionState state;
  state.start(view, kUtf8mb4);
  EXPECT_FALSE(state.transaction.autocommit());
  EXPECT_TRUE(state.transaction.read_only_variable());
  EXPECT_EQ(state.transaction.completion_type(), routing::CompletionType::kChain);
  EXPECT_TRUE(state.auto_is_null);
  EXPECT_TRUE(state.trackers.transactions);
  EXPECT_TRUE(state.trackers.state_change);
  // Of init_connect the connection's own count; autocommit stands in its status flags.
  state.take_defaults({});
  EXPECT_FALSE(state.transaction.read_only_variable());
  EXPECT_FALSE(state.auto_is_null);
  EXPECT_FALSE(state.transaction.autocommit());
}

TEST(SessionState, ParseContextIsWhatTheSessionHasSet) {
  SessionState state;
  state.schema = "app";
  state.variables.set("character_set_client", "latin1");
  const ParseContext context = parse_context(state);
  EXPECT_EQ(context.schema, "app");
  EXPECT_EQ(context.character_set_client, "latin1");
  EXPECT_FALSE(context.sql_mode.has_value());
}

TEST(Pins, WholeSession) {
  bool Pins::*const kWhole[] = {&Pins::temporary_table, &Pins::table_lock,    &Pins::backup_lock,
                                &Pins::user_lock,       &Pins::prepared_text, &Pins::untrackable,
                                &Pins::unreported};
  for (const auto pin : kWhole) {
    Pins pins;
    pins.*pin = true;
    pins.where = Target::kWriter;
    EXPECT_TRUE(pins.whole_session());
    EXPECT_TRUE(pins.whole_session_on(Target::kWriter));
    EXPECT_FALSE(pins.whole_session_on(Target::kReplica));
  }
  EXPECT_FALSE(Pins{.user_variables = true}.whole_session()) << "reads may go to replicas";
}

TEST(SessionState, MayEndIfItLosesNothingByThat) {
  EXPECT_TRUE(SessionState().may_end());
  bool Pins::*const kWhatIsLost[] = {&Pins::temporary_table, &Pins::table_lock,    &Pins::backup_lock,
                                     &Pins::user_lock,       &Pins::prepared_text, &Pins::untrackable,
                                     &Pins::unreported};
  for (const bool reads_log : {false, true}) {
    for (const auto pin : kWhatIsLost) {
      SessionState state;
      state.pins.replication = reads_log;
      state.pins.*pin = true;
      EXPECT_FALSE(state.may_end());
    }
    SessionState state;
    state.pins.replication = reads_log;
    EXPECT_TRUE(state.may_end()) << "whoever reads the log comes again";
    state.transaction.begin_later({}, false);
    EXPECT_FALSE(state.may_end());
  }
}

TEST(Carried, IsBounded) {
  Carried carried;
  carried.statements_to_replay.resize(Carried::kMaxStatements - 1);
  EXPECT_TRUE(carried.has_room_to_replay());
  carried.unreported_calls.resize(1);
  EXPECT_FALSE(carried.has_room_to_replay());
}

}  // namespace
}  // namespace causeway::proxy
