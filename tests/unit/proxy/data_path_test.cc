// Stories that go all the way from the client to the servers and back, each with every fault at every step.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/execute_command.h"
#include "tests/support/faults.h"

namespace causeway::test {
namespace {

using protocol::Command;

HarnessOptions mariadb() {
  return {.flavor = Flavor::kMariadb};
}

HarnessOptions configured(std::function<void(proxy::Config&)> configure) {
  return {.configure = std::move(configure)};
}

// The server says what a SET has made of a variable.
void report(ScriptedServer& server, std::string text, std::string name, std::string value) {
  server.on(text, [name, value](Reply& reply) { reply.ok({.variables = {{name, value}}}); });
}

void report_everywhere(Harness& harness, const std::string& text, const std::string& name,
                       const std::string& value) {
  for (size_t node = 0; node < harness.nodes(); ++node)
    report(harness.server(node), text, name, value);
}

// Somebody was there before, and has left connections to both servers.
void leave_connections(Harness& harness) {
  const auto before = harness.connect();
  before->log_in();
  before->query("SELECT b FROM t");
  before->query("DELETE FROM t WHERE b = 1");
  before->quit();
  harness.settle();
}

void log_in_twice(Harness&, ScriptedClient& client) {
  client.log_in();
  client.command(Command::kPing);
  client.quit();
}

void execute_on_both(Harness&, ScriptedClient& client) {
  client.log_in();
  const Answer read = client.command(Command::kStmtPrepare, "SELECT a FROM t WHERE b = ?");
  client.execute(read.statement_id, {"1"});
  client.execute(read.statement_id, {"2"});
  const Answer write = client.command(Command::kStmtPrepare, "INSERT INTO t VALUES (?)");
  client.execute(write.statement_id, {"mark"});
  client.statement_command(Command::kStmtReset, read.statement_id);
  client.statement_command(Command::kStmtClose, read.statement_id);
  client.query("SELECT c FROM t");
}

void write_then_read(Harness&, ScriptedClient& client) {
  client.log_in();
  client.query("INSERT INTO t VALUES ('mark')");
  client.query("SELECT a FROM t");
}

void write_in_transaction(Harness&, ScriptedClient& client) {
  client.log_in();
  client.query("BEGIN");
  client.query("INSERT INTO t VALUES ('mark')");
  client.query("SELECT a FROM t");
  client.query("COMMIT /* the end */");
}

void send_file(Harness&, ScriptedClient& client) {
  client.log_in();
  const Answer asked = client.query("LOAD DATA LOCAL INFILE 'mark' INTO TABLE t");
  if (asked.state == AnswerState::kWantsFile) client.send_file("1\n2\n");
  client.query("SELECT a FROM t");
}

void kill_another(Harness& harness, ScriptedClient& client, std::string_view kill) {
  client.log_in();
  client.start(Command::kQuery, "SELECT slow FROM t");
  const auto killer = harness.connect_and_log_in();
  killer->query(std::string(kill) + " " + std::to_string(client.id()));
  EXPECT_FALSE(killer->hung());
  client.finish();
  client.query("SELECT a FROM t");
  killer->quit();
}

// The replica does not answer this before it is killed.
void let_it_be_slow(Harness& harness) {
  ScriptedServer& server = harness.replica();
  server.on("slow", [](Reply& reply) { reply.later(); });
  server.on("KILL ", [&server](Reply& reply) {
    server.finish_late([](Reply& late) { late.error(1317, "70100", "Query execution was interrupted"); });
    reply.ok();
  });
}

void log_in_with(ScriptedClient& client, protocol::CapabilityFlags more) {
  client.log_in("app", "secret", {}, usual_client_capabilities() | more);
}

void read_and_write(ScriptedClient& client) {
  client.query("SELECT a FROM t");
  client.query("INSERT INTO t VALUES ('mark')");
  client.query("SELECT b FROM t");
}

// Both servers answer this with so much that it is worth compressing.
void let_there_be_rows(Harness& harness) {
  for (size_t node = 0; node < harness.nodes(); ++node) {
    harness.server(node).on("SELECT many", [](Reply& reply) {
      reply.rows({"a", "b"}, std::vector<std::vector<std::string>>(10, {std::string(80, 'x'), "NULL"}));
    });
  }
}

void let_there_be_cursors(Harness& harness) {
  for (size_t node = 0; node < harness.nodes(); ++node) {
    ScriptedServer& server = harness.server(node);
    server.on(Command::kStmtExecute, [](Reply& reply) {
      if (reply.request.text.starts_with("SELECT")) return reply.cursor({"a"});
      reply.as_usual();
    });
    server.on(Command::kStmtFetch, [](Reply& reply) { reply.fetched({"2"}, true); });
    server.on(
        Command::kStmtFetch, [](Reply& reply) { reply.fetched({"1"}, false); }, 1);
  }
}

void read_by_cursor(ScriptedClient& client) {
  const Answer prepared = client.command(Command::kStmtPrepare, "SELECT a FROM t");
  client.execute(prepared.statement_id, {}, 1);
  client.fetch(prepared.statement_id, 1);
  client.query("INSERT INTO t VALUES ('mark')");
  client.fetch(prepared.statement_id, 1);
  client.statement_command(Command::kStmtClose, prepared.statement_id);
}

void send_long_data(ScriptedClient& client, std::string_view sql) {
  const Answer prepared = client.command(Command::kStmtPrepare, sql);
  client.send_long_data(prepared.statement_id, 0, "abc");
  client.send_long_data(prepared.statement_id, 0, "def");
  const ExecuteCommand execute{.id = prepared.statement_id, .values = {{.type = 0xfc, .value = {}}}};
  client.command(Command::kStmtExecute, execute_argument(execute));
}

void refuse_on_first_replica(Harness& harness, std::string_view text, uint16_t code, std::string state) {
  harness.replica().on(text, [code, state](Reply& reply) { reply.error(code, state, "--read-only"); });
}

void add_protected_stories(std::vector<Scenario>& all) {
  all.push_back({.name = "TlsTowardsTheClient",
                 .options = {.client_tls = true},
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       log_in_with(client, protocol::capability::kSsl);
                       read_and_write(client);
                     },
                 .once = {"mark"}});
  all.push_back({.name = "TlsTowardsTheServers",
                 .options = {.server_tls = true},
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       read_and_write(client);
                     },
                 .once = {"mark"},
                 .disturbs_opening = true});
  all.push_back({.name = "Compressed",
                 .prepare = let_there_be_rows,
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       log_in_with(client, protocol::capability::kCompress);
                       client.query("SELECT many FROM t");
                       client.query("INSERT INTO t VALUES ('mark')");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "CompressedWithinTls",
                 .options = {.client_tls = true},
                 .prepare = let_there_be_rows,
                 .play = [](Harness&, ScriptedClient& client) {
                   log_in_with(client, protocol::capability::kCompress | protocol::capability::kSsl);
                   client.query("SELECT many FROM t");
                 }});
  all.push_back({.name = "CompressedFile",
                 .options = configured([](proxy::Config& config) {
                   config.statements.load_data = proxy::StatementPolicy::kForward;
                 }),
                 .prepare =
                     [](Harness& harness) {
                       harness.writer().on("LOAD DATA", [](Reply& reply) { reply.file("mark"); });
                     },
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       log_in_with(client, protocol::capability::kCompress);
                       const Answer asked = client.query("LOAD DATA LOCAL INFILE 'mark' INTO TABLE t");
                       if (asked.state == AnswerState::kWantsFile) client.send_file(std::string(200, '1'));
                     },
                 .once = {"LOAD DATA"}});
  all.push_back({.name = "AccountOfTheDatabase",
                 .options = {.rsa_key = true, .database_accounts = true},
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       read_and_write(client);
                     },
                 .once = {"mark"}});
  // A server says whether the password is right.
  all.push_back(
      {.name = "AccountThatServersKnow",
       .options = {.rsa_key = true, .client_tls = true, .server_tls = true, .database_accounts = true},
       .play =
           [](Harness&, ScriptedClient& client) {
             client.log_in("other", "secret", {}, usual_client_capabilities() | protocol::capability::kSsl);
             client.query("SELECT a FROM t");
           },
       .disturbs_opening = true});
}

void add_prepared_stories(std::vector<Scenario>& all) {
  all.push_back({.name = "LongData",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       send_long_data(client, "INSERT INTO t VALUES (?)");
                       send_long_data(client, "SELECT a FROM t WHERE b = ?");
                     },
                 .once = {"INSERT INTO t"}});
  all.push_back({.name = "CursorOnTheReplica",
                 .prepare = let_there_be_cursors,
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       read_by_cursor(client);
                     },
                 .once = {"mark"}});
  all.push_back({.name = "CursorInATransaction",
                 .prepare = let_there_be_cursors,
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("BEGIN");
                       client.query("INSERT INTO t VALUES ('first')");
                       read_by_cursor(client);
                       client.query("COMMIT /* the end */");
                     },
                 .once = {"first", "mark", "the end"}});
  all.push_back({.name = "PreparedInTextOnTheWriter",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("PREPARE s FROM 'INSERT INTO t VALUES (?)'");
                       client.query("SET @a = 1");
                       client.query("EXECUTE s USING @a");
                       client.query("SELECT a FROM t");
                     },
                 .once = {"EXECUTE s"}});
}

void add_stories_of_state(std::vector<Scenario>& all) {
  all.push_back({.name = "ChangeUserInATransaction",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("BEGIN");
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.change_user("other", "secret", "shop");
                       client.query("INSERT INTO t VALUES ('second')");
                     },
                 .once = {"mark", "second"}});
  all.push_back({.name = "ChangeUserOnMariadb",
                 .options = mariadb(),
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SELECT a FROM t");
                       client.change_user("other", "guess");
                       client.query("INSERT INTO t VALUES ('mark')");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "ResetInATransaction",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("BEGIN");
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.command(Command::kResetConnection);
                       client.query("INSERT INTO t VALUES ('second')");
                       client.query("SELECT a FROM t");
                     },
                 .once = {"mark", "second"}});
  all.push_back({.name = "TransactionInOneCommand",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("BEGIN; INSERT INTO t VALUES ('mark'); COMMIT");
                       client.query("SELECT a FROM t");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "TransactionOnTheReplicaBehindAWrite",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("START TRANSACTION READ ONLY");
                       client.query("SELECT a FROM t");
                       client.query("COMMIT");
                       client.query("UPDATE t SET a = 'second'");
                     },
                 .once = {"mark", "second"}});
  all.push_back({.name = "TransactionReadOnlyOnMariadb",
                 .options = mariadb(),
                 .play = [](Harness&, ScriptedClient& client) {
                   client.log_in();
                   client.query("START TRANSACTION READ ONLY");
                   client.query("SELECT a FROM t");
                   client.query("COMMIT");
                 }});
}

void add_retried_stories(std::vector<Scenario>& all) {
  const auto read_then_write = [](Harness&, ScriptedClient& client) {
    client.log_in();
    client.query("SELECT f() FROM t");
    client.query("INSERT INTO t VALUES ('mark')");
  };
  all.push_back({.name = "ReadOfWhatAReplicaDoesNotHave",
                 .prepare = [](Harness& harness) { refuse_on_first_replica(harness, "f()", 1146, "42S02"); },
                 .play = read_then_write,
                 .once = {"mark"}});
  all.push_back({.name = "ReadThatWrites",
                 .prepare = [](Harness& harness) { refuse_on_first_replica(harness, "f()", 1290, "HY000"); },
                 .play = read_then_write,
                 .once = {"mark"}});
  all.push_back({.name = "ReadOnAReplicaThatIsShutDown",
                 .options = {.replicas = 2},
                 .prepare =
                     [](Harness& harness) {
                       for (size_t index = 0; index < 2; ++index) {
                         harness.replica(index).on(
                             "f()", [](Reply& reply) { reply.error(1053, "08S01", "Server shutdown"); }, 1);
                       }
                     },
                 .play = read_then_write,
                 .once = {"mark"}});
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  all.push_back({.name = "Login", .play = log_in_twice});
  all.push_back({.name = "LoginWithSchema",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in("app", "secret", "shop");
                       client.query("SELECT a FROM t");
                       client.query("INSERT INTO t VALUES ('mark')");
                     },
                 .once = {"mark"},
                 .disturbs_opening = true});
  all.push_back({.name = "WrongPassword",
                 .options = {.rsa_key = true},
                 .play = [](Harness&, ScriptedClient& client) { client.log_in("app", "guess"); }});
  all.push_back({.name = "ChangeUser", .play = [](Harness&, ScriptedClient& client) {
                   client.log_in();
                   client.query("SELECT a FROM t");
                   client.change_user("other", "secret", "shop");
                   client.query("SELECT a FROM t");
                   client.change_user("other", "guess");
                 }});
  all.push_back(
      {.name = "ResetConnection",
       .prepare = [](Harness& harness) { report_everywhere(harness, "SET sql_mode", "sql_mode", "ANSI"); },
       .play =
           [](Harness&, ScriptedClient& client) {
             client.log_in();
             client.query("SET sql_mode='ANSI'");
             client.query("SELECT a FROM t");
             client.command(Command::kResetConnection);
             client.query("SELECT a FROM t");
           }});
  all.push_back({.name = "ReadOnReplica",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SELECT a FROM t");
                       client.query("SELECT b FROM t");
                     },
                 .disturbs_opening = true});
  all.push_back({.name = "ReadWithEofPackets",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in("app", "secret", {},
                                     usual_client_capabilities() & ~protocol::capability::kDeprecateEof);
                       client.query("SELECT a FROM t");
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("SELECT b FROM t");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "ManyRows",
                 .prepare =
                     [](Harness& harness) {
                       harness.replica().on("SELECT many", [](Reply& reply) {
                         reply.rows({"a", "b"}, std::vector<std::vector<std::string>>(
                                                    20, {std::string(80, 'x'), "NULL"}));
                       });
                     },
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SELECT many FROM t");
                     }});
  all.push_back(
      {.name = "RowsThenError",
       .prepare =
           [](Harness& harness) {
             harness.replica().on("SELECT broken", [](Reply& reply) {
               reply.rows_then_error({"a"}, {{"1"}, {"2"}}, 1030, "HY000", "Got error 1 from storage engine");
             });
           },
       .play =
           [](Harness&, ScriptedClient& client) {
             client.log_in();
             client.query("SELECT broken FROM t");
             client.query("SELECT a FROM t");
           }});
  all.push_back({.name = "WriteOnWriter",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("UPDATE t SET a = 'second'");
                     },
                 .once = {"mark", "second"},
                 .disturbs_opening = true});
  all.push_back(
      {.name = "ReadAfterWrite", .play = write_then_read, .once = {"mark"}, .disturbs_opening = true});
  all.push_back({.name = "ReadAfterWriteOnMariadb",
                 .options = mariadb(),
                 .play = write_then_read,
                 .once = {"mark"},
                 .disturbs_opening = true});
  all.push_back({.name = "WaitTimesOut",
                 .prepare =
                     [](Harness& harness) {
                       harness.replica().on("WAIT_FOR_EXECUTED_GTID_SET",
                                            [](Reply& reply) { reply.rows({"w"}, {{"1"}}); });
                     },
                 .play = write_then_read,
                 .once = {"mark"}});
  all.push_back({.name = "WaitTimesOutWithError",
                 .options = configured([](proxy::Config& config) {
                   config.forwarding.on_read_wait_timeout = consistency::TimeoutPolicy::kError;
                 }),
                 .prepare =
                     [](Harness& harness) {
                       harness.replica().on("WAIT_FOR_EXECUTED_GTID_SET",
                                            [](Reply& reply) { reply.rows({"w"}, {{"1"}}); });
                     },
                 .play = write_then_read,
                 .once = {"mark"}});
  all.push_back({.name = "GlobalRead",
                 .options = configured([](proxy::Config& config) {
                   config.forwarding.read_consistency = consistency::ReadConsistency::kGlobal;
                 }),
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SELECT a FROM t");
                       client.query("SELECT b FROM t");
                     },
                 .disturbs_opening = true});
  all.push_back({.name = "Transaction",
                 .play = write_in_transaction,
                 .once = {"mark", "the end"},
                 .disturbs_opening = true});
  all.push_back({.name = "TransactionOnMariadb",
                 .options = mariadb(),
                 .play = write_in_transaction,
                 .once = {"mark", "the end"}});
  all.push_back({.name = "TransactionReadOnly",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("START TRANSACTION READ ONLY");
                       client.query("SELECT a FROM t");
                       client.query("SELECT b FROM t");
                       client.query("COMMIT");
                     },
                 .disturbs_opening = true});
  all.push_back({.name = "TransactionIdleForTooLong",
                 .play =
                     [](Harness& harness, ScriptedClient& client) {
                       client.log_in();
                       client.query("BEGIN");
                       client.query("INSERT INTO t VALUES ('mark')");
                       harness.advance(std::chrono::seconds{9});
                       client.query("UPDATE t SET a = 'second'");
                     },
                 .once = {"mark", "second"}});
  all.push_back({.name = "WithoutAutocommit",
                 .prepare =
                     [](Harness& harness) {
                       harness.writer().on("SET autocommit", [](Reply& reply) {
                         reply.connection.autocommit = false;
                         reply.ok({.variables = {{"autocommit", "OFF"}}});
                       });
                       harness.writer().on("mark", [](Reply& reply) {
                         reply.connection.in_transaction = true;
                         reply.connection.wrote = true;
                         reply.ok({.affected_rows = 1});
                       });
                     },
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SET autocommit=0");
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("COMMIT /* the end */");
                     },
                 .once = {"mark", "the end"}});
  all.push_back(
      {.name = "VariablesCarried",
       .prepare = [](Harness& harness) { report_everywhere(harness, "SET sql_mode", "sql_mode", "ANSI"); },
       .play =
           [](Harness&, ScriptedClient& client) {
             client.log_in();
             client.query("SET sql_mode='ANSI'");
             client.query("SELECT a FROM t");
             client.query("INSERT INTO t VALUES ('mark')");
           },
       .once = {"mark"}});
  all.push_back({.name = "UserVariables",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SET @a = 1");
                       client.query("SELECT @a FROM t");
                       client.query("INSERT INTO t VALUES (@a, 'mark')");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "Schema",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.command(Command::kInitDb, "shop");
                       client.query("SELECT a FROM t");
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("USE store");
                       client.query("SELECT a FROM t");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "LastInsertId",
                 .prepare =
                     [](Harness& harness) {
                       harness.writer().on(
                           "mark", [](Reply& reply) { reply.ok({.affected_rows = 1, .last_insert_id = 7}); });
                     },
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("INSERT INTO t VALUES ('mark')");
                       client.query("SELECT LAST_INSERT_ID(), a FROM t");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "ConnectionsOfOthers",
                 .prepare = leave_connections,
                 .play = write_then_read,
                 .once = {"mark"}});
  all.push_back({.name = "ConnectionsOfOthersOnMariadb",
                 .options = mariadb(),
                 .prepare = leave_connections,
                 .play = write_then_read,
                 .once = {"mark"}});
  all.push_back({.name = "PreparedStatements",
                 .play = execute_on_both,
                 .once = {"INSERT INTO t"},
                 .disturbs_opening = true});
  all.push_back({.name = "PreparedStatementsOnMariadb",
                 .options = mariadb(),
                 .play = execute_on_both,
                 .once = {"INSERT INTO t"}});
  all.push_back({.name = "PreparedInText", .play = [](Harness&, ScriptedClient& client) {
                   client.log_in();
                   client.query("PREPARE s FROM 'SELECT a FROM t'");
                   client.query("EXECUTE s");
                   client.query("DEALLOCATE PREPARE s");
                   client.query("EXECUTE s");
                 }});
  all.push_back({.name = "SeveralStatements",
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("SELECT a FROM t; SELECT b FROM t");
                       client.query("INSERT INTO t VALUES ('mark'); SELECT c FROM t");
                     },
                 .once = {"mark"}});
  all.push_back({.name = "SeveralResults",
                 .prepare =
                     [](Harness& harness) {
                       harness.writer().on("CALL p", [](Reply& reply) {
                         reply.more = true;
                         reply.rows({"a"}, {{"1"}});
                         reply.more = false;
                         reply.ok({.state_change = true});
                       });
                     },
                 .play =
                     [](Harness&, ScriptedClient& client) {
                       client.log_in();
                       client.query("CALL p('mark')");
                       client.query("SELECT a FROM t");
                     },
                 .once = {"CALL p"}});
  all.push_back({.name = "FileRefused", .play = send_file});
  all.push_back({.name = "FileTaken",
                 .options = configured([](proxy::Config& config) {
                   config.statements.load_data = proxy::StatementPolicy::kForward;
                 }),
                 .prepare =
                     [](Harness& harness) {
                       harness.writer().on("LOAD DATA", [](Reply& reply) { reply.file("mark"); });
                     },
                 .play = send_file,
                 .once = {"LOAD DATA"}});
  all.push_back(
      {.name = "KillQuery",
       .prepare = let_it_be_slow,
       .play = [](Harness& harness, ScriptedClient& client) { kill_another(harness, client, "KILL QUERY"); },
       .disturbs_opening = true});
  all.push_back(
      {.name = "KillConnection",
       .prepare = let_it_be_slow,
       .play = [](Harness& harness, ScriptedClient& client) { kill_another(harness, client, "KILL"); }});
  all.push_back({.name = "Processlist", .play = [](Harness&, ScriptedClient& client) {
                   client.log_in();
                   client.query("SELECT a FROM t");
                   client.query("SHOW PROCESSLIST");
                   client.query("SELECT USER FROM information_schema.aurora_forwarding_processlist");
                 }});
  all.push_back({.name = "CausewayVariables", .play = [](Harness&, ScriptedClient& client) {
                   client.log_in();
                   client.query("SET aurora_replica_read_consistency = 'EVENTUAL'");
                   client.query("SELECT @@aurora_replica_read_consistency");
                   client.query("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'");
                   client.query("SAVEPOINT a");
                   client.query("SHOW WARNINGS");
                 }});
  all.push_back({.name = "NoPlaceOnTheWriter",
                 .options = {.connections = 1},
                 .play =
                     [](Harness& harness, ScriptedClient& client) {
                       const auto other = harness.connect_and_log_in();
                       other->query("BEGIN");
                       other->query("UPDATE t SET a = 1");
                       client.log_in();
                       client.query("INSERT INTO t VALUES ('mark')");
                       other->query("COMMIT");
                       client.query("INSERT INTO t VALUES ('second')");
                       EXPECT_FALSE(other->hung());
                     },
                 .once = {"mark", "second"}});
  all.push_back(
      {.name = "TwoReplicas", .options = {.replicas = 2}, .play = write_then_read, .once = {"mark"}});
  all.push_back({.name = "NoReplica", .options = {.replicas = 0}, .play = write_then_read, .once = {"mark"}});
  add_protected_stories(all);
  add_prepared_stories(all);
  add_stories_of_state(all);
  add_retried_stories(all);
  return all;
}

class DataPath : public testing::TestWithParam<Scenario> {};

TEST_P(DataPath, IsSoundWithEveryFaultAtEveryStep) {
  const size_t told = tell_with_faults(GetParam());
  RecordProperty("told", static_cast<int>(told));
  EXPECT_GT(told, 5U);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, DataPath, testing::ValuesIn(scenarios()),
                         [](const auto& scenario) { return scenario.param.name; });

// What the stories with TLS and compression are of.
TEST(DataPathProtection, IsWhatTheClientHasAskedFor) {
  Harness harness({.client_tls = true, .server_tls = true});
  const auto client = harness.connect();
  log_in_with(*client, protocol::capability::kCompress | protocol::capability::kSsl);
  EXPECT_TRUE(client->has_tls());
  EXPECT_TRUE(client->is_compressed());
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
  EXPECT_EQ(harness.replica().connections_with_tls(), 1U);
  const auto plain = harness.connect_and_log_in();
  EXPECT_FALSE(plain->has_tls());
  EXPECT_EQ(plain->query("SELECT a FROM t").text(), "[replica1]");
  client->quit();
  EXPECT_EQ(harness.settle_books(), "");
}

TEST(DataPathAccounts, AreThoseOfTheDatabase) {
  Harness harness({.rsa_key = true, .client_tls = true, .server_tls = true, .database_accounts = true});
  const auto stored = harness.connect();
  EXPECT_EQ(stored->log_in("app", "secret").text(), "OK");
  EXPECT_EQ(stored->query("SELECT a FROM t").text(), "[replica1]");
  // It is known by now: nothing but a scramble is asked for.
  const auto again = harness.connect();
  EXPECT_EQ(again->log_in("app", "secret").text(), "OK");
  EXPECT_LT(again->bytes().size(), stored->bytes().size());
  const auto wrong = harness.connect();
  EXPECT_EQ(wrong->log_in("app", "guess").error, 1045);
  const auto unknown = harness.connect();
  EXPECT_EQ(unknown->log_in("nobody", "secret").error, 1045);
  const auto elsewhere = harness.connect();
  EXPECT_EQ(elsewhere->log_in("other", "secret", {}, usual_client_capabilities() | protocol::capability::kSsl)
                .text(),
            "OK");
  const auto guess = harness.connect();
  EXPECT_EQ(
      guess->log_in("other", "guess", {}, usual_client_capabilities() | protocol::capability::kSsl).error,
      1045);
  EXPECT_EQ(harness.settle_books(), "");
}

}  // namespace
}  // namespace causeway::test
