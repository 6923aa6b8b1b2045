#include "proxy/replication/attach_decision.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::proxy {
namespace {

StreamReader reader(uint32_t server_id, std::string host, std::string uuid = {}) {
  return {
      .server_id = server_id, .uuid = std::move(uuid), .user = "repl", .host = std::move(host), .port = 7};
}

TEST(AttachDecision, EachServerIdReadsOnce) {
  using What = AttachDecision::What;
  struct Case {
    const char* name;
    StreamReader who;
    std::vector<StreamReader> attached;
    AttachDecision decision;
  };
  const Case cases[] = {
      {"nobody there", reader(7, "a"), {}, {}},
      {"others", reader(7, "a"), {reader(6, "a"), reader(8, "b")}, {}},
      {"no replica", reader(0, "a"), {reader(0, "b"), reader(0, "a")}, {}},
      {"from another host", reader(7, "a"), {reader(6, "a"), reader(7, "b")}, {What::kRefuse, 1}},
      {"with another uuid", reader(7, "a", "1"), {reader(7, "a", "2")}, {What::kRefuse, 0}},
      {"again", reader(7, "a"), {reader(6, "b"), reader(7, "a")}, {What::kReplace, 1}},
      {"again, with its uuid", reader(7, "a", "1"), {reader(7, "a", "1")}, {What::kReplace, 0}},
      {"again, now with a uuid", reader(7, "a", "1"), {reader(7, "a")}, {What::kReplace, 0}},
      {"again, now without", reader(7, "a"), {reader(7, "a", "1")}, {What::kReplace, 0}},
      {"its uuid, from another host", reader(7, "a", "1"), {reader(7, "b", "1")}, {What::kRefuse, 0}},
      {"again, and another one", reader(7, "a"), {reader(7, "a"), reader(7, "b")}, {What::kRefuse, 1}},
  };
  for (const Case& c : cases)
    EXPECT_EQ(decide_attach(c.who,
                            [&] {
                              std::vector<const StreamReader*> all;
                              for (const StreamReader& one : c.attached)
                                all.push_back(&one);
                              return all;
                            }()),
              c.decision)
        << c.name;
}

TEST(AttachDecision, SaysWhoSomebodyIs) {
  StreamReader one = reader(7, "10.0.0.5");
  one.since = std::chrono::system_clock::from_time_t(1769860800);
  EXPECT_EQ(address_of(one), "10.0.0.5:7");
  EXPECT_EQ(since_of(one), "2026-01-31T12:00:00Z");
  EXPECT_EQ(address_of(reader(7, "2001:db8::1")), "[2001:db8::1]:7");
  one.port = 0;
  one.host = "localhost";
  EXPECT_EQ(address_of(one), "localhost");
}

}  // namespace
}  // namespace causeway::proxy
