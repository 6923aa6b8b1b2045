// Where the bytes of a response stand between the server and the client.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "proxy/net/buffer_pool.h"

namespace causeway::proxy {

// What the server sent and nobody has looked at yet. A buffer of the pool, until a single packet that has to
// be whole is longer than that; views into it hold until the next call that may move it (room, replace).
class ResponseBuffer {
 public:
  explicit ResponseBuffer(BufferPool& pool) : pooled_(pool.take()) {}

  // From the first byte on that has not been consumed; may be changed in place.
  std::span<uint8_t> unread() { return {data() + begin_, end_ - begin_}; }
  // At most as many as are unread.
  void consume(size_t bytes) { begin_ += bytes; }

  // Room behind what is unread; moves it to the front, and to a larger buffer if a single packet is longer
  // than the buffer.
  std::span<uint8_t> room() {
    if (begin_ == end_) {
      begin_ = end_ = 0;
    } else if (begin_ > 0 && end_ == size()) {
      std::memmove(data(), data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == size()) grow();
    return {data() + end_, size() - end_};
  }
  // So many bytes of the room have been filled.
  void added(size_t bytes) { end_ += bytes; }

  // Replaces `from` bytes at `at` of what is unread by others; mostly fewer, since session state is taken
  // out.
  void replace(size_t at, size_t from, protocol::Bytes with) {
    while (with.size() > from && size() - end_ < with.size() - from)
      grow();
    uint8_t* place = data() + begin_ + at;
    std::memmove(place + with.size(), place + from, end_ - begin_ - at - from);
    std::memcpy(place, with.data(), with.size());
    end_ = end_ + with.size() - from;
  }

 private:
  uint8_t* data() { return pooled_ ? pooled_.data() : large_.data(); }
  size_t size() const { return pooled_ ? BufferPool::Lease::size() : large_.size(); }

  void grow() {
    large_.resize(size() * 2);
    if (!pooled_) return;
    std::memcpy(large_.data(), pooled_.data(), end_);
    pooled_.release();
  }

  BufferPool::Lease pooled_;
  protocol::Buffer large_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace causeway::proxy
