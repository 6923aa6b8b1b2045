// A response gives the same events and the same bytes however it arrives.
// Input: kind, capabilities, sequence offset, piece length, then what the server sends.

#include <array>
#include <cstdlib>

#include "tests/unit/protocol/scan_recorder.h"

namespace {

using namespace causeway::protocol;

constexpr std::array kCapabilities{capability::kDeprecateEof, capability::kOptionalResultsetMetadata,
                                   capability::kMariadbCacheMetadata, capability::kMariadbProgress};

CapabilityFlags capabilities_of(uint8_t choice) {
  CapabilityFlags flags = capability::kProtocol41;
  for (size_t i = 0; i < kCapabilities.size(); ++i)
    if ((choice >> i & 1) != 0) flags |= kCapabilities[i];
  return flags;
}

Recording run(ResponseScanner scanner, const Buffer& wire, size_t piece_bytes) {
  Recording recording;
  for (;;) {
    const size_t before = recording.forwarded.size();
    const Buffer rest(wire.begin() + static_cast<long>(before), wire.end());
    feed(
        scanner, rest, [&](size_t n) { return piece_bytes + n % 3; }, recording);
    if (!recording.events.ends_with("infile") || recording.forwarded.size() == before) return recording;
    const size_t next = recording.forwarded.size();
    scanner.continue_after_local_infile(next + 3 < wire.size() ? wire[next + 3] : uint8_t{0});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const auto kind = static_cast<ResponseKind>(data[0] % 7);
  ResponseScanner scanner(kind, capabilities_of(data[1]));
  scanner.set_sequence_offset(data[2]);
  const Buffer wire(data + 4, data + size);
  const Recording whole = run(scanner, wire, wire.size() + 1);
  const Recording pieces = run(scanner, wire, size_t{data[3]} + 1);
  if (whole.events != pieces.events || whole.forwarded != pieces.forwarded ||
      whole.packets != pieces.packets || whole.done != pieces.done || whole.flags != pieces.flags ||
      whole.held_back != pieces.held_back)
    std::abort();
  return 0;
}
