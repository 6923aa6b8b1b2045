// Where an answer is awaited, so that a watchdog can cancel it.
#pragma once

#include "proxy/backend/backend_connection.h"

namespace causeway::proxy {

// An answer is awaited on the connection: `where` points to it, for the watchdog and for KILL.
class InFlightScope {
 public:
  InFlightScope(BackendConnection*& where, BackendConnection& connection) : where_(where) {
    where_ = &connection;
  }
  InFlightScope(const InFlightScope&) = delete;
  InFlightScope& operator=(const InFlightScope&) = delete;
  ~InFlightScope() { where_ = nullptr; }

 private:
  BackendConnection*& where_;
};

}  // namespace causeway::proxy
