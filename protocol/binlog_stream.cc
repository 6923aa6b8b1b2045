#include "protocol/binlog_stream.h"

#include <algorithm>
#include <utility>

#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/response_scanner.h"
#include "protocol/semi_sync.h"

namespace causeway::protocol {
namespace {

// Events that stand at a file's beginning and are sent also where the dump starts behind them.
bool opens_a_file(BinlogEventType type) {
  return type == BinlogEventType::kFormatDescription || type == BinlogEventType::kPreviousGtids ||
         type == BinlogEventType::kMariadbGtidList || type == BinlogEventType::kMariadbStartEncryption;
}

// Events whose bodies are needed as a whole.
bool is_whole_needed(BinlogEventType type) {
  return type == BinlogEventType::kRotate || type == BinlogEventType::kFormatDescription ||
         type == BinlogEventType::kHeartbeat || type == BinlogEventType::kHeartbeatV2;
}

// The next position from `from` on whose low 32 bits are these: a log only goes forward.
uint64_t extend_position(uint64_t from, uint32_t low_bits) {
  return from + static_cast<uint32_t>(low_bits - static_cast<uint32_t>(from));
}

}  // namespace

BinlogScanStep BinlogStreamScanner::scan(Bytes input) {
  const BinlogScanStep step = scan_packets(input);
  state_.bytes += step.pass_bytes + step.packet_bytes;
  return step;
}

BinlogScanStep BinlogStreamScanner::scan_packets(Bytes input) {
  for (size_t at = 0;;) {
    if (payload_left_ > 0) {
      const size_t part = std::min<size_t>(payload_left_, input.size() - at);
      at += part;
      payload_left_ -= static_cast<uint32_t>(part);
      if (payload_left_ > 0) return {.pass_bytes = at};
    }
    if (is_passing_ && !continues_) finish_event();
    if (std::exchange(ack_is_to_be_told_, false))
      return {.event = BinlogScanEvent::kAckWanted, .pass_bytes = at};
    if (!boundary_told_ && !done_ && !error_ && stands_where_to_stop()) {
      boundary_told_ = true;
      return {.event = BinlogScanEvent::kBoundary, .pass_bytes = at};
    }
    if (at == input.size()) return {.pass_bytes = at};
    if (error_) return broken(at, *error_);
    if (done_) return broken(at, ProtocolError::kUnexpectedPacket);
    const std::optional<BinlogScanStep> step = begin_packet(input, at);
    if (step) return *step;
  }
}

bool BinlogStreamScanner::stands_where_to_stop() const {
  switch (stop_at_) {
    case BinlogStop::kNever:
      return false;
    case BinlogStop::kBoundaries:
      return at_boundary();
    case BinlogStop::kEvents:
      return between_events();
  }
  return false;
}

// The packet at `at`. Nothing if it is passing: then `at` is behind its header.
std::optional<BinlogScanStep> BinlogStreamScanner::begin_packet(Bytes input, size_t& at) {
  const size_t available = input.size() - at;
  if (available < kPacketHeaderBytes) return BinlogScanStep{.pass_bytes = at};
  const PacketHeader header = read_packet_header(input.data() + at);
  if (continues_) {
    if (header.sequence_id != next_sequence_id_) return broken(at, ProtocolError::kSequence);
    if (!continue_event(header)) return broken(at, ProtocolError::kMalformed);
    at += kPacketHeaderBytes;
    return std::nullopt;
  }
  if (header.payload_bytes == 0) return broken(at, ProtocolError::kMalformed);
  if (available == kPacketHeaderBytes) return BinlogScanStep{.pass_bytes = at};
  const uint8_t first_byte = input[at + kPacketHeaderBytes];
  // A server that closes a connection while a command is on its way may send an ERR out of sequence.
  const bool closing = first_byte == kErrHeader && state_.events == 0;
  if (!closing && !accept_sequence_id(header.sequence_id)) return broken(at, ProtocolError::kSequence);
  if (first_byte == kErrHeader || first_byte == kEofHeader) return hold_packet(input, at);
  if (first_byte != kOkHeader) return broken(at, ProtocolError::kUnexpectedPacket);
  return begin_event(input, at);
}

std::optional<BinlogScanStep> BinlogStreamScanner::begin_event(Bytes input, size_t& at) {
  const PacketHeader packet = read_packet_header(input.data() + at);
  // The first one is the ROTATE that sources make up, whose timestamp is 0.
  if (!semi_sync_ && input.size() - at > kPacketHeaderBytes + 1)
    semi_sync_ = input[at + kPacketHeaderBytes + 1] == kSemiSyncMagic;
  const size_t ahead_bytes = 1 + (semi_sync_.value_or(false) ? kSemiSyncHeaderBytes : 0);
  if (packet.payload_bytes < ahead_bytes + kBinlogEventHeaderBytes)
    return broken(at, ProtocolError::kTruncated);
  const size_t in_packet = packet.payload_bytes - ahead_bytes;
  const size_t event_at = at + kPacketHeaderBytes + ahead_bytes;
  if (input.size() < event_at + kBinlogEventHeaderBytes) return BinlogScanStep{.pass_bytes = at};
  const Bytes there = input.subspan(event_at, std::min(in_packet, input.size() - event_at));

  const auto header = parse_binlog_event_header(there);
  if (!header) return broken(at, ProtocolError::kMalformed);
  const bool is_split = packet.payload_bytes == kMaxPacketPayloadBytes;
  if (is_split ? header->event_bytes < in_packet : header->event_bytes != in_packet)
    return broken(at, ProtocolError::kMalformed);
  if (semi_sync_.value_or(false)) {
    const auto ack_wanted = parse_semi_sync_header(input.subspan(event_at - kSemiSyncHeaderBytes));
    if (!ack_wanted) return broken(at, ProtocolError::kMalformed);
    ack_wanted_ = *ack_wanted;
  }

  const bool whole = is_whole_needed(header->type);
  if (whole && header->event_bytes > kMaxBinlogEventFrontBytes)
    return broken(at, ProtocolError::kPacketTooLarge);
  const size_t needed = whole ? size_t{header->event_bytes} : binlog_event_front_bytes(*header, there);
  if (there.size() < needed) return BinlogScanStep{.pass_bytes = at};
  if (!read_event(*header, there.first(needed))) return broken(at, ProtocolError::kMalformed);
  event_left_ = header->event_bytes - in_packet;
  take_packet(packet);
  at += kPacketHeaderBytes;
  return std::nullopt;
}

bool BinlogStreamScanner::continue_event(const PacketHeader& header) {
  const bool is_full = header.payload_bytes == kMaxPacketPayloadBytes;
  if (is_full ? header.payload_bytes > event_left_ : header.payload_bytes != event_left_) return false;
  event_left_ -= header.payload_bytes;
  take_packet(header);
  return true;
}

void BinlogStreamScanner::take_packet(const PacketHeader& header) {
  payload_left_ = header.payload_bytes;
  continues_ = header.payload_bytes == kMaxPacketPayloadBytes;
  next_sequence_id_ = static_cast<uint8_t>(header.sequence_id + 1);
  other_sequence_id_.reset();
  boundary_told_ = false;
}

bool BinlogStreamScanner::accept_sequence_id(uint8_t sequence_id) const {
  return sequence_id == next_sequence_id_ || sequence_id == other_sequence_id_;
}

// An EOF or ERR packet at `at`.
BinlogScanStep BinlogStreamScanner::hold_packet(Bytes input, size_t at) {
  const uint32_t payload_bytes = read_packet_header(input.data() + at).payload_bytes;
  const size_t packet_bytes = kPacketHeaderBytes + payload_bytes;
  if (packet_bytes > kMaxHeldPacketBytes) return broken(at, ProtocolError::kPacketTooLarge);
  if (input.size() - at < packet_bytes) return {.pass_bytes = at};
  const Bytes payload = input.subspan(at + kPacketHeaderBytes, payload_bytes);
  const bool is_err = payload.front() == kErrHeader;
  if (is_err && !parse_err_packet(payload)) return broken(at, ProtocolError::kTruncated);
  if (!is_err && payload_bytes < kEofPayloadBytes) return broken(at, ProtocolError::kTruncated);
  done_ = true;
  return {.event = is_err ? BinlogScanEvent::kErr : BinlogScanEvent::kEof,
          .pass_bytes = at,
          .packet_bytes = packet_bytes,
          .packet_payload = payload};
}

// False: the event is malformed. (A bool, since this is done for every event, and anything larger is slow to
// return.)
bool BinlogStreamScanner::read_event(const BinlogEventHeader& header, Bytes front) {
  if (!read_meaning(meaning_, header, front, state_.checksum)) return false;
  is_passing_ = true;
  header_ = header;
  if (!is_whole_needed(header.type)) return true;
  if (header.type != BinlogEventType::kFormatDescription) return read_place(header, front);
  const auto description = parse_format_description_event(front);
  if (!description) return false;
  checksum_ = description->checksum;
  return true;
}

// Of a ROTATE or a heartbeat, a whole event. These may come ahead of a format description, or be of other
// checksums than the file that they come ahead of.
bool BinlogStreamScanner::read_place(const BinlogEventHeader& header, Bytes event) {
  const BinlogChecksum checksum = ends_with_crc32(event) ? BinlogChecksum::kCrc32 : BinlogChecksum::kNone;
  const auto body = binlog_event_body(event, checksum);
  if (!body) return false;
  if (header.type == BinlogEventType::kRotate) {
    const auto rotate = parse_rotate_event(*body);
    if (!rotate) return false;
    place_ = {.file = std::string(rotate->file), .position = rotate->position, .is_exact = true};
    return true;
  }
  const auto heartbeat = parse_heartbeat_event(header, *body);
  if (!heartbeat) return false;
  place_ = {.file = std::string(heartbeat->file),
            .position = heartbeat->position,
            .is_exact = heartbeat->is_exact || heartbeat->file != state_.file};
  return true;
}

void BinlogStreamScanner::finish_event() {
  is_passing_ = false;
  const uint64_t begin = state_.position;
  const bool was_open = state_.transaction.is_open();
  move_position();
  if (checksum_) state_.checksum = *std::exchange(checksum_, std::nullopt);
  const bool ended = state_.transaction.event(meaning_);
  if (ended) ++state_.transactions;
  const bool opens_again = meaning_.gtid.kind != BinlogGtid::Kind::kNone;
  if (opens_again || (!was_open && (ended || state_.transaction.is_open())))
    state_.transaction_position = begin;
  if (!state_.transaction.is_open()) state_.boundary_position = state_.position;
  state_.last_type = header_.type;
  state_.last_artificial = header_.is_artificial();
  // A format description that is sent again is as old as its file.
  if (!state_.last_artificial && header_.log_pos != 0) state_.last_timestamp = header_.timestamp;
  ++state_.events;
  if (!std::exchange(ack_wanted_, false)) return;
  ack_is_to_be_told_ = true;
  // The source counts from 1 on again, or, if there are some that do not, goes on.
  other_sequence_id_ = std::exchange(next_sequence_id_, uint8_t{1});
}

void BinlogStreamScanner::move_position() {
  if (place_) {
    Place place = *std::exchange(place_, std::nullopt);
    state_.file = std::move(place.file);
    state_.position = place.is_exact
                          ? place.position
                          : extend_position(state_.position, static_cast<uint32_t>(place.position));
    return;
  }
  if (header_.is_artificial() || header_.log_pos == 0) return;
  state_.position = opens_a_file(header_.type) ? std::max<uint64_t>(state_.position, header_.log_pos)
                                               : extend_position(state_.position, header_.log_pos);
}

BinlogScanStep BinlogStreamScanner::broken(size_t pass_bytes, ProtocolError error) {
  error_ = error;
  is_passing_ = false;
  return {.event = BinlogScanEvent::kMalformed, .pass_bytes = pass_bytes, .error = error};
}

}  // namespace causeway::protocol
