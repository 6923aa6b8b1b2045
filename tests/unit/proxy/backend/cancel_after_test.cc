#include "proxy/backend/cancel_after.h"

#include <gtest/gtest.h>

#include <memory>

#include "proxy/backend/backend_connector.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;

Awaitable<bool> connects(test::Harness& harness, milliseconds limit) {
  const auto key = std::make_shared<const PoolKey>(PoolKey{.user = "app", .collation = 45});
  const protocol::Credentials credentials = protocol::Credentials::from_password("secret");
  CancelAfter watch(harness.shard().io(), Clock::now() + limit);
  const ConnectResult opened =
      co_await connect_backend(harness.shard(), 0, key, credentials, watch.connection());
  co_return opened.connection != nullptr;
}

TEST(CancelAfter, EndsWhatAServerDoesNotAnswer) {
  test::Harness harness;
  harness.writer().fault_at(0, test::Fault::kStall);
  const Clock::time_point before = Clock::now();
  EXPECT_FALSE(harness.run(connects(harness, milliseconds{300})));
  EXPECT_GE(Clock::now() - before, milliseconds{300});
  EXPECT_LE(Clock::now() - before, milliseconds{500});
}

TEST(CancelAfter, LeavesAloneWhatIsDoneInTime) {
  test::Harness harness;
  EXPECT_TRUE(harness.run(connects(harness, milliseconds{300})));
  harness.advance(milliseconds{1000});
}

}  // namespace
}  // namespace causeway::proxy
