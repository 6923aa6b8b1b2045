// The OK or EOF packet behind a result, as the client is to see it.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/ok_packet.h"
#include "proxy/session/local_answers.h"

namespace causeway::proxy {

struct ResultEnd {
  protocol::OkPacket ok;                 // as it is to be shown, its session state included
  uint8_t header = protocol::kOkHeader;  // of an OK packet; MySQL's of a result has another one
  bool ends_rows = false;  // it stands behind rows: an EOF packet for clients without DEPRECATE_EOF
  // Rows that go ahead of it (not owned; null for none), in the binary protocol or as text.
  const std::vector<NameAndValue>* rows = nullptr;
  bool binary = false;
};

// Appends the packets of the rows and of the end; the first has this sequence id.
void append_result_end(protocol::Buffer& out, const ResultEnd& end, uint8_t sequence_id,
                       protocol::CapabilityFlags capabilities);

}  // namespace causeway::proxy
