#include "proxy/backend/pooled_connection.h"

#include "proxy/backend/backend_pool.h"

namespace causeway::proxy {

PooledConnection::PooledConnection(BackendPool& pool, BackendConnection& connection)
    : pool_(&pool), connection_(&connection) {
  connection.use = this;
}

PooledConnection& PooledConnection::operator=(PooledConnection&& other) noexcept {
  if (this == &other) return *this;
  close(CloseReason::kNotPutBack);
  take_from(other);
  return *this;
}

void PooledConnection::take_from(PooledConnection& other) {
  pool_ = std::exchange(other.pool_, nullptr);
  connection_ = std::exchange(other.connection_, nullptr);
  if (connection_ != nullptr) connection_->use = this;
}

void PooledConnection::put_back() {
  if (connection_ != nullptr) pool_->put_back(*connection_);
}

void PooledConnection::close(CloseReason reason) {
  if (connection_ != nullptr) pool_->close(*connection_, reason);
}

}  // namespace causeway::proxy
