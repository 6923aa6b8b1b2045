#include "proxy/net/response_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace causeway::proxy {
namespace {

constexpr size_t kPooled = BufferPool::kBufferBytes;

void receive(ResponseBuffer& buffer, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<uint8_t> room = buffer.room();
    ASSERT_FALSE(room.empty());
    const size_t part = std::min(room.size(), bytes.size());
    std::ranges::copy(bytes.substr(0, part), room.begin());
    buffer.added(part);
    bytes.remove_prefix(part);
  }
}

std::string unread(ResponseBuffer& buffer) {
  return std::string(protocol::as_text(buffer.unread()));
}

TEST(ResponseBuffer, GivesWhatWasReceivedInOrder) {
  BufferPool pool;
  ResponseBuffer buffer(pool);
  EXPECT_EQ(unread(buffer), "");
  receive(buffer, "abc");
  buffer.consume(1);
  receive(buffer, "de");
  EXPECT_EQ(unread(buffer), "bcde");
  buffer.consume(4);
  EXPECT_EQ(unread(buffer), "");
  EXPECT_EQ(buffer.room().size(), kPooled);
}

TEST(ResponseBuffer, MovesWhatIsUnreadToTheFrontWhenTheEndIsReached) {
  BufferPool pool;
  ResponseBuffer buffer(pool);
  receive(buffer, std::string(kPooled - 2, 'x') + "yz");
  buffer.consume(kPooled - 2);
  EXPECT_EQ(buffer.room().size(), kPooled - 2);
  EXPECT_EQ(unread(buffer), "yz");
}

TEST(ResponseBuffer, GrowsForAPacketThatIsLonger) {
  BufferPool pool;
  ResponseBuffer buffer(pool);
  std::string packet(3 * kPooled, 'x');
  packet.front() = 'a';
  packet.back() = 'z';
  receive(buffer, packet);
  EXPECT_EQ(unread(buffer), packet);
}

TEST(ResponseBuffer, ReplacesBySomethingShorterOrLonger) {
  BufferPool pool;
  ResponseBuffer buffer(pool);
  receive(buffer, "-head packet tail");
  buffer.consume(1);
  buffer.replace(5, 6, protocol::as_bytes("p"));
  EXPECT_EQ(unread(buffer), "head p tail");
  buffer.replace(5, 1, protocol::as_bytes("a packet"));
  EXPECT_EQ(unread(buffer), "head a packet tail");
}

TEST(ResponseBuffer, ReplacesBySomethingThatDoesNotFit) {
  BufferPool pool;
  ResponseBuffer buffer(pool);
  receive(buffer, std::string(kPooled - 6, 'x') + "packet");
  buffer.consume(kPooled - 7);
  const std::string longer(2 * kPooled, 'y');
  buffer.replace(1, 6, protocol::as_bytes(longer));
  EXPECT_EQ(unread(buffer), "x" + longer);
}

}  // namespace
}  // namespace causeway::proxy
