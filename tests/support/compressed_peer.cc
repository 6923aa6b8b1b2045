#include "tests/support/compressed_peer.h"

#include <zlib.h>

#include <cstddef>

namespace causeway::test {
namespace {

constexpr size_t kHeaderBytes = 7;
constexpr size_t kMinCompressed = 50;

size_t int3(Bytes bytes) {
  return size_t{bytes[0]} | size_t{bytes[1]} << 8 | size_t{bytes[2]} << 16;
}

}  // namespace

void CompressedPeer::receive(Bytes wire, Buffer& content) {
  in_.insert(in_.end(), wire.begin(), wire.end());
  while (!failed_ && in_.size() >= kHeaderBytes) {
    const Bytes all = in_;
    const size_t payload_bytes = int3(all);
    const size_t content_bytes = int3(all.subspan(4));
    if (all.size() < kHeaderBytes + payload_bytes) return;
    // Of what is said unasked, at the end of a session that is idle say, the command that is sent just now
    // is not counted.
    if (all[3] == 0 && next_id_ == 1) next_id_ = 0;
    failed_ = all[3] != next_id_++;
    const Bytes payload = all.subspan(kHeaderBytes, payload_bytes);
    if (content_bytes == 0) {
      content.insert(content.end(), payload.begin(), payload.end());
    } else {
      Buffer plain(content_bytes);
      uLongf size = content_bytes;
      failed_ |=
          ::uncompress(plain.data(), &size, payload.data(), payload.size()) != Z_OK || size != content_bytes;
      content.insert(content.end(), plain.begin(), plain.end());
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(kHeaderBytes + payload_bytes));
  }
}

Buffer CompressedPeer::wrap(Bytes content) {
  Buffer payload(content.begin(), content.end());
  const bool compresses = content.size() >= kMinCompressed;
  if (compresses) {
    uLongf size = ::compressBound(content.size());
    payload.resize(size);
    failed_ |= ::compress(payload.data(), &size, content.data(), content.size()) != Z_OK;
    payload.resize(size);
  }
  Buffer out;
  protocol::ByteWriter writer(out);
  writer.int3(static_cast<uint32_t>(payload.size()));
  writer.int1(next_id_++);
  writer.int3(compresses ? static_cast<uint32_t>(content.size()) : 0);
  writer.bytes(payload);
  return out;
}

}  // namespace causeway::test
