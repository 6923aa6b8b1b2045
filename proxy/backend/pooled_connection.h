// The use of a connection of a pool, from the moment when it is taken until it is put back or closed.
#pragma once

#include <cstddef>
#include <utility>

#include "proxy/backend/close_reason.h"

namespace causeway::proxy {

class BackendPool;
struct BackendConnection;

// Whoever has one decides how the use ends. If nobody does, an exception went through, say, the connection is
// closed: nothing of a session can be left in it for the next one, and the pool's books balance. Empty once
// the use has ended, also where the pool has ended it (BackendPool::close(), put_back(), abandon()). May
// outlive the pool, empty by then.
class PooledConnection {
 public:
  PooledConnection() = default;
  PooledConnection(PooledConnection&& other) noexcept { take_from(other); }
  PooledConnection& operator=(PooledConnection&& other) noexcept;
  PooledConnection(const PooledConnection&) = delete;
  PooledConnection& operator=(const PooledConnection&) = delete;
  ~PooledConnection() { close(CloseReason::kNotPutBack); }

  explicit operator bool() const { return connection_ != nullptr; }
  friend bool operator==(const PooledConnection& use, std::nullptr_t) { return use.connection_ == nullptr; }
  BackendConnection* get() const { return connection_; }
  BackendConnection& operator*() const { return *connection_; }
  BackendConnection* operator->() const { return connection_; }

  // Nothing is under way on it. It is idle from here on, and still its lease's own; BackendConnection::keep
  // says whether anybody else may have it. Nothing happens if the use has ended.
  void put_back();

  // It is of no use any more, or something is left in it that only its end takes away. Nothing happens if the
  // use has ended.
  void close(CloseReason reason);

 private:
  friend class BackendPool;

  PooledConnection(BackendPool& pool, BackendConnection& connection);
  void take_from(PooledConnection& other);

  BackendPool* pool_ = nullptr;
  BackendConnection* connection_ = nullptr;
};

}  // namespace causeway::proxy
