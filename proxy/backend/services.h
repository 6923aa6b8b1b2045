// What all shards share. Made by the application before the workers start, and gone after they have ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "protocol/scramble.h"
#include "proxy/accounts/account_store.h"
#include "proxy/accounts/credential_cache.h"
#include "proxy/backend/connection_budget.h"
#include "proxy/backend/place_queue.h"
#include "proxy/base/log.h"
#include "proxy/cluster/cluster_monitor.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/cluster/monitor_account.h"
#include "proxy/config/config.h"
#include "proxy/net/tls_context.h"
#include "proxy/replication/log_readers.h"

namespace causeway::proxy {

class MetricsRegistry;
class Shard;
class SessionDirectory;

struct Services {
  Services(const Config& configuration, Logger log, const ClusterState& state)
      : config(configuration),
        logger(std::move(log)),
        cluster(state),
        budgets(configuration.nodes.size()),
        replication_budgets(configuration.nodes.size()),
        lines(configuration.nodes.size()),
        log_readers(configuration.replication.state_file, logger),
        listener_sessions(configuration.listeners.size()) {
    uint32_t clients = 0;
    for (const ListenerConfig& listener : configuration.listeners) {
      if (listener.purpose == ListenerPurpose::kReplication) clients += listener.max_clients;
    }
    for (ConnectionBudget& budget : replication_budgets)
      budget.set_limit(clients);
  }

  const Config& config;
  Logger logger;
  const ClusterState& cluster;
  MetricsRegistry* metrics = nullptr;
  ClusterMonitor* monitor = nullptr;
  AccountStore* accounts = nullptr;  // null: the configuration's users
  CredentialCache credentials;
  std::shared_ptr<MonitorAccount> monitor_account;
  std::shared_ptr<const protocol::RsaKeyPair> rsa_key;
  TlsContext client_tls;                  // those that workers begin with; null: no TLS towards clients,
  TlsContext server_tls;                  // or towards servers
  std::vector<ConnectionBudget> budgets;  // by node
  // By node: of sessions of listeners for replication, as many as these let in. None is short of a place.
  std::vector<ConnectionBudget> replication_budgets;
  std::vector<PlaceQueue> lines;  // by node: for a place of the budget
  std::vector<Shard*> shards;     // by worker
  SessionDirectory* sessions = nullptr;
  LogReaders log_readers;

  std::atomic<uint32_t> open_sessions{0};
  std::vector<std::atomic<uint32_t>> listener_sessions;  // of these, by ListenerConfig::index
  std::atomic<bool> draining{false};
};

}  // namespace causeway::proxy
