#include "proxy/session/local_answers.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class LocalAnswers : public SessionTest {};

TEST_F(LocalAnswers, ShowTheStatusThatAServerWould) {
  EXPECT_EQ(client_->query("COMMIT").status, protocol::status::kAutocommit);
  EXPECT_EQ(client_->query("BEGIN").status, protocol::status::kAutocommit | protocol::status::kInTransaction);
  EXPECT_EQ(client_->query("ROLLBACK").status, protocol::status::kAutocommit);
  EXPECT_EQ(client_->query("START TRANSACTION READ ONLY").status & protocol::status::kInTransactionReadonly,
            protocol::status::kInTransactionReadonly);
  EXPECT_EQ(client_->query("COMMIT; COMMIT").text(), "OK; OK");
}

class LocalAnswersWithEof : public SessionTest {
 protected:
  LocalAnswersWithEof() { capabilities_ &= ~protocol::capability::kDeprecateEof; }
};

TEST_F(LocalAnswersWithEof, RowsEndAsTheClientWantsThem) {
  const Answer answer = client_->query("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'");
  EXPECT_EQ(answer.state, AnswerState::kComplete);
  EXPECT_EQ(answer.text(), "[aurora_replica_read_consistency, SESSION]");
}

}  // namespace
}  // namespace causeway::test
