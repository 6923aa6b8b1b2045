// One client of a harness, and what its servers are asked.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/harness.h"

namespace causeway::test {

using Texts = std::vector<std::string>;

// The last one; empty if there is none.
inline std::string last(const Texts& texts) {
  return texts.empty() ? std::string() : texts.back();
}

// Whether one of them contains this.
inline bool any_has(const Texts& texts, std::string_view part) {
  return std::any_of(texts.begin(), texts.end(),
                     [part](const std::string& text) { return text.find(part) != std::string::npos; });
}

// A test of what one session does: with a client that has logged in, and books that balance in the end.
class SessionTest : public testing::Test {
 protected:
  explicit SessionTest(HarnessOptions options = {}) : harness_(std::move(options)) {}

  void SetUp() override {
    client_ = harness_.connect();
    ASSERT_EQ(client_->log_in("app", "secret", {}, capabilities_).text(), "OK");
  }

  void TearDown() override {
    client_->quit();
    EXPECT_FALSE(client_->hung());
    EXPECT_EQ(harness_.settle_books(), "");
  }

  // What the client is answered.
  std::string ask(std::string_view sql) { return client_->query(sql).text(); }
  std::string ask(protocol::Command command, std::string_view argument = {}) {
    return client_->command(command, argument).text();
  }

  // What the server was asked since this was called last.
  Texts take(ScriptedServer& server) {
    Texts all = server.statements();
    server.forget();
    return all;
  }
  Texts on_replica() { return take(harness_.replica()); }
  Texts on_writer() { return take(harness_.writer()); }
  // Of both, the replica first.
  Texts on_both() {
    Texts all = on_replica();
    for (std::string& one : on_writer())
      all.push_back(std::move(one));
    return all;
  }

  // Both servers are in the session's state: what is asked from here on has nothing ahead of it.
  void warm_up() {
    ask("SELECT 1 FROM t");
    ask("UPDATE t SET warm = 1");
    harness_.replica().next_gtid = harness_.writer().next_gtid;
    harness_.poll();
    ask("SELECT 2 FROM t");
    on_replica();
    on_writer();
  }

  void report_variable(ScriptedServer& server, std::string_view statement, std::string name,
                       std::string value) {
    server.on(statement, [name = std::move(name), value = std::move(value)](Reply& reply) {
      reply.ok({.variables = {{name, value}}});
    });
  }

  protocol::CapabilityFlags capabilities_ = usual_client_capabilities();
  Harness harness_;
  std::unique_ptr<ScriptedClient> client_;
};

class MariadbSessionTest : public SessionTest {
 protected:
  MariadbSessionTest() : SessionTest({.flavor = Flavor::kMariadb}) {}
};

}  // namespace causeway::test
