#include "proxy/statement/transaction_status.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class TransactionStatus : public SessionTest {
 protected:
  // The transaction may have ended with the error, or not.
  void be_in_doubt(bool ended) {
    warm_up();
    ask("BEGIN");
    ask("INSERT INTO t VALUES (1)");
    harness_.writer().on("deadlock", [ended](Reply& reply) {
      if (ended) reply.connection.in_transaction = false;
      reply.error(1213, "40001", "Deadlock found");
    });
    ask("UPDATE t SET a = 'deadlock'");
    on_writer();
  }
};

TEST_F(TransactionStatus, AnIdleTransactionInDoubtIsAskedFor) {
  be_in_doubt(false);
  harness_.advance(std::chrono::seconds{9});
  EXPECT_FALSE(on_writer().empty());
  EXPECT_NE(client_->query("INSERT INTO t VALUES (2)").error, 0);  // it was rolled back
  EXPECT_EQ(harness_.metrics().forwarding.errors_session_timeout.value(), 1U);
}

TEST_F(TransactionStatus, OneThatHasEndedIsNoneThatIsGivenUp) {
  be_in_doubt(true);
  harness_.advance(std::chrono::seconds{9});
  EXPECT_EQ(ask("INSERT INTO t VALUES (2)"), "OK");
  EXPECT_EQ(harness_.metrics().forwarding.errors_session_timeout.value(), 0U);
}

TEST_F(TransactionStatus, AServerThatDoesNotSayHasLostIt) {
  be_in_doubt(true);
  harness_.writer().close_all();
  harness_.settle();
  harness_.advance(std::chrono::seconds{9});
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

}  // namespace
}  // namespace causeway::test
