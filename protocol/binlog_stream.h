// Follows the answer to COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID, so that events pass through unread but for
// their fronts. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication.html
// https://mariadb.com/kb/en/3-binlog-network-stream/
//
//   (packet: 0x00 | with semi-sync 0xef, flag | event) ..., EOF for a dump that does not wait | ERR
//
// An event of 16 MiB and more goes on in further packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/binlog_event.h"
#include "protocol/binlog_transaction.h"
#include "protocol/byte_reader.h"
#include "protocol/packet_header.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

enum class BinlogScanEvent : uint8_t {
  kNeedMore,   // no packet; everything but a tail that ends within the front of an event may pass
  kBoundary,   // no packet; the stream stands where stop_at() says behind the bytes that may pass
  kAckWanted,  // no packet; the source wants the event acknowledged that ends with the bytes that may pass,
               // and numbers its packets anew behind it
  kEof,        // packet: EOF (or 0xFE OK); the log has ended, for a dump that does not wait
  kErr,        // packet: ERR; ends the stream
  kMalformed,  // no packet; the server broke the protocol, the connection is of no use any more
};

struct BinlogScanStep {
  BinlogScanEvent event = BinlogScanEvent::kNeedMore;
  size_t pass_bytes = 0;  // at the front of the input, to be forwarded as they stand
  size_t packet_bytes =
      0;  // the event's packet, header and all, right behind them; 0 for an event without one
  Bytes packet_payload = {};
  std::optional<ProtocolError> error = std::nullopt;  // of kMalformed
};

// Where a stream stands behind the bytes that have passed. What an event says counts once it has passed as a
// whole.
struct BinlogStreamState {
  // In the source's log; a file name is empty until the first ROTATE, which is the first event. Positions are
  // counted in 64 bits although events have 32.
  std::string file;
  uint64_t position = 0;
  uint64_t boundary_position = 0;                   // of `file`: behind the last transaction that has ended
  uint64_t transaction_position = 0;                // of `file`: where the last one that was opened begins
  BinlogTransaction transaction;                    // the open one, and the last one that has ended
  BinlogChecksum checksum = BinlogChecksum::kNone;  // of events, by the file's format description

  BinlogEventType last_type{};
  uint32_t last_timestamp =
      0;  // of the last event of the log, seconds since 1970; artificial events have none
  bool last_artificial = false;

  uint64_t events = 0;
  uint64_t transactions = 0;  // that have ended
  uint64_t bytes = 0;         // on the wire, packet headers and all

  friend bool operator==(const BinlogStreamState&, const BinlogStreamState&) = default;
};

// The longest tail that is left over at kNeedMore, but for an EOF or ERR packet, which is held back until it
// is whole.
inline constexpr size_t kMaxBinlogTailBytes = kPacketHeaderBytes + 1 + 2 + kMaxBinlogEventFrontBytes;

// Where scan() returns although there is more: wherever an event ends (or nothing has passed yet) ...
enum class BinlogStop : uint8_t {
  kNever,
  kBoundaries,  // ... and no transaction is open
  kEvents,
};

// One object per dump. The caller loops:
//   step = scanner.scan(input);  forward step.pass_bytes;  forward, rewrite or drop the packet of kEof and
//   kErr; go on behind it, with a tail that was left over at kNeedMore in front of what is read next.
class BinlogStreamScanner {
 public:
  // `semi_sync`: whether the source puts the header of semi_sync.h before its events; nothing: the first
  // event says so. What the client has asked for does not: a source without the plugin puts none.
  // `first_sequence_id` is that of the server's first packet: one more than the last of the command.
  explicit BinlogStreamScanner(std::optional<bool> semi_sync = std::nullopt, uint8_t first_sequence_id = 1)
      : semi_sync_(semi_sync), next_sequence_id_(first_sequence_id) {}

  // Looks at the front of what the server sent and has not yet been passed, and changes nothing in it.
  BinlogScanStep scan(Bytes input);

  // From now on scan() returns with kBoundary there. At a boundary of transactions the caller may end the
  // stream, by an ERR or EOF packet of its own with next_sequence_id().
  void stop_at(BinlogStop stop) { stop_at_ = stop; }

  // Whether no event is half passed, and whether no transaction is open either.
  bool between_events() const { return payload_left_ == 0 && !is_passing_; }
  bool at_boundary() const { return between_events() && !state_.transaction.is_open(); }

  // Valid until the next scan().
  const BinlogStreamState& state() const { return state_; }

  // The sequence id that the next packet to the client has to have. An ERR that comes ahead of all events may
  // have another one.
  uint8_t next_sequence_id() const { return next_sequence_id_; }

 private:
  // Where a ROTATE or a heartbeat says that the stream is.
  struct Place {
    std::string file;
    uint64_t position = 0;
    bool is_exact = false;  // the position is not modulo 2^32
  };

  BinlogScanStep scan_packets(Bytes input);
  std::optional<BinlogScanStep> begin_packet(Bytes input, size_t& at);
  std::optional<BinlogScanStep> begin_event(Bytes input, size_t& at);
  BinlogScanStep hold_packet(Bytes input, size_t at);
  bool continue_event(const PacketHeader& header);
  bool read_event(const BinlogEventHeader& header, Bytes front);
  bool read_place(const BinlogEventHeader& header, Bytes event);
  void finish_event();
  bool stands_where_to_stop() const;
  void move_position();
  bool accept_sequence_id(uint8_t sequence_id) const;
  void take_packet(const PacketHeader& header);
  BinlogScanStep broken(size_t pass_bytes, ProtocolError error);

  std::optional<bool> semi_sync_;
  bool ack_is_to_be_told_ = false;
  BinlogStop stop_at_ = BinlogStop::kNever;
  bool boundary_told_ = false;  // where the stream stands now
  bool done_ = false;
  std::optional<ProtocolError> error_;
  bool continues_ = false;  // the last packet was full: the next one belongs to the same event
  bool ack_wanted_ = false;
  uint8_t next_sequence_id_;
  std::optional<uint8_t> other_sequence_id_;  // behind an event that asks for an acknowledgement
  uint32_t payload_left_ = 0;                 // bytes of the packet that is passing, still to come
  uint64_t event_left_ = 0;                   // bytes of the event in packets still to come
  // The event that is passing, and what becomes of the state when it has passed.
  bool is_passing_ = false;
  BinlogEventHeader header_;
  BinlogEventMeaning meaning_;
  std::optional<BinlogChecksum> checksum_;  // of a format description
  std::optional<Place> place_;
  BinlogStreamState state_;
};

}  // namespace causeway::protocol
