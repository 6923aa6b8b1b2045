// Follows the response to a command by its packet headers, so that rows pass through unread.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
//
// The way of a response:
//   OK | ERR                                                          no rows
//   LOCAL INFILE, (the client's file), OK | ERR                       LOAD DATA LOCAL
//   column count, column definitions, [EOF], rows, EOF | OK | ERR     a result set
// and again from the start while SERVER_MORE_RESULTS_EXISTS is set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "protocol/byte_reader.h"
#include "protocol/capability_flags.h"
#include "protocol/status_flags.h"

namespace causeway::protocol {

// What a command is answered with.
enum class ResponseKind : uint8_t {
  kQuery,              // COM_QUERY, COM_PROCESS_INFO: any number of results
  kExecute,            // COM_STMT_EXECUTE, COM_STMT_BULK_EXECUTE: likewise
  kExecuteWithCursor,  // COM_STMT_EXECUTE that asks for a cursor: likewise; may end with one that is open
  kPrepare,            // COM_STMT_PREPARE: the statement's OK, definitions of its parameters and columns
  kOk,  // OK, EOF or ERR: COM_INIT_DB, COM_PING, COM_RESET_CONNECTION, COM_SET_OPTION, COM_STMT_RESET, ...
  kFieldList,   // COM_FIELD_LIST: column definitions
  kStatistics,  // COM_STATISTICS: one text
  kFetch,       // COM_STMT_FETCH: rows
};

enum class ScanEvent : uint8_t {
  kNeedMore,      // no packet; everything but a tail without a complete header or special packet may pass
  kOk,            // packet: OK (or EOF, for ResponseKind::kOk) that is a result of its own
  kErr,           // packet: ERR; ends the response
  kResultSetEnd,  // packet: EOF or 0xFE OK behind rows or, with a cursor, behind the column definitions
  kLocalInfile,   // packet: the server asks for a file; see continue_after_local_infile()
  kPrepareOk,     // packet: the first of a COM_STMT_PREPARE response, with the statement id
  kEnd,           // no packet; the response ends with the bytes that may pass (kPrepare, kStatistics)
  kMalformed,     // no packet; the server broke the protocol, the connection is of no use any more
};

struct ScanStep {
  ScanEvent event = ScanEvent::kNeedMore;
  size_t pass_bytes = 0;  // at the front of the input, to be forwarded as they stand
  size_t packet_bytes =
      0;  // the event's packet, header and all, right behind them; 0 for an event without one
  Bytes packet_payload = {};  // its payload
  // Of kOk and kResultSetEnd; with those that MySQL sets only before the rows of a procedure's OUT
  // parameters.
  StatusFlags status_flags = 0;
  bool response_done = false;  // nothing follows behind the packet (or, at kEnd, behind the passing bytes)
};

// A packet that is an event is held back until it is complete; one longer than this is malformed.
inline constexpr size_t kMaxHeldPacketBytes = size_t{1} << 20;

// One object per response; small, copyable, allocates nothing. The caller loops:
//   step = scanner.scan(input);  forward step.pass_bytes;  forward, rewrite or drop the packet of the event;
//   go on behind it, with a tail that was left over at kNeedMore in front of what is read next.
class ResponseScanner {
 public:
  // `capabilities` are those negotiated with the server. `first_sequence_id` is that of the server's first
  // packet: one more than the last of the command.
  ResponseScanner(ResponseKind kind, CapabilityFlags capabilities, uint8_t first_sequence_id = 1);

  // Looks at the front of what the server sent and has not yet been passed. Changes nothing in it but
  // sequence ids: by the offset below, and that of an ERR that opens the response out of sequence (servers
  // send such when they close a connection while a command is on its way). Returns at the first event.
  ScanStep scan(std::span<uint8_t> input);

  // Added (modulo 256) to the sequence ids of all packets scanned from now on, in place: for a command that
  // is answered with several responses, one behind the other.
  void set_sequence_offset(uint8_t offset) { sequence_offset_ = offset; }

  // For the EOF packets behind column definitions, scanned from now on: these status flags are
  // added and those taken away, in place.
  void set_columns_eof_flags(StatusFlags added, StatusFlags removed) {
    columns_eof_added_ = added;
    columns_eof_removed_ = removed;
  }

  // The sequence id, offset included, that the next packet to the client has to have.
  uint8_t next_sequence_id() const { return static_cast<uint8_t>(next_sequence_id_ + sequence_offset_); }

  // After kLocalInfile and the client's file: the server's OK or ERR follows with this sequence id (of the
  // server, before the offset).
  void continue_after_local_infile(uint8_t sequence_id);

  bool done() const { return state_ == State::kDone; }

  // A packet has begun to pass whose rest is still to come: nothing may be sent to the client in between.
  bool within_packet() const { return payload_left_ > 0 || continues_; }

 private:
  enum class State : uint8_t {
    kFirstPacket,  // the next packet says what the result is
    kOkOnly,       // the next packet is OK, EOF or ERR
    kPrepareOk,    // the next packet opens the response to COM_STMT_PREPARE
    kDefinitions,  // definitions_left_ packets of a prepared statement's definitions follow
    kColumns,      // definitions_left_ column definitions of a result set follow
    kColumnsEof,   // the EOF between column definitions and rows follows
    kRows,         // rows follow, until EOF, OK or ERR
    kText,         // the next packet is text, and all
    kEnding,       // the response ends with the packet that is passing
    kLocalInfile,  // waiting for continue_after_local_infile()
    kDone,         // the response has ended
    kBroken,       // the response is malformed
  };

  static State initial_state(ResponseKind kind);
  size_t pass_rows(std::span<uint8_t> input, size_t at);
  bool accept_sequence_id(uint8_t* header, uint8_t first_byte);
  bool must_be_held(uint8_t first_byte, uint32_t payload_bytes) const;
  void begin_packet(uint8_t* header);
  void packet_passes();
  std::optional<ScanStep> hold_packet(std::span<uint8_t> input, size_t& at);
  void read_held_packet(Bytes payload, ScanStep& step);
  void read_first_packet(Bytes payload, ScanStep& step);
  void read_prepare_ok(Bytes payload, ScanStep& step);
  void read_columns_eof(Bytes payload, ScanStep& step);
  void read_err(Bytes payload, ScanStep& step);
  void end_result(Bytes payload, ScanEvent event, ScanStep& step);
  void patch_columns_eof(uint8_t* payload) const;
  void expect_rows();
  ScanStep broken(size_t pass_bytes);

  ResponseKind kind_;
  State state_;
  bool deprecate_eof_;
  bool metadata_flag_;      // a byte behind the column count says whether definitions follow
  bool progress_reports_;   // MariaDB's, in the form of ERR packets, may come
  bool continues_ = false;  // the last packet was full: the next one belongs to the same payload
  bool first_ = true;       // no packet of the server's turn has been scanned
  uint8_t next_sequence_id_;
  uint8_t sequence_offset_ = 0;
  StatusFlags columns_eof_added_ = 0;
  StatusFlags columns_eof_removed_ = 0;
  StatusFlags out_params_flags_ = 0;  // of the EOF before the rows, if they are OUT parameters
  uint32_t payload_left_ = 0;         // bytes of the packet that is passing, still to come
  uint32_t definitions_left_ = 0;     // see State
};

}  // namespace causeway::protocol
