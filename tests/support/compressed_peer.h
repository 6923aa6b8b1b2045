// One side of the compressed protocol with zlib, for scripted clients. It knows nothing of Causeway's codecs.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
#pragma once

#include <cstdint>

#include "tests/support/packets.h"

namespace causeway::test {

class CompressedPeer {
 public:
  // A command begins: sequence ids count from 0 again.
  void begin_command() { next_id_ = 0; }

  // Takes what came over the wire, and appends its content as far as packets are whole.
  void receive(Bytes wire, Buffer& content);
  // One packet with this content, compressed if it is long enough for that to be usual.
  Buffer wrap(Bytes content);

  // A sequence id out of order, or no zlib.
  bool has_failed() const { return failed_; }

 private:
  uint8_t next_id_ = 0;  // of the next packet, whoever sends it
  Buffer in_;
  bool failed_ = false;
};

}  // namespace causeway::test
