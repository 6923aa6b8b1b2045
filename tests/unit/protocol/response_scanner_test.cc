// What the captures do not hold: hostile and very long responses, sequence ids, rewriting. See
// captures_test.cc.

#include "protocol/response_scanner.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "protocol/packet_header.h"
#include "scan_recorder.h"

namespace causeway::protocol {
namespace {

constexpr CapabilityFlags kOld = capability::kProtocol41;
constexpr CapabilityFlags kNew = capability::kProtocol41 | capability::kDeprecateEof;

const Buffer kOk{0, 0, 0, 2, 0, 0, 0};
const Buffer kOkMore{0, 0, 0, 10, 0, 0, 0};
const Buffer kErr{0xff, 0x15, 0x04, '#', '2', '8', '0', '0', '0', 'n', 'o'};
const Buffer kEof{0xfe, 0, 0, 2, 0};
const Buffer kEofCursor{0xfe, 0, 0, 0x42, 0};
const Buffer kEndOk{0xfe, 0, 0, 2, 0, 0, 0};
const Buffer kOneColumn{1};
const Buffer kColumn{3, 'd', 'e', 'f'};
const Buffer kRow{1, 'x'};

// Packets with sequence ids from `first` on.
Buffer wire(std::initializer_list<Buffer> payloads, uint8_t first = 1) {
  Buffer out;
  for (const Buffer& payload : payloads)
    first = append_packets(out, payload, first);
  return out;
}

std::string events_of(ResponseKind kind, CapabilityFlags capabilities, const Buffer& bytes) {
  const Recording whole = feed_whole(ResponseScanner(kind, capabilities), bytes);
  if (bytes.size() < 10000) {
    const Recording pieces = feed_byte_by_byte(ResponseScanner(kind, capabilities), bytes);
    EXPECT_EQ(pieces.events, whole.events);
    EXPECT_EQ(pieces.forwarded, whole.forwarded);
    EXPECT_EQ(pieces.done, whole.done);
  }
  EXPECT_TRUE(!whole.done || whole.held_back == 0);
  return whole.events + (whole.done ? "." : "");
}

TEST(ResponseScanner, FollowsEveryKindOfResponse) {
  struct Case {
    const char* name;
    ResponseKind kind;
    CapabilityFlags capabilities;
    Buffer bytes;
    const char* events;
  };
  const Buffer prepare_none{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Buffer prepare_1_column_2_parameters{0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0};
  const Case cases[] = {
      {"ok", ResponseKind::kQuery, kOld, wire({kOk}), "ok."},
      {"err", ResponseKind::kQuery, kOld, wire({kErr}), "err."},
      {"rows", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kEof, kRow, kRow, kEof}), "end."},
      {"rows, new", ResponseKind::kQuery, kNew, wire({kOneColumn, kColumn, kRow, kRow, kEndOk}), "end."},
      {"eof where ok is due", ResponseKind::kQuery, kNew, wire({kOneColumn, kColumn, kRow, kEof}), "end."},
      {"two results", ResponseKind::kQuery, kOld, wire({kOkMore, kOk}), "ok,ok."},
      {"error among rows", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kEof, kRow, kErr}), "err."},
      {"error among columns", ResponseKind::kQuery, kOld, wire({kOneColumn, kErr}), "err."},
      {"error for columns' eof", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kErr}), "err."},
      {"cursor", ResponseKind::kExecuteWithCursor, kOld, wire({kOneColumn, kColumn, kEofCursor}), "end."},
      {"a cursor of a procedure's own", ResponseKind::kExecute, kOld,
       wire({kOneColumn, kColumn, kEofCursor, kEof}), "end."},
      {"no cursor in text", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kEofCursor, kEof}),
       "end."},
      {"ok", ResponseKind::kOk, kOld, wire({kOk}), "ok."},
      {"eof as ok", ResponseKind::kOk, kOld, wire({kEof}), "ok."},
      {"nothing was prepared", ResponseKind::kPrepare, kOld, wire({kOk}), "ok."},
      {"nothing was prepared, and there is news", ResponseKind::kPrepare, kOld,
       wire({{0, 0, 0, 2, 0x40, 0, 0, 0, 3, 2, 1, 0x31}}), "ok."},
      {"more results after ping", ResponseKind::kOk, kOld, wire({kOkMore}), "ok."},
      {"err", ResponseKind::kOk, kOld, wire({kErr}), "err."},
      {"fields", ResponseKind::kFieldList, kOld, wire({kColumn, kColumn, kEof}), "end."},
      {"statistics", ResponseKind::kStatistics, kOld, wire({{'U', 'p'}}), "done."},
      {"fetch", ResponseKind::kFetch, kOld, wire({{0, 0, 1}, {0, 0, 2}, kEof}), "end."},
      {"fetch nothing", ResponseKind::kFetch, kNew, wire({kEndOk}), "end."},
      {"prepare", ResponseKind::kPrepare, kOld, wire({prepare_none}), "prepare."},
      {"prepare error", ResponseKind::kPrepare, kOld, wire({kErr}), "err."},
      {"prepare with definitions", ResponseKind::kPrepare, kOld,
       wire({prepare_1_column_2_parameters, kColumn, kColumn, kEof, kColumn, kEof}), "prepare,done."},
      {"prepare with definitions, new", ResponseKind::kPrepare, kNew,
       wire({prepare_1_column_2_parameters, kColumn, kColumn, kColumn}), "prepare,done."},
      {"local infile", ResponseKind::kQuery, kOld, wire({{0xfb, 'f'}}), "infile"},
      {"metadata", ResponseKind::kQuery, kNew | capability::kMariadbCacheMetadata,
       wire({{1, 1}, kColumn, kRow, kEndOk}), "end."},
      {"no metadata", ResponseKind::kQuery, kOld | capability::kOptionalResultsetMetadata,
       wire({{1, 0}, kEof, kRow, kEof}), "end."},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(events_of(c.kind, c.capabilities, c.bytes), c.events);
  }
}

TEST(ResponseScanner, RefusesWhatCannotCome) {
  struct Case {
    const char* name;
    ResponseKind kind;
    CapabilityFlags capabilities;
    Buffer bytes;
  };
  const Case cases[] = {
      {"empty packet", ResponseKind::kQuery, kOld, {0, 0, 0, 1}},
      {"empty row", ResponseKind::kQuery, kNew, wire({kOneColumn, kColumn, {}})},
      {"wrong first sequence id", ResponseKind::kQuery, kOld, wire({kOk}, 2)},
      {"eof first", ResponseKind::kQuery, kOld, wire({kEof})},
      {"ok cut short", ResponseKind::kQuery, kOld, wire({{0, 0, 0, 2, 0, 0}})},
      {"err cut short", ResponseKind::kQuery, kOld, wire({{0xff, 1}})},
      {"bytes behind the column count", ResponseKind::kQuery, kOld, wire({{1, 1}})},
      {"no metadata flag", ResponseKind::kQuery, kOld | capability::kOptionalResultsetMetadata, wire({{1}})},
      {"too many columns", ResponseKind::kQuery, kOld, wire({{0xfe, 0, 0, 0, 0, 1, 0, 0, 0}})},
      {"row for columns' eof", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kRow})},
      {"eof of another length", ResponseKind::kQuery, kOld, wire({kOneColumn, kColumn, kEof, kEndOk})},
      {"rows for ok", ResponseKind::kOk, kOld, wire({kOneColumn})},
      {"text for prepare", ResponseKind::kPrepare, kOld, wire({{'x', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}})},
      {"prepare cut short", ResponseKind::kPrepare, kOld, wire({{0, 1, 0, 0, 0}})},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(events_of(c.kind, c.capabilities, c.bytes), "malformed");
  }
}

TEST(ResponseScanner, SequenceIdsMustBeContinuous) {
  Buffer bytes = wire({kOneColumn, kColumn, kRow, kRow, kEndOk});
  for (size_t at = 0; at < bytes.size(); at += 4 + size_t{bytes[at]}) {
    Buffer wrong = bytes;
    wrong[at + 3] ^= 0x40;
    EXPECT_EQ(events_of(ResponseKind::kQuery, kNew, wrong), "malformed") << at;
  }
}

TEST(ResponseScanner, SequenceIdsWrapAround) {
  Buffer bytes = wire({kOneColumn, kColumn});
  uint8_t sequence_id = 3;
  for (int i = 0; i < 1000; ++i)
    sequence_id = append_packets(bytes, kRow, sequence_id);
  append_packets(bytes, kEndOk, sequence_id);
  EXPECT_EQ(events_of(ResponseKind::kQuery, kNew, bytes), "end.");
}

TEST(ResponseScanner, ErrorOutOfSequenceAtTheStartIsPutInSequence) {
  Buffer bytes = wire({kErr}, 0);
  ResponseScanner scanner(ResponseKind::kQuery, kOld, 1);
  scanner.set_sequence_offset(4);
  EXPECT_EQ(scanner.scan(std::span(bytes).first(7)).event, ScanEvent::kNeedMore);
  const ScanStep step = scanner.scan(bytes);
  EXPECT_EQ(step.event, ScanEvent::kErr);
  EXPECT_EQ(bytes[3], 5);
}

TEST(ResponseScanner, OffsetIsAddedToEverySequenceIdOnce) {
  const auto packets = {kOneColumn, kColumn, kEof, kRow, kRow, kErr};
  for (const size_t piece_bytes : {size_t{1}, size_t{3}, size_t{6}, size_t{1000}}) {
    ResponseScanner scanner(ResponseKind::kQuery, kOld);
    scanner.set_sequence_offset(9);
    EXPECT_EQ(scanner.next_sequence_id(), 10);
    Recording recording;
    feed(
        scanner, wire(packets), [&](size_t) { return piece_bytes; }, recording);
    EXPECT_EQ(recording.forwarded, wire(packets, 10));
    EXPECT_EQ(scanner.next_sequence_id(), 16);
  }
}

TEST(ResponseScanner, FlagsOfTheEofBehindColumnsAreChangedAndNoOthers) {
  const Buffer changed{0xfe, 0, 0, 2, 0x40};
  const Buffer patched{0xfe, 0, 0, 10, 0};
  for (const size_t piece_bytes : {size_t{1}, size_t{7}, size_t{1000}}) {
    ResponseScanner scanner(ResponseKind::kQuery, kOld);
    scanner.set_columns_eof_flags(status::kMoreResultsExist, status::kSessionStateChanged);
    Recording recording;
    feed(
        scanner, wire({kOneColumn, kColumn, changed, kRow, changed}), [&](size_t) { return piece_bytes; },
        recording);
    EXPECT_EQ(recording.forwarded, wire({kOneColumn, kColumn, patched, kRow, changed}));

    ResponseScanner of_prepare(ResponseKind::kPrepare, kOld);
    of_prepare.set_columns_eof_flags(status::kMoreResultsExist, status::kSessionStateChanged);
    const Buffer prepared{0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0};
    Recording definitions;
    feed(
        of_prepare, wire({prepared, kColumn, changed, kColumn, changed}), [&](size_t) { return piece_bytes; },
        definitions);
    EXPECT_EQ(definitions.forwarded, wire({prepared, kColumn, patched, kColumn, patched}));
    EXPECT_TRUE(definitions.done);
  }
}

TEST(ResponseScanner, StepTellsWhereThePacketIs) {
  Buffer bytes = wire({kOneColumn, kColumn, kRow, kEndOk});
  ResponseScanner scanner(ResponseKind::kQuery, kNew);
  const ScanStep step = scanner.scan(bytes);
  EXPECT_EQ(step.event, ScanEvent::kResultSetEnd);
  EXPECT_EQ(step.pass_bytes, bytes.size() - 11);
  EXPECT_EQ(step.packet_bytes, 11u);
  EXPECT_EQ(step.packet_payload.data(), bytes.data() + bytes.size() - 7);
  EXPECT_EQ(step.status_flags, status::kAutocommit);
  EXPECT_TRUE(step.response_done);
  EXPECT_TRUE(scanner.done());
}

TEST(ResponseScanner, RowsPassAsFarAsTheyHaveCome) {
  Buffer bytes = wire({kOneColumn, kColumn, Buffer(100, 'r')});
  ResponseScanner scanner(ResponseKind::kQuery, kNew);
  const ScanStep step = scanner.scan(std::span(bytes).first(bytes.size() - 50));
  EXPECT_EQ(step.event, ScanEvent::kNeedMore);
  EXPECT_EQ(step.pass_bytes, bytes.size() - 50);
  EXPECT_TRUE(scanner.within_packet());
  EXPECT_EQ(scanner.scan(std::span(bytes).last(50)).pass_bytes, 50u);
  EXPECT_FALSE(scanner.within_packet());
}

TEST(ResponseScanner, BytesBehindTheResponseAreLeft) {
  Buffer bytes = wire({kOk});
  const Buffer next = wire({kErr});
  bytes.insert(bytes.end(), next.begin(), next.end());
  ResponseScanner scanner(ResponseKind::kQuery, kNew);
  const ScanStep step = scanner.scan(bytes);
  EXPECT_EQ(step.pass_bytes + step.packet_bytes, 11u);
  EXPECT_TRUE(step.response_done);
  EXPECT_EQ(scanner.scan(std::span(bytes).subspan(11)).event, ScanEvent::kMalformed);
}

TEST(ResponseScanner, NoPartOfALongRowIsTakenForSomethingElse) {
  const size_t full = kMaxPacketPayloadBytes;
  for (const CapabilityFlags capabilities : {kOld, kNew}) {
    for (const size_t length : {full, full + 5, full + 7, 2 * full}) {
      for (const uint8_t byte : {0xfe, 0xff}) {
        SCOPED_TRACE(std::to_string(length) + " of " + std::to_string(byte));
        Buffer row(length, byte);
        row[0] = 0xfe;  // a column of 16 MiB or more: its length has eight bytes
        Buffer bytes = wire({kOneColumn, kColumn});
        uint8_t sequence_id = 3;
        if (capabilities == kOld) sequence_id = append_packets(bytes, kEof, sequence_id);
        sequence_id = append_packets(bytes, row, sequence_id);
        sequence_id = append_packets(bytes, kRow, sequence_id);
        append_packets(bytes, capabilities == kOld ? kEof : kEndOk, sequence_id);
        Recording recording;
        ResponseScanner scanner(ResponseKind::kQuery, capabilities);
        feed(
            scanner, bytes, [](size_t) { return size_t{65536}; }, recording);
        EXPECT_EQ(recording.events, "end");
        EXPECT_TRUE(recording.done);
        EXPECT_EQ(recording.forwarded.size(), bytes.size());
      }
    }
  }
}

TEST(ResponseScanner, PacketsThatWouldHaveToBeHeldAreBounded) {
  for (const uint8_t first : {0x00, 0xff, 0xfb, 0x01}) {
    Buffer payload(kMaxHeldPacketBytes, 'x');
    payload[0] = first;
    Buffer head = wire({payload});
    head.resize(100);
    ResponseScanner scanner(ResponseKind::kQuery, kNew);
    EXPECT_EQ(scanner.scan(head).event, ScanEvent::kMalformed);
  }
}

TEST(ResponseScanner, AfterTheClientsFileTheResponseGoesOn) {
  Buffer request = wire({{0xfb, 'f'}});
  ResponseScanner scanner(ResponseKind::kQuery, kNew);
  EXPECT_EQ(scanner.scan(request).event, ScanEvent::kLocalInfile);
  EXPECT_EQ(ResponseScanner(scanner).scan(request).event, ScanEvent::kMalformed);
  scanner.continue_after_local_infile(7);
  Buffer answer = wire({kOkMore}, 7);
  EXPECT_EQ(scanner.scan(answer).event, ScanEvent::kOk);
  EXPECT_FALSE(scanner.done());
  Buffer rest = wire({kOk}, 8);
  EXPECT_TRUE(scanner.scan(rest).response_done);
}

TEST(ResponseScanner, ProgressReportsPassWhereTheyWereNegotiated) {
  const Buffer bytes = wire({{0xff, 0xff, 0xff, 1, 1, 2, 0, 0, 0, 1, 'x'}, kOk});
  EXPECT_EQ(events_of(ResponseKind::kQuery, kOld | capability::kMariadbProgress, bytes), "ok.");
  EXPECT_EQ(feed_whole(ResponseScanner(ResponseKind::kQuery, kOld), bytes).events, "err");
}

}  // namespace
}  // namespace causeway::protocol
