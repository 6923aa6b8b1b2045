#include "protocol/binlog_transaction.h"

#include <algorithm>

namespace causeway::protocol {
namespace {

// Copied where there is none: g++ makes a loop of `= {}` that takes longer than all the rest of an event.
constexpr TransactionMark kNoMark{};

BinlogEventRole role_of_query(const QueryEvent& query) {
  // A text that lies too far behind to be seen is told by its length.
  const auto is = [&](std::string_view word) {
    return query.text_bytes == word.size() && word.starts_with(query.text);
  };
  if (is("BEGIN")) return BinlogEventRole::kBegin;
  if (is("COMMIT") || is("ROLLBACK")) return BinlogEventRole::kEnd;
  const auto starts_with = [&](std::string_view words) { return query.text.starts_with(words); };
  if (starts_with("XA START ") || starts_with("XA BEGIN ")) return BinlogEventRole::kBegin;
  if (starts_with("XA COMMIT ") || starts_with("XA ROLLBACK ")) return BinlogEventRole::kEnd;
  // "# Dummy event replacing ...", cut to the length of the event that it replaces, maybe to nothing.
  constexpr std::string_view kDummy = "# Dum";
  if (starts_with(kDummy) || is(kDummy.substr(0, query.text_bytes))) return BinlogEventRole::kDummy;
  return BinlogEventRole::kStatement;
}

// Of types whose body need not be looked at.
BinlogEventRole role_of_type(BinlogEventType type) {
  switch (type) {
    case BinlogEventType::kStop:
    case BinlogEventType::kRotate:
    case BinlogEventType::kFormatDescription:
      return BinlogEventRole::kFile;
    case BinlogEventType::kIntvar:
    case BinlogEventType::kRand:
    case BinlogEventType::kUserVar:
    case BinlogEventType::kBeginLoadQuery:
    case BinlogEventType::kAppendBlock:
    case BinlogEventType::kDeleteFile:
    case BinlogEventType::kTableMap:
    case BinlogEventType::kRowsQuery:
    case BinlogEventType::kMariadbAnnotateRows:
      return BinlogEventRole::kAhead;
    case BinlogEventType::kExecuteLoadQuery:
    case BinlogEventType::kMariadbQueryCompressed:
      return BinlogEventRole::kStatement;
    case BinlogEventType::kWriteRowsV1:
    case BinlogEventType::kUpdateRowsV1:
    case BinlogEventType::kDeleteRowsV1:
    case BinlogEventType::kWriteRows:
    case BinlogEventType::kUpdateRows:
    case BinlogEventType::kDeleteRows:
    case BinlogEventType::kPartialUpdateRows:
    case BinlogEventType::kMariadbWriteRowsCompressedV1:
    case BinlogEventType::kMariadbUpdateRowsCompressedV1:
    case BinlogEventType::kMariadbDeleteRowsCompressedV1:
    case BinlogEventType::kMariadbWriteRowsCompressed:
    case BinlogEventType::kMariadbUpdateRowsCompressed:
    case BinlogEventType::kMariadbDeleteRowsCompressed:
      return BinlogEventRole::kRows;
    case BinlogEventType::kXid:
    case BinlogEventType::kXaPrepare:
    case BinlogEventType::kTransactionPayload:
    case BinlogEventType::kIncident:
      return BinlogEventRole::kEnd;
    default:
      return BinlogEventRole::kOutside;
  }
}

BinlogEventRole role_of_gtid(BinlogEventType type, uint8_t flags) {
  if (type != BinlogEventType::kMariadbGtid) return BinlogEventRole::kGtid;
  return (flags & mariadb_gtid_flag::kStandalone) != 0 ? BinlogEventRole::kGtidStatement
                                                       : BinlogEventRole::kGtidBegin;
}

// FNV-1a over the bytes of a number.
uint32_t together(uint32_t shape, uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8)
    shape = (shape ^ static_cast<uint8_t>(number >> shift)) * uint32_t{16777619};
  return shape == 0 ? 1 : shape;
}

uint32_t shape_of_rows(const BinlogEventHeader& header, BinlogChecksum checksum) {
  const uint32_t behind = checksum == BinlogChecksum::kCrc32 ? kBinlogChecksumBytes : 0;
  return together(static_cast<uint32_t>(header.type), header.event_bytes - behind);
}

bool is_gtid(BinlogEventType type) {
  return type == BinlogEventType::kGtid || type == BinlogEventType::kAnonymousGtid ||
         type == BinlogEventType::kGtidTagged || type == BinlogEventType::kMariadbGtid;
}

}  // namespace

size_t binlog_event_front_bytes(const BinlogEventHeader& header, Bytes front) {
  constexpr size_t kLongestWords = 12;  // of those that are looked for
  size_t needed = kBinlogEventHeaderBytes;
  if (is_gtid(header.type)) needed += kGtidBodyBytes;
  if (header.type == BinlogEventType::kQuery) {
    needed += kQueryPostHeaderBytes;
    const auto query = parse_query_event(header, front, BinlogChecksum::kNone);
    if (query) needed = header.event_bytes - static_cast<size_t>(query->text_bytes) + kLongestWords;
  }
  return std::min({needed, size_t{header.event_bytes}, kMaxBinlogEventFrontBytes});
}

bool read_meaning(BinlogEventMeaning& meaning, const BinlogEventHeader& header, Bytes front,
                  BinlogChecksum checksum) {
  meaning.server_id = header.server_id;
  meaning.timestamp = header.timestamp;
  meaning.shape = 0;
  if (is_gtid(header.type)) {
    const auto event =
        parse_gtid_event(header, front.subspan(std::min(front.size(), kBinlogEventHeaderBytes)));
    if (!event) return false;
    meaning.role = role_of_gtid(header.type, event->flags);
    meaning.gtid = event->gtid;
    meaning.original_commit_timestamp = event->original_commit_timestamp;
    return true;
  }
  if (meaning.gtid.kind != BinlogGtid::Kind::kNone) meaning.gtid = kNoMark.gtid;
  meaning.original_commit_timestamp = 0;
  if (header.type == BinlogEventType::kQuery) {
    const auto query = parse_query_event(header, front, checksum);
    if (!query) return false;
    meaning.role = role_of_query(*query);
    return true;
  }
  meaning.role = role_of_type(header.type);
  if (meaning.role == BinlogEventRole::kRows) meaning.shape = shape_of_rows(header, checksum);
  return true;
}

bool BinlogTransaction::event(const BinlogEventMeaning& meaning) {
  const bool opens = meaning.role == BinlogEventRole::kGtid || meaning.role == BinlogEventRole::kGtidBegin ||
                     meaning.role == BinlogEventRole::kGtidStatement;
  const bool belongs = meaning.role != BinlogEventRole::kOutside && meaning.role != BinlogEventRole::kFile;
  if (opens || (belongs && state_ == State::kNone)) begin(meaning);
  if (meaning.shape != 0) current_.shape = together(current_.shape, meaning.shape);
  if (!step(meaning.role)) {
    if (state_ == State::kNone) current_ = kNoMark;
    return false;
  }
  last_ = current_;
  current_ = kNoMark;
  state_ = State::kNone;
  return true;
}

void BinlogTransaction::begin(const BinlogEventMeaning& meaning) {
  current_.gtid = meaning.gtid;
  current_.server_id = meaning.server_id;
  current_.timestamp = meaning.timestamp;
  current_.original_commit_timestamp = meaning.original_commit_timestamp;
  current_.shape = 0;
}

// Whether it ends a transaction.
bool BinlogTransaction::step(BinlogEventRole role) {
  switch (role) {
    case BinlogEventRole::kOutside:
      return false;
    case BinlogEventRole::kFile:
      state_ = State::kNone;
      return false;
    case BinlogEventRole::kGtid:
      state_ = State::kGtid;
      return false;
    case BinlogEventRole::kGtidBegin:
      state_ = State::kOpen;
      return false;
    case BinlogEventRole::kGtidStatement:
      state_ = State::kStatement;
      return false;
    case BinlogEventRole::kBegin:
      if (state_ == State::kStatement) return true;
      state_ = State::kOpen;
      return false;
    case BinlogEventRole::kAhead:
      if (state_ == State::kNone) state_ = State::kAhead;
      return false;
    case BinlogEventRole::kStatement:
      return state_ != State::kOpen;
    case BinlogEventRole::kRows:
      if (state_ == State::kStatement) return true;
      state_ = State::kOpen;
      return false;
    case BinlogEventRole::kEnd:
      return true;
    case BinlogEventRole::kDummy:
      return state_ == State::kGtid || state_ == State::kStatement;
  }
  return false;
}

}  // namespace causeway::protocol
