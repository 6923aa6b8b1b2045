// What a replica says of itself, and its acknowledgements. Wiping the password changes nothing else.
// Input: a payload.

#include "protocol/com_register_slave.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/byte_writer.h"
#include "protocol/semi_sync.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes payload(data, size);
  Buffer wiped(payload.begin(), payload.end());
  wipe_reported_password(wiped);
  const auto replica = parse_com_register_slave(payload);
  const auto without = parse_com_register_slave(wiped);
  require(replica.has_value() == without.has_value());
  if (replica) require(*replica == *without);

  (void)parse_semi_sync_header(payload);
  if (const auto ack = parse_semi_sync_ack(payload)) {
    Buffer written;
    append_semi_sync_ack(written, *ack);
    require(parse_semi_sync_ack(written).value() == *ack);
    require(std::equal(written.begin(), written.end(), payload.begin()));
  }
  return 0;
}
