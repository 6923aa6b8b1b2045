// The compressed protocol: whatever is read is bounded and comes to an end, does not depend on the pieces it
// comes in, and is read back after it was written. Input: options (bit 0: zstd; the others: length of a
// piece), bytes of content at a time, then the wire.

#include <algorithm>
#include <cstdlib>

#include "proxy/net/compression.h"

namespace {

using namespace causeway;
using namespace causeway::proxy;
using protocol::Buffer;
using protocol::Bytes;

constexpr size_t kEnough = size_t{4} << 20;

void require(bool condition) {
  if (!condition) std::abort();
}

// Content up to an error, the end of the input or kEnough bytes, and whether there was an error.
struct Contents {
  Buffer bytes;
  bool failed = false;
};

Contents read_all(CompressionAlgorithm algorithm, Bytes wire, size_t step, size_t room) {
  Decompressor decompressor(algorithm);
  Contents contents;
  while (contents.bytes.size() < kEnough) {
    const Bytes piece = wire.first(std::min(step, wire.size()));
    const size_t before = contents.bytes.size();
    const auto taken = decompressor.decompress(contents.bytes, piece, room);
    require(contents.bytes.size() - before <= room);
    if (!taken) {
      contents.failed = true;
      break;
    }
    const bool is_progress = *taken > 0 || contents.bytes.size() > before;
    require(*taken <= piece.size() && (is_progress || piece.empty()));
    if (!is_progress) break;
    wire = wire.subspan(*taken);
    if (decompressor.at_packet_end()) decompressor.set_next_sequence_id(0);
  }
  return contents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto algorithm = (data[0] & 1) != 0 ? CompressionAlgorithm::kZstd : CompressionAlgorithm::kZlib;
  const size_t step = 1 + (data[0] >> 1);
  const size_t room = 1 + size_t{data[1]} * 16;
  const Bytes wire(data + 2, size - 2);
  const Contents in_pieces = read_all(algorithm, wire, step, room);
  const Contents at_once = read_all(algorithm, wire, SIZE_MAX, kEnough);
  const size_t both = std::min(in_pieces.bytes.size(), at_once.bytes.size());
  require(std::ranges::equal(Bytes(in_pieces.bytes).first(both), Bytes(at_once.bytes).first(both)));
  if (both < kEnough) require(in_pieces.failed == at_once.failed);

  Buffer written;
  Compressor(algorithm, 1 + data[0] % 3).compress(written, at_once.bytes, 0);
  const Contents again = read_all(algorithm, written, SIZE_MAX, kEnough);
  require(!again.failed && again.bytes == at_once.bytes);
  return 0;
}
