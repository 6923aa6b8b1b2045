#include "protocol/com_register_slave.h"

#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {
namespace {

Buffer registration(std::string_view host, std::string_view user, std::string_view password) {
  Buffer payload;
  ByteWriter writer(payload);
  writer.int1(0x15);
  writer.int4(0x01020304);
  for (const std::string_view text : {host, user, password}) {
    writer.int1(static_cast<uint8_t>(text.size()));
    writer.text(text);
  }
  writer.int2(3306);
  writer.int4(7);
  writer.int4(0x05060708);
  return payload;
}

TEST(ComRegisterSlave, IsReadWithoutItsPassword) {
  const Buffer payload = registration("replica.example", "repl", "secret");
  EXPECT_EQ(parse_com_register_slave(payload).value(), (ComRegisterSlave{.server_id = 0x01020304,
                                                                         .host = "replica.example",
                                                                         .user = "repl",
                                                                         .has_password = true,
                                                                         .port = 3306,
                                                                         .rank = 7,
                                                                         .source_id = 0x05060708}));
}

// What replicas of MariaDB 10.11 and MySQL 9.7 send, byte for byte the same.
TEST(ComRegisterSlave, OfARealReplica) {
  const Buffer payload = from_hex(
      "15020000000f7265706c6963612e6578616d706c65087265706f727465640773653a63726574eb0c0000000000000000");
  EXPECT_EQ(parse_com_register_slave(payload).value(), (ComRegisterSlave{.server_id = 2,
                                                                         .host = "replica.example",
                                                                         .user = "reported",
                                                                         .has_password = true,
                                                                         .port = 3307}));
}

TEST(ComRegisterSlave, AReplicaMaySayNothing) {
  const Buffer payload = registration("", "", "");
  const ComRegisterSlave replica = parse_com_register_slave(payload).value();
  EXPECT_EQ(replica.host, "");
  EXPECT_EQ(replica.user, "");
  EXPECT_FALSE(replica.has_password);
  EXPECT_EQ(replica.port, 3306);
}

TEST(ComRegisterSlave, EveryLengthIsChecked) {
  Buffer payload = registration("host", "user", "secret");
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_EQ(parse_com_register_slave(Bytes(payload).first(size)).error(), ProtocolError::kTruncated)
        << size;
  payload.push_back(0);
  EXPECT_TRUE(parse_com_register_slave(payload));
  for (const size_t length_at : {5u, 10u, 15u}) {
    Buffer wrong = registration("host", "user", "secret");
    wrong[length_at] = 0xff;
    EXPECT_EQ(parse_com_register_slave(wrong).error(), ProtocolError::kTruncated) << length_at;
  }
  payload[0] = 0x03;
  EXPECT_EQ(parse_com_register_slave(payload).error(), ProtocolError::kUnexpectedPacket);
}

TEST(ComRegisterSlave, ThePasswordIsWipedInPlace) {
  Buffer payload = registration("host", "user", "secret");
  wipe_reported_password(payload);
  EXPECT_EQ(payload, registration("host", "user", std::string_view("\0\0\0\0\0\0", 6)));
  // What is cut short, or lies about the length, is wiped as far as it goes.
  for (size_t size = 0; size < payload.size(); ++size) {
    Buffer cut = registration("host", "user", "secret");
    cut.resize(size);
    wipe_reported_password(cut);
    EXPECT_EQ(as_text(cut).find("s", 16), std::string_view::npos) << size;
  }
}

}  // namespace
}  // namespace causeway::protocol
