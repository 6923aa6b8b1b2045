// What an operator can set. The table of all settings is config_settings.h, the reading of files, environment
// and flags config_load.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "consistency/read_consistency.h"
#include "consistency/timeout_policy.h"
#include "protocol/secret.h"
#include "protocol/tls_mode.h"
#include "proxy/base/log.h"
#include "proxy/base/network.h"

namespace causeway::proxy {

// A TCP endpoint, or a Unix socket if `path` is not empty.
struct Address {
  std::string host = {};  // a name or an IP address, IPv6 without brackets
  uint16_t port = 0;      // 0 to listen on: any free one
  std::string path = {};

  bool is_unix() const { return !path.empty(); }
  friend bool operator==(const Address&, const Address&) = default;
};

// "host:port", "[::1]:port" or "unix:/path".
std::string to_string(const Address& address);

// The highest number of nodes in a configuration: what is counted by node has this many slots.
inline constexpr size_t kMaxNodes = 64;

enum class StatementPolicy : uint8_t { kReject, kForward };
enum class StartOn : uint8_t { kWriter };
enum class ReadsOnWriter : uint8_t {
  kFallback,  // only if no replica can be used
  kAlways,    // the writer takes its share of the reads
  kNever,     // without a usable replica a read is an error
};
using protocol::TlsMode;
enum class TlsVersion : uint8_t { k12, k13 };
enum class ClientCertificate : uint8_t { kOptional, kRequired };

// Whom a listener is for.
enum class ListenerPurpose : uint8_t {
  kStatements,   // applications
  kReplication,  // who reads the binary log, or takes a dump to begin with: all of it on one server
};

// Whose binary log is read.
enum class LogSource : uint8_t {
  kWriter,
  kReplica,  // of one that logs what it applies; the writer's while there is none
};

std::string_view to_string(StatementPolicy value);
std::string_view to_string(StartOn value);
std::string_view to_string(ReadsOnWriter value);
std::string_view to_string(TlsMode value);
std::string_view to_string(TlsVersion value);
std::string_view to_string(ClientCertificate value);

struct StatementsConfig {
  StatementPolicy savepoint = StatementPolicy::kReject;
  StatementPolicy xa = StatementPolicy::kReject;
  StatementPolicy load_data = StatementPolicy::kReject;
  StatementPolicy plugin = StatementPolicy::kReject;
  StatementPolicy ddl = StatementPolicy::kForward;
  StatementPolicy temporary_table = StatementPolicy::kForward;

  friend bool operator==(const StatementsConfig&, const StatementsConfig&) = default;
};

// One of the policies of StatementsConfig that a listener has itself.
struct OwnPolicy {
  StatementPolicy StatementsConfig::*policy = nullptr;
  StatementPolicy value = StatementPolicy::kReject;

  friend bool operator==(const OwnPolicy&, const OwnPolicy&) = default;
};

// After complete_listeners() the optional values are set: those a listener does not have itself are the ones
// of `forwarding` and `tls`.
struct ListenerConfig {
  Address address = {};
  size_t index = 0;  // after complete_listeners() its place in Config::listeners
  ListenerPurpose purpose = ListenerPurpose::kStatements;
  std::optional<consistency::ReadConsistency> read_consistency = {};
  std::optional<std::chrono::milliseconds> read_wait_timeout = {};
  std::optional<consistency::TimeoutPolicy> on_read_wait_timeout = {};
  // From where clients come with a header of the PROXY protocol, which they have to send.
  std::vector<Network> proxy_protocol_from = {};
  uint32_t socket_mode = 0777;  // of a Unix socket's file, whatever the umask
  std::optional<TlsMode> tls = {};
  std::vector<OwnPolicy> own_statements = {};
  StatementsConfig statements = {};  // after complete_listeners() all that hold for its sessions

  // Of kReplication.
  LogSource source = LogSource::kWriter;
  uint32_t max_clients = 64;          // at a time
  uint64_t max_bytes_per_second = 0;  // of the log, to one client; 0: no bound

  // Its clients are to read the log of a replica, as long as there is one for that.
  bool gives_replicas_log() const {
    return purpose == ListenerPurpose::kReplication && source == LogSource::kReplica;
  }

  friend bool operator==(const ListenerConfig&, const ListenerConfig&) = default;
};

struct NodeConfig {
  Address address = {};
  uint32_t weight = 1;           // share of the reads; 0 takes none
  bool proxy_protocol = false;   // the node is told the clients' addresses, by the PROXY protocol
  uint32_t max_connections = 0;  // of Causeway to it; 0: LimitsConfig::max_server_connections

  friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

struct MonitorConfig {
  std::string user = "causeway";
  protocol::SecretBytes password = {};  // after load_config() that of password_file, if it is set
  std::string password_file = {};       // its first line is the password
  std::chrono::milliseconds interval{250};
  std::chrono::milliseconds connect_timeout{1000};

  friend bool operator==(const MonitorConfig&, const MonitorConfig&) = default;
};

struct ForwardingConfig {
  consistency::ReadConsistency read_consistency = consistency::ReadConsistency::kSession;
  std::chrono::milliseconds read_wait_timeout{1000};
  consistency::TimeoutPolicy on_read_wait_timeout = consistency::TimeoutPolicy::kWriter;
  std::chrono::milliseconds writer_wait{10'000};
  std::chrono::milliseconds writer_queue_timeout{1000};
  std::chrono::seconds aurora_fwd_writer_idle_timeout{60};
  uint32_t aurora_fwd_writer_max_connections_pct = 10;

  friend bool operator==(const ForwardingConfig&, const ForwardingConfig&) = default;
};

struct TransactionsConfig {
  StartOn start_on = StartOn::kWriter;

  friend bool operator==(const TransactionsConfig&, const TransactionsConfig&) = default;
};

struct RoutingConfig {
  ReadsOnWriter reads_on_writer = ReadsOnWriter::kFallback;
  std::optional<std::chrono::milliseconds> max_lag = {};  // nothing: no bound

  friend bool operator==(const RoutingConfig&, const RoutingConfig&) = default;
};

struct LimitsConfig {
  uint32_t max_connections = 10'000;          // client sessions over all workers
  uint32_t max_server_connections = 0;        // to one node; 0: as many as its share allows
  uint32_t instances = 1;                     // Causeways that share the nodes
  uint64_t max_packet_bytes = 64ull << 20;    // longest command of a client
  uint32_t max_prepared_statements = 16'382;  // of one client session

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

struct TimeoutsConfig {
  std::chrono::milliseconds connect{2000};            // a connection to a server, login included
  std::chrono::milliseconds login{10'000};            // a client's connection phase
  std::chrono::milliseconds client_idle{28'800'000};  // a client that sends nothing
  std::chrono::milliseconds server_idle{300'000};     // a server connection that lies in its pool

  friend bool operator==(const TimeoutsConfig&, const TimeoutsConfig&) = default;
};

// Towards clients. kDisabled, kPreferred and kRequired are possible; with `ca` a client certificate is asked
// for.
struct TlsConfig {
  // Of listeners that have none of their own. After complete_listeners() kDisabled only if no listener has
  // TLS.
  TlsMode mode = TlsMode::kPreferred;
  std::string certificate = {};  // PEM files; without them a self-made certificate
  std::string key = {};
  std::string ca = {};
  std::string password_key = {};                                        // PEM file; without it a new key
  ClientCertificate client_certificate = ClientCertificate::kOptional;  // with `ca`
  TlsVersion min_version = TlsVersion::k12;

  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// Towards servers.
struct ServerTlsConfig {
  TlsMode mode = TlsMode::kPreferred;
  std::string ca = {};           // PEM file; without it the system's
  std::string certificate = {};  // client certificate, if the servers ask for one
  std::string key = {};
  TlsVersion min_version = TlsVersion::k12;

  friend bool operator==(const ServerTlsConfig&, const ServerTlsConfig&) = default;
};

struct UserConfig {
  protocol::SecretBytes password = {};  // after load_config() that of password_file, if it is set
  std::string password_file = {};

  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

// For clients that read the binary log.
struct ReplicationConfig {
  uint32_t workers = 1;  // threads for the listeners with this purpose; 0: the others'
  std::string state_file = {};
  std::chrono::milliseconds search_timeout{30'000};

  friend bool operator==(const ReplicationConfig&, const ReplicationConfig&) = default;
};

struct AdminConfig {
  std::optional<Address> listen = Address{.host = "127.0.0.1", .port = 9104};  // nothing: off

  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct ShutdownConfig {
  std::chrono::milliseconds drain_timeout{30'000};

  friend bool operator==(const ShutdownConfig&, const ShutdownConfig&) = default;
};

// A default-constructed one holds the shipped defaults. Can be moved only: it has secrets in it.
// load_config() gives one that is complete and consistent.
struct Config {
  std::vector<ListenerConfig> listeners =
      {};                              // after load_config() at least one: 127.0.0.1:6446 if none was set
  std::vector<NodeConfig> nodes = {};  // after load_config() 1 to kMaxNodes, no address twice
  MonitorConfig monitor;
  ForwardingConfig forwarding;
  StatementsConfig statements;
  TransactionsConfig transactions;
  RoutingConfig routing;
  uint32_t workers = 0;  // after load_config() at least 1: the number of cores if it was not set
  LimitsConfig limits;
  TimeoutsConfig timeouts;
  TlsConfig tls;
  ServerTlsConfig server_tls;
  std::map<std::string, UserConfig> users = {};  // empty: accounts come from the database
  ReplicationConfig replication;
  AdminConfig admin;
  LogConfig log;
  ShutdownConfig shutdown;

  friend bool operator==(const Config&, const Config&) = default;
};

// Gives each listener what it does not have itself, and its index. On one for replication SAVEPOINT is
// forwarded unless it says otherwise: tools that take dumps use it. Part of load_config(); changes nothing
// the second time.
void complete_listeners(Config& config);

}  // namespace causeway::proxy
