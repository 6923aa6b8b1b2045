#include "protocol/semi_sync.h"

#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/com_binlog_dump.h"

namespace causeway::protocol {
namespace {

TEST(SemiSync, TheHeaderSaysWhetherTheSourceWaits) {
  EXPECT_FALSE(parse_semi_sync_header(Buffer{0xef, 0}).value());
  EXPECT_TRUE(parse_semi_sync_header(Buffer{0xef, 1, 0xff}).value());
  EXPECT_EQ(parse_semi_sync_header(Buffer{0xef}).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_semi_sync_header(Buffer{0, 1}).error(), ProtocolError::kMalformed);
}

TEST(SemiSync, AnAcknowledgementIsReadAndWritten) {
  const Buffer payload{0xef, 0x57, 3, 0, 0, 1, 0, 0, 0, 'b', '.', '1'};
  const SemiSyncAck ack = parse_semi_sync_ack(payload).value();
  EXPECT_EQ(ack, (SemiSyncAck{.position = 0x1'0000'0357, .file = "b.1"}));
  Buffer written;
  append_semi_sync_ack(written, ack);
  EXPECT_EQ(written, payload);

  Buffer with_nul = payload;
  with_nul.insert(with_nul.end(), {0, 'x'});
  EXPECT_EQ(parse_semi_sync_ack(with_nul).value(), ack);
}

TEST(SemiSync, AnAcknowledgementOfARealReplica) {
  EXPECT_EQ(parse_semi_sync_ack(from_hex("ef180400000000000062696e6c6f672e303030303031")).value(),
            (SemiSyncAck{.position = 1048, .file = "binlog.000001"}));
}

TEST(SemiSync, AcknowledgementsThatAreNone) {
  Buffer payload{0xef, 0x57, 3, 0, 0, 0, 0, 0, 0};
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_EQ(parse_semi_sync_ack(Bytes(payload).first(size)).error(), ProtocolError::kTruncated) << size;
  EXPECT_EQ(parse_semi_sync_ack(payload).value().file, "");
  payload.resize(payload.size() + kMaxBinlogFileBytes, 'x');
  EXPECT_TRUE(parse_semi_sync_ack(payload));
  payload.push_back('x');
  EXPECT_EQ(parse_semi_sync_ack(payload).error(), ProtocolError::kMalformed);
  payload[0] = 0x03;
  EXPECT_EQ(parse_semi_sync_ack(payload).error(), ProtocolError::kMalformed);
}

}  // namespace
}  // namespace causeway::protocol
