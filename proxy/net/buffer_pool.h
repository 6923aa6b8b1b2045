// The fixed-size buffers that statements and responses pass through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace causeway::proxy {

// Of one worker, used by its thread only. An idle session holds no buffer; a busy one holds one or two.
class BufferPool {
 public:
  static constexpr size_t kBufferBytes = size_t{64} * 1024;

  // A buffer that goes back to its pool when dropped. The pool outlives it.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::move(other.bytes_)) {}
    Lease& operator=(Lease&& other) noexcept {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      bytes_ = std::move(other.bytes_);
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { release(); }

    explicit operator bool() const { return bytes_ != nullptr; }
    uint8_t* data() const { return bytes_.get(); }
    static constexpr size_t size() { return kBufferBytes; }

    void release() {
      if (pool_ != nullptr) pool_->put_back(std::move(bytes_));
      pool_ = nullptr;
      bytes_.reset();
    }

   private:
    friend class BufferPool;
    Lease(BufferPool* pool, std::unique_ptr<uint8_t[]> bytes) : pool_(pool), bytes_(std::move(bytes)) {}

    BufferPool* pool_ = nullptr;
    std::unique_ptr<uint8_t[]> bytes_;
  };

  Lease take() {
    if (free_.empty()) return {this, std::make_unique_for_overwrite<uint8_t[]>(kBufferBytes)};
    std::unique_ptr<uint8_t[]> bytes = std::move(free_.back());
    free_.pop_back();
    return {this, std::move(bytes)};
  }

 private:
  // What a burst has left behind above this is given back to the system.
  static constexpr size_t kMaxFree = 64;

  void put_back(std::unique_ptr<uint8_t[]> bytes) {
    if (bytes && free_.size() < kMaxFree) free_.push_back(std::move(bytes));
  }

  std::vector<std::unique_ptr<uint8_t[]>> free_;
};

}  // namespace causeway::proxy
