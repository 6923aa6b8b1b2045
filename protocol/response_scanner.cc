#include "protocol/response_scanner.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kLocalInfileHeader = 0xfb;

// A row whose first column is this long begins with 0xfe too; an EOF packet is shorter than any such row.
constexpr uint32_t kEofPayloadLimit = 9;

// The answer that tells of a prepared statement has this length, or one more, and a zero in this place. An OK
// packet has the length of its session state there, or the first type of it.
constexpr size_t kPrepareOkBytes = 12;
constexpr size_t kPrepareOkFiller = 9;

bool is_plain_ok(Bytes payload, bool metadata_flag) {
  if (payload.front() != kOkHeader) return false;
  const bool fits =
      payload.size() == kPrepareOkBytes || (metadata_flag && payload.size() == kPrepareOkBytes + 1);
  return !fits || payload[kPrepareOkFiller] != 0;
}

// Tables end at 4096 columns, results do not. They are only counted here.
constexpr uint64_t kMaxColumns = std::numeric_limits<uint32_t>::max();

// MySQL sets these in the EOF packet before the row of OUT parameters, not in the one behind it.
constexpr StatusFlags kOutParamsFlags = status::kPsOutParams | status::kMoreResultsExist;

// Status flags of an OK or EOF packet.
std::optional<StatusFlags> read_status_flags(Bytes payload, bool deprecate_eof) {
  ByteReader reader(payload);
  const bool is_eof = reader.int1() == kEofHeader && (!deprecate_eof || payload.size() == kEofPayloadBytes);
  if (is_eof) {
    if (payload.size() != kEofPayloadBytes) return std::nullopt;
    reader.skip(2);  // warnings
    return reader.int2();
  }
  reader.int_lenenc();  // affected rows
  reader.int_lenenc();  // last insert id
  const StatusFlags flags = reader.int2();
  reader.skip(2);  // warnings
  if (!reader.ok()) return std::nullopt;
  return flags;
}

}  // namespace

ResponseScanner::ResponseScanner(ResponseKind kind, CapabilityFlags capabilities, uint8_t first_sequence_id)
    : kind_(kind),
      state_(initial_state(kind)),
      deprecate_eof_(has(capabilities, capability::kDeprecateEof)),
      metadata_flag_(has(capabilities, capability::kOptionalResultsetMetadata) ||
                     has(capabilities, capability::kMariadbCacheMetadata)),
      progress_reports_(has(capabilities, capability::kMariadbProgress)),
      next_sequence_id_(first_sequence_id) {}

ResponseScanner::State ResponseScanner::initial_state(ResponseKind kind) {
  switch (kind) {
    case ResponseKind::kQuery:
    case ResponseKind::kExecute:
    case ResponseKind::kExecuteWithCursor:
      return State::kFirstPacket;
    case ResponseKind::kPrepare:
      return State::kPrepareOk;
    case ResponseKind::kOk:
      return State::kOkOnly;
    case ResponseKind::kFieldList:  // column definitions end as rows do
    case ResponseKind::kFetch:
      return State::kRows;
    case ResponseKind::kStatistics:
      return State::kText;
  }
  return State::kBroken;
}

void ResponseScanner::continue_after_local_infile(uint8_t sequence_id) {
  state_ = State::kOkOnly;
  first_ = true;
  next_sequence_id_ = sequence_id;
}

ScanStep ResponseScanner::scan(std::span<uint8_t> input) {
  for (size_t at = 0;;) {
    if (payload_left_ > 0) {
      const size_t part = std::min<size_t>(payload_left_, input.size() - at);
      at += part;
      payload_left_ -= static_cast<uint32_t>(part);
      if (payload_left_ > 0) return {.pass_bytes = at};
    }
    if (state_ == State::kEnding && !continues_) {
      state_ = State::kDone;
      return {.event = ScanEvent::kEnd, .pass_bytes = at, .response_done = true};
    }
    if (state_ == State::kRows && !continues_) {
      at = pass_rows(input, at);
      if (payload_left_ > 0) return {.pass_bytes = at};
    }
    if (at == input.size()) return {.pass_bytes = at};
    if (state_ == State::kDone || state_ == State::kLocalInfile || state_ == State::kBroken)
      return broken(at);

    const size_t available = input.size() - at;
    if (available < kPacketHeaderBytes) return {.pass_bytes = at};
    uint8_t* const header = input.data() + at;
    const auto [payload_bytes, sequence_id] = read_packet_header(header);
    if (continues_) {
      if (sequence_id != next_sequence_id_) return broken(at);
      begin_packet(header);
      at += kPacketHeaderBytes;
      continue;
    }
    if (payload_bytes == 0) return broken(at);
    if (available == kPacketHeaderBytes) return {.pass_bytes = at};
    const uint8_t first_byte = header[kPacketHeaderBytes];
    if (!accept_sequence_id(header, first_byte)) return broken(at);
    if (!must_be_held(first_byte, payload_bytes)) {
      packet_passes();
      begin_packet(header);
      at += kPacketHeaderBytes;
      continue;
    }

    const std::optional<ScanStep> step = hold_packet(input, at);
    if (step) return *step;
  }
}

// Of the packet at `at`, which must be there as a whole. Nothing if there is nothing to report: then it
// passes too, and `at` is behind it.
std::optional<ScanStep> ResponseScanner::hold_packet(std::span<uint8_t> input, size_t& at) {
  uint8_t* const header = input.data() + at;
  uint8_t* const payload = header + kPacketHeaderBytes;
  const uint32_t payload_bytes = read_packet_header(header).payload_bytes;
  const size_t packet_bytes = kPacketHeaderBytes + payload_bytes;
  if (packet_bytes > kMaxHeldPacketBytes) return broken(at);
  if (input.size() - at < packet_bytes) return ScanStep{.pass_bytes = at};
  const bool columns_eof = (state_ == State::kColumnsEof || state_ == State::kDefinitions) &&
                           *payload == kEofHeader && payload_bytes == kEofPayloadBytes;
  ScanStep step{.packet_bytes = packet_bytes, .packet_payload = {payload, payload_bytes}};
  read_held_packet(step.packet_payload, step);
  if (step.event == ScanEvent::kMalformed) return broken(at);
  begin_packet(header);
  payload_left_ = 0;
  if (step.event == ScanEvent::kNeedMore) {
    if (columns_eof) patch_columns_eof(payload);
    at += packet_bytes;
    return std::nullopt;
  }
  step.pass_bytes = at;
  step.response_done = state_ == State::kDone;
  return step;
}

// The hot path: whole rows, one after the other. Stops where anything else may begin. The members that change
// with every row are kept in locals, as a store through a byte pointer would make the compiler reload them.
size_t ResponseScanner::pass_rows(std::span<uint8_t> input, size_t at) {
  const size_t start = at;
  const size_t size = input.size();
  const uint8_t offset = sequence_offset_;
  uint8_t expected_sequence_id = next_sequence_id_;
  while (size - at > kPacketHeaderBytes) {
    uint8_t* const header = input.data() + at;
    const auto [payload_bytes, sequence_id] = read_packet_header(header);
    // An empty payload and a full one are left to scan() too.
    const bool row =
        header[kPacketHeaderBytes] < kEofHeader && payload_bytes - 1 < kMaxPacketPayloadBytes - 1;
    if (!row || sequence_id != expected_sequence_id) break;
    if (offset != 0) header[3] = static_cast<uint8_t>(sequence_id + offset);
    ++expected_sequence_id;
    at += kPacketHeaderBytes + payload_bytes;
    if (at > size) {
      payload_left_ = static_cast<uint32_t>(at - size);
      at = size;
      break;
    }
  }
  next_sequence_id_ = expected_sequence_id;
  if (at > start) first_ = false;
  return at;
}

bool ResponseScanner::accept_sequence_id(uint8_t* header, uint8_t first_byte) {
  if (header[3] == next_sequence_id_) return true;
  if (!first_ || first_byte != kErrHeader) return false;
  header[3] = next_sequence_id_;
  return true;
}

bool ResponseScanner::must_be_held(uint8_t first_byte, uint32_t payload_bytes) const {
  if (first_byte == kErrHeader) return true;
  switch (state_) {
    case State::kRows:
      return first_byte == kEofHeader &&
             payload_bytes < (deprecate_eof_ ? kMaxPacketPayloadBytes : kEofPayloadLimit);
    case State::kDefinitions:
      return first_byte == kEofHeader;
    case State::kColumns:
    case State::kText:
      return false;
    default:
      return true;
  }
}

// The header is dealt with; its payload passes.
void ResponseScanner::begin_packet(uint8_t* header) {
  payload_left_ = read_packet_header(header).payload_bytes;
  continues_ = payload_left_ == kMaxPacketPayloadBytes;
  header[3] = static_cast<uint8_t>(next_sequence_id_ + sequence_offset_);
  ++next_sequence_id_;
  first_ = false;
}

void ResponseScanner::packet_passes() {
  if (state_ == State::kText) state_ = State::kEnding;
  if (state_ != State::kDefinitions && state_ != State::kColumns) return;
  if (--definitions_left_ > 0) return;
  if (state_ == State::kDefinitions) {
    state_ = State::kEnding;
  } else {
    expect_rows();
  }
}

void ResponseScanner::expect_rows() {
  state_ = deprecate_eof_ ? State::kRows : State::kColumnsEof;
}

void ResponseScanner::read_held_packet(Bytes payload, ScanStep& step) {
  if (payload.front() == kErrHeader) return read_err(payload, step);
  switch (state_) {
    case State::kFirstPacket:
      return read_first_packet(payload, step);
    case State::kPrepareOk:
      return read_prepare_ok(payload, step);
    case State::kColumnsEof:
      return read_columns_eof(payload, step);
    case State::kDefinitions:  // the EOF behind them
      return packet_passes();
    case State::kRows:
      return end_result(payload, ScanEvent::kResultSetEnd, step);
    case State::kOkOnly:
      if (payload.front() != kOkHeader && payload.front() != kEofHeader) {
        step.event = ScanEvent::kMalformed;
        return;
      }
      return end_result(payload, ScanEvent::kOk, step);
    default:
      step.event = ScanEvent::kMalformed;
  }
}

void ResponseScanner::read_first_packet(Bytes payload, ScanStep& step) {
  if (payload.front() == kOkHeader) return end_result(payload, ScanEvent::kOk, step);
  if (payload.front() == kLocalInfileHeader) {
    state_ = State::kLocalInfile;
    step.event = ScanEvent::kLocalInfile;
    return;
  }
  ByteReader reader(payload);
  const uint64_t columns = reader.int_lenenc();
  const bool definitions_follow = !metadata_flag_ || reader.int1() != 0;
  if (!reader.ok() || !reader.at_end() || columns == 0 || columns > kMaxColumns) {
    step.event = ScanEvent::kMalformed;
    return;
  }
  if (!definitions_follow) return expect_rows();
  state_ = State::kColumns;
  definitions_left_ = static_cast<uint32_t>(columns);
}

// Parameters, then columns: one definition each and, behind each of the two lists that is not empty, an EOF.
void ResponseScanner::read_prepare_ok(Bytes payload, ScanStep& step) {
  // MySQL 9.7 answers SET GLOBAL of somebody who may not do that by a plain OK: nothing was prepared.
  if (is_plain_ok(payload, metadata_flag_)) return end_result(payload, ScanEvent::kOk, step);
  ByteReader reader(payload);
  const uint8_t header = reader.int1();
  reader.skip(4);  // statement id
  const uint16_t columns = reader.int2();
  const uint16_t parameters = reader.int2();
  reader.skip(3);  // filler, warnings
  const bool definitions_follow = !metadata_flag_ || reader.at_end() || reader.int1() != 0;
  if (!reader.ok() || header != kOkHeader) {
    step.event = ScanEvent::kMalformed;
    return;
  }
  const uint32_t eofs = deprecate_eof_ ? 0 : (columns > 0 ? 1u : 0u) + (parameters > 0 ? 1u : 0u);
  definitions_left_ = (definitions_follow ? uint32_t{columns} + parameters : 0) + eofs;
  state_ = definitions_left_ > 0 ? State::kDefinitions : State::kDone;
  step.event = ScanEvent::kPrepareOk;
}

void ResponseScanner::read_columns_eof(Bytes payload, ScanStep& step) {
  const std::optional<StatusFlags> flags = read_status_flags(payload, deprecate_eof_);
  if (payload.front() != kEofHeader || !flags) {
    step.event = ScanEvent::kMalformed;
    return;
  }
  // The flag is set, and rows follow, where a procedure has opened a cursor of its own.
  if (kind_ == ResponseKind::kExecuteWithCursor && (*flags & status::kCursorExists) != 0)
    return end_result(payload, ScanEvent::kResultSetEnd, step);
  if ((*flags & status::kPsOutParams) != 0) out_params_flags_ = *flags & kOutParamsFlags;
  state_ = State::kRows;
}

void ResponseScanner::read_err(Bytes payload, ScanStep& step) {
  ByteReader reader(payload);
  reader.skip(1);
  const uint16_t code = reader.int2();
  if (!reader.ok()) {
    step.event = ScanEvent::kMalformed;
    return;
  }
  if (progress_reports_ && code == kMariadbProgressCode) return;
  state_ = State::kDone;
  step.event = ScanEvent::kErr;
}

void ResponseScanner::end_result(Bytes payload, ScanEvent event, ScanStep& step) {
  const std::optional<StatusFlags> flags = read_status_flags(payload, deprecate_eof_);
  if (!flags) {
    step.event = ScanEvent::kMalformed;
    return;
  }
  step.event = event;
  step.status_flags = *flags | out_params_flags_;
  out_params_flags_ = 0;
  const bool several_results = kind_ == ResponseKind::kQuery || kind_ == ResponseKind::kExecute ||
                               kind_ == ResponseKind::kExecuteWithCursor;
  const bool more = several_results && (step.status_flags & status::kMoreResultsExist) != 0;
  state_ = more ? State::kFirstPacket : State::kDone;
}

void ResponseScanner::patch_columns_eof(uint8_t* payload) const {
  uint8_t* const flags = payload + kEofPayloadBytes - 2;
  const auto patched =
      static_cast<StatusFlags>((flags[0] | (flags[1] << 8) | columns_eof_added_) & ~columns_eof_removed_);
  flags[0] = static_cast<uint8_t>(patched);
  flags[1] = static_cast<uint8_t>(patched >> 8);
}

ScanStep ResponseScanner::broken(size_t pass_bytes) {
  state_ = State::kBroken;
  return {.event = ScanEvent::kMalformed, .pass_bytes = pass_bytes};
}

}  // namespace causeway::protocol
