// The HTTP endpoint for operators: /metrics, /healthz, /readyz, /readyz/replication, /status and a page that
// draws it.
#pragma once

#include <prometheus/metric_family.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

struct Readiness {
  bool ready = false;
  std::string reason;  // what is missing, or the roles found
};

// Called on the server's own thread. One that throws gives the client a 500.
struct AdminHandlers {
  std::function<std::vector<prometheus::MetricFamily>()> metrics;
  std::function<Readiness()> readiness;              // for statements
  std::function<Readiness()> replication_readiness;  // for streams of the binary log
  // A JSON object. The page shows of it, all optional:
  // {"version", "uptime_seconds", "ready", "reason", "sessions", "forwarding_sessions",
  //  "nodes": [{"name", "role", "up", "monitor_refused", "last_error", "usable", "lag_seconds", "position",
  //  "statements", "connections", "leases"}], "statements": {"writer": n, "replica": n, "local": n,
  //  "rejected": n}, "read_waits":
  //  {"count", "seconds", "timeouts"}, "pins": {"REASON": n},
  //  "streams": [{"server_id", "uuid", "user", "client", "mode", "node", "since", "file", "position", "gtid",
  //  "transactions", "bytes", "lag_seconds", "lag_bytes"}]}
  std::function<std::string()> status;
};

struct AdminServerLimits {
  size_t max_connections = 64;
  size_t max_request_bytes = 8192;
  std::chrono::milliseconds timeout{10'000};  // for one request, and for an idle connection
};

// Listens and serves from construction to destruction, on a thread of its own.
class AdminServer {
 public:
  // Throws std::runtime_error with the address and the reason if it cannot listen.
  AdminServer(const Address& listen, AdminHandlers handlers, Logger logger, AdminServerLimits limits = {});
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Where it listens: the port in use if 0 was asked for.
  Address address() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway::proxy
