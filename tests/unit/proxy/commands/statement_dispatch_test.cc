#include "proxy/commands/statement_dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class StatementDispatch : public SessionTest {};

TEST_F(StatementDispatch, WhatAuroraRejectsIsRejected) {
  for (const std::string_view sql :
       {"SAVEPOINT a", "XA START 'a'", "LOAD DATA INFILE 'a' INTO TABLE t", "INSTALL PLUGIN a SONAME 'a'"}) {
    EXPECT_EQ(client_->query(sql).error, 1235) << sql;
  }
  EXPECT_EQ(harness_.writer().connections_opened(), 0U);
}

TEST_F(StatementDispatch, ACommitOfNothingIsAnsweredHere) {
  EXPECT_EQ(ask("COMMIT"), "OK");
  EXPECT_EQ(ask("ROLLBACK"), "OK");
  EXPECT_EQ(harness_.writer().connections_opened(), 0U);
}

TEST_F(StatementDispatch, ABeginInATransactionCommitsTheFormerOne) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("BEGIN"), "OK");
  ask("INSERT INTO t VALUES (2)");
  const Texts asked = on_writer();
  EXPECT_EQ(std::count(asked.begin(), asked.end(), "BEGIN"), 2);
  ask("ROLLBACK");
}

TEST_F(StatementDispatch, ABeginBehindAReadOnlyTransactionCommitsThatOne) {
  warm_up();
  ask("START TRANSACTION READ ONLY");
  ask("SELECT a FROM t");
  EXPECT_EQ(ask("START TRANSACTION READ WRITE"), "OK");
  EXPECT_EQ(last(on_replica()).substr(0, 6), "COMMIT");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  ask("COMMIT");
}

TEST_F(StatementDispatch, ReleaseEndsTheSession) {
  EXPECT_EQ(ask("COMMIT RELEASE"), "OK");
  EXPECT_EQ(ask("SELECT 1"), "closed");
}

TEST_F(StatementDispatch, AWriteInAReadOnlyTransactionIsRefused) {
  warm_up();
  ask("START TRANSACTION READ ONLY");
  ask("SELECT a FROM t");
  EXPECT_EQ(client_->query("INSERT INTO t VALUES (1)").error, 1792);
  EXPECT_EQ(on_writer(), Texts{});
  ask("COMMIT");
}

TEST_F(StatementDispatch, DdlLeavesAReadOnlyTransaction) {
  warm_up();
  ask("START TRANSACTION READ ONLY");
  ask("SELECT a FROM t");
  ask("CREATE TABLE x (a INT)");
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(StatementDispatch, WithoutForwardingWritesAreRefused) {
  ask("SET aurora_replica_read_consistency=''");
  EXPECT_EQ(client_->query("INSERT INTO t VALUES (1)").error, 1290);
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.books().gauge_forwarding, 0);
}

TEST_F(StatementDispatch, AHintSendsAReadToTheWriter) {
  EXPECT_EQ(ask("/* causeway: route=writer */ SELECT a FROM t"), "[writer]");
}

TEST_F(StatementDispatch, AMistakenHintIsCountedAndSaidOnce) {
  ask("/* causeway: consistncy=global */ SELECT a FROM t");
  ask("/* causeway: consistency=globl */ SELECT a FROM t");
  EXPECT_EQ(harness_.metrics().mistaken_hints.value(), 2U);
  EXPECT_TRUE(harness_.log_has("a hint is not understood"));
}

TEST_F(StatementDispatch, WhatIsRejectedIsNotLetThroughInAnother) {
  EXPECT_EQ(client_->query("CREATE PROCEDURE p() BEGIN KILL 5; END").error, 0);
  EXPECT_EQ(client_->query("EXECUTE IMMEDIATE 'SAVEPOINT a'").error, 1235);
}

class RejectTemporaryTables : public SessionTest {
 protected:
  RejectTemporaryTables()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.statements.temporary_table = proxy::StatementPolicy::kReject;
        }}) {}
};

TEST_F(RejectTemporaryTables, DmlThatReadsOneIsRejected) {
  EXPECT_EQ(ask("CREATE TEMPORARY TABLE x (a INT)"), "OK");
  EXPECT_EQ(client_->query("INSERT INTO t SELECT a FROM x").error, 1235);
  EXPECT_EQ(harness_.writer().count("INSERT INTO t"), 0U);
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
}

}  // namespace
}  // namespace causeway::test
