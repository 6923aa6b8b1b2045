// The file that a client sends within LOAD DATA LOCAL INFILE: any number of packets, and an empty one that
// ends it.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_local_infile_data.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "protocol/packet_header.h"

namespace causeway::protocol {

// Follows the packets as they pass by, in pieces of any length. Of the file nothing is kept.
class LocalInfileReader {
 public:
  // What sequence ids towards the client have more than those of the server.
  explicit LocalInfileReader(uint8_t sequence_offset) : offset_(sequence_offset) {}

  // The sequence ids are counted from `first` on, whatever the client says: one that compresses may count
  // wrong (see renumber_packets()).
  void count_from(uint8_t first) { counted_ = first; }

  // Looks at the bytes that come next and changes the sequence ids among them, in place, to those that the
  // server expects. False: there is more behind the end of the file, which no client sends.
  bool feed(std::span<uint8_t> bytes);

  // The empty packet has come to its end. A packet that only continues one of the greatest length may be
  // empty without ending the file.
  bool ended() const { return ended_; }

  // What the server's answer to the file begins with.
  uint8_t next_sequence_id() const { return static_cast<uint8_t>(sequence_id_ + 1); }

 private:
  uint8_t offset_;
  std::optional<uint8_t> counted_;
  uint8_t sequence_id_ = 0;
  std::array<uint8_t, kPacketHeaderBytes> header_{};
  size_t header_bytes_ = 0;
  uint32_t payload_left_ = 0;
  bool continues_ = false;  // the last payload was of the greatest length
  bool ended_ = false;
};

}  // namespace causeway::protocol
