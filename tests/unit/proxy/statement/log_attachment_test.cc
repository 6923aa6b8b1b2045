#include "proxy/statement/log_attachment.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

using proxy::attach_to_log;
using proxy::ClientError;
using proxy::refuse_reader;
using proxy::StreamReader;

TEST(LogAttachment, CountsAndTellsWhoComesInWhosePlace) {
  Harness harness;
  const StreamReader first{.server_id = 7, .user = "repl", .host = "10.0.0.5", .port = 1};
  StreamReader other = first;
  other.host = "10.0.0.6";
  ClientError refusal;
  proxy::ReplicationCounters& counters = harness.metrics().replication;
  {
    const auto attached = attach_to_log(harness.shard(), first, 0, refusal);
    ASSERT_TRUE(attached);
    EXPECT_EQ(counters.streams.value(), 1);
    EXPECT_FALSE(refuse_reader(harness.shard(), first));
    EXPECT_EQ(refuse_reader(harness.shard(), other)->code, 1236);
    EXPECT_EQ(counters.refused.value(), 1U);
    EXPECT_FALSE(attach_to_log(harness.shard(), other, 0, refusal));
    EXPECT_EQ(refusal.code, 1236);
    EXPECT_NE(refusal.message.find("10.0.0.5:1"), std::string::npos) << refusal.message;
    EXPECT_EQ(counters.refused.value(), 2U);
    const auto again = attach_to_log(harness.shard(), first, 0, refusal);
    EXPECT_TRUE(again && attached->stream().is_replaced());
    EXPECT_EQ(counters.replaced.value(), 1U);
  }
  EXPECT_EQ(counters.streams.value(), 0);
  EXPECT_TRUE(attach_to_log(harness.shard(), other, 0, refusal)) << "the id is free again";
}

TEST(LogAttachment, SaysWhoHasTheServerIdToThoseWhoMayReadTheLog) {
  Harness harness;
  const StreamReader first{.server_id = 7, .user = "repl", .host = "10.0.0.5", .port = 1};
  ClientError ignored;
  const auto attached = attach_to_log(harness.shard(), first, 0, ignored);
  StreamReader other{.server_id = 7, .user = "anybody", .host = "10.0.0.6"};
  const auto says_who = [&] {
    return refuse_reader(harness.shard(), other)->message.find("10.0.0.5") != std::string::npos;
  };
  EXPECT_FALSE(says_who());
  other.registered = true;
  EXPECT_TRUE(says_who());
  other = {.server_id = 7, .user = "repl", .host = "10.0.0.6"};
  EXPECT_TRUE(says_who());
}

}  // namespace
}  // namespace causeway::test
