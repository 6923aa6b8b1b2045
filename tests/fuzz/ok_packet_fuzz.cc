// OK, EOF and ERR packets and session tracking: what could be read is read again after it was written.
// Input: capabilities, then the payload.

#include <algorithm>
#include <cstdlib>

#include "protocol/err_packet.h"
#include "protocol/result_set_end.h"
#include "protocol/session_track.h"

namespace {

using namespace causeway::protocol;

constexpr size_t kHeader = 4;

void require(bool condition) {
  if (!condition) std::abort();
}

bool same(const OkPacket& a, const OkPacket& b) {
  return a.affected_rows == b.affected_rows && a.last_insert_id == b.last_insert_id &&
         a.warnings == b.warnings && a.info == b.info && std::ranges::equal(a.session_state, b.session_state);
}

void check_session_state(Bytes session_state) {
  Buffer written;
  SessionTrackReader reader(session_state);
  size_t items = 0;
  for (; const auto item = reader.next(); ++items)
    append_session_track(written, *item);
  SessionTrackReader again(written);
  while (again.next())
    --items;
  require(again.ok() && items == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const CapabilityFlags capabilities = ((data[0] & 1) != 0 ? capability::kSessionTrack : 0) |
                                       ((data[0] & 2) != 0 ? capability::kDeprecateEof : 0);
  const Bytes payload(data + 1, size - 1);
  Buffer written;
  if (const auto ok = parse_ok_packet(payload, capabilities)) {
    check_session_state(ok->session_state);
    append_ok_packet(written, *ok, 1, payload[0], capabilities);
    const auto again = parse_ok_packet(Bytes(written).subspan(kHeader), capabilities);
    require(again && same(*ok, *again));
  }
  written.clear();
  if (const auto end = parse_result_set_end(payload, capabilities)) {
    append_result_set_end(written, *end, 1, capabilities);
    const auto again = parse_result_set_end(Bytes(written).subspan(kHeader), capabilities);
    require(again && same(*end, *again));
  }
  written.clear();
  if (const auto err = parse_err_packet(payload); err && err->message.size() <= kMaxErrMessageBytes) {
    append_err_packet(written, *err, 1);
    require(parse_err_packet(Bytes(written).subspan(kHeader)).value() == *err);
  }
  return 0;
}
