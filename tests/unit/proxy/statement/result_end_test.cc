#include "proxy/statement/result_end.h"

#include <gtest/gtest.h>

#include "protocol/packet_header.h"
#include "protocol/result_set_end.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using protocol::CapabilityFlags;

constexpr CapabilityFlags kModern = protocol::capability::kProtocol41 | protocol::capability::kDeprecateEof;
constexpr CapabilityFlags kOld = protocol::capability::kProtocol41;
const std::vector<NameAndValue> kRows = {{"a", "1"}, {"bb", "22"}};

// Payloads, and the sequence ids in a second list.
std::vector<protocol::Buffer> packets_of(Bytes bytes, std::vector<uint8_t>& sequence_ids) {
  std::vector<protocol::Buffer> packets;
  while (bytes.size() >= protocol::kPacketHeaderBytes) {
    const auto header = protocol::read_packet_header(bytes.data());
    sequence_ids.push_back(header.sequence_id);
    const Bytes payload = bytes.subspan(protocol::kPacketHeaderBytes, header.payload_bytes);
    packets.emplace_back(payload.begin(), payload.end());
    bytes = bytes.subspan(protocol::kPacketHeaderBytes + header.payload_bytes);
  }
  EXPECT_TRUE(bytes.empty());
  return packets;
}

TEST(ResultEnd, OfNoRowsIsAnOk) {
  protocol::Buffer out;
  append_result_end(out, {.ok = {.affected_rows = 3, .last_insert_id = 7, .status_flags = 2}}, 5, kModern);
  std::vector<uint8_t> ids;
  const auto packets = packets_of(out, ids);
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(ids, std::vector<uint8_t>{5});
  const auto ok = protocol::parse_ok_packet(packets[0], kModern);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->affected_rows, 3U);
  EXPECT_EQ(ok->last_insert_id, 7U);
}

TEST(ResultEnd, BehindRowsIsWhatTheClientUnderstands) {
  for (const CapabilityFlags capabilities : {kModern, kOld}) {
    protocol::Buffer out;
    append_result_end(out, {.ok = {.status_flags = 2, .warnings = 4}, .ends_rows = true}, 9, capabilities);
    std::vector<uint8_t> ids;
    const auto packets = packets_of(out, ids);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0][0], protocol::kResultSetEndHeader);
    EXPECT_EQ(packets[0].size() == 5, capabilities == kOld) << "an EOF packet";
    const auto end = protocol::parse_result_set_end(packets[0], capabilities);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->warnings, 4);
  }
}

TEST(ResultEnd, RowsGoAheadOfIt) {
  protocol::Buffer out;
  append_result_end(out, {.ok = {.status_flags = 2}, .ends_rows = true, .rows = &kRows}, 254, kModern);
  std::vector<uint8_t> ids;
  const auto packets = packets_of(out, ids);
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(ids, (std::vector<uint8_t>{254, 255, 0}));
  EXPECT_EQ(packets[0], (protocol::Buffer{1, 'a', 1, '1'}));
  EXPECT_EQ(packets[1], (protocol::Buffer{2, 'b', 'b', 2, '2', '2'}));
}

TEST(ResultEnd, OfAPreparedStatementTheRowsAreBinary) {
  protocol::Buffer out;
  append_result_end(out, {.ok = {.status_flags = 2}, .ends_rows = true, .rows = &kRows, .binary = true}, 1,
                    kModern);
  std::vector<uint8_t> ids;
  const auto packets = packets_of(out, ids);
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(packets[0], (protocol::Buffer{0, 0, 1, 'a', 1, '1'})) << "a header and a bitmap of NULLs";
}

}  // namespace
}  // namespace causeway::proxy
