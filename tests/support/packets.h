// The protocol's packets as tests look at them: what a whole answer is, and what it says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/command.h"

namespace causeway::test {

using protocol::Buffer;
using protocol::Bytes;

struct Packet {
  uint8_t sequence_id = 0;
  Buffer payload;

  friend bool operator==(const Packet&, const Packet&) = default;
};

// The whole packets at the beginning of the bytes; `taken` becomes how many bytes they are.
std::vector<Packet> split_packets(Bytes bytes, size_t& taken);

// Frames a payload of less than 16 MiB.
Buffer packet_of(Bytes payload, uint8_t sequence_id);

// How far an answer has come.
enum class AnswerState : uint8_t {
  kIncomplete,
  kWantsFile,  // LOCAL INFILE: the client is to send a file, and the rest of the answer comes behind it
  kComplete,
  kMalformed,  // no answer to this command begins so, or something stands behind it
};

// What the server has said, in the words of the protocol's description: this knows nothing of Causeway's own
// readers.
struct Answer {
  AnswerState state = AnswerState::kIncomplete;
  Buffer bytes;                   // as they came
  bool ended = false;             // the connection was closed
  uint16_t status = 0;            // of the last OK or EOF packet
  uint64_t affected_rows = 0;     // of the last OK packet
  uint32_t statement_id = 0;      // of COM_STMT_PREPARE
  uint16_t error = 0;             // of an ERR packet
  std::vector<std::string> told;  // one per result: "OK", "1290 HY000 text", "[a, NULL][b, c]", "file name"

  // All of `told`, and "closed" behind it if the connection was.
  std::string text() const;
};

// Reads the answer to this command; the capabilities are those negotiated. Of kBinlogDump: the events that
// are there, see describe_event_packet(); "end".
Answer read_answer(Bytes bytes, protocol::Command command, protocol::CapabilityFlags capabilities);

// COM_STMT_CLOSE and COM_STMT_SEND_LONG_DATA have no answer; COM_QUIT has its end.
bool is_answered(protocol::Command command);

}  // namespace causeway::test
