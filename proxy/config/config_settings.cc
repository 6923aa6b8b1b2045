#include "proxy/config/config_settings.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "proxy/config/config_values.h"

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kMaxDuration = std::chrono::milliseconds(24h * 365);

constexpr std::array<std::string_view, 17> kListenerKeys = {"address",
                                                            "purpose",
                                                            "read_consistency",
                                                            "read_wait_timeout",
                                                            "on_read_wait_timeout",
                                                            "proxy_protocol_from",
                                                            "socket_mode",
                                                            "tls",
                                                            "source",
                                                            "max_clients",
                                                            "max_bytes_per_second",
                                                            "statements.savepoint",
                                                            "statements.xa",
                                                            "statements.load_data",
                                                            "statements.plugin",
                                                            "statements.ddl",
                                                            "statements.temporary_table"};
constexpr std::array<std::string_view, 4> kNodeKeys = {"address", "weight", "proxy_protocol",
                                                       "max_connections"};
constexpr uint32_t kMaxServerConnections = 100'000;  // the most that a server can be set to

// What goes to a client at once takes four seconds at the least of these rates: a replica that hears nothing
// for a minute gives up.
constexpr uint64_t kMinBytesPerSecond = 16ull << 10;
constexpr uint64_t kMaxBytesPerSecond = 4ull << 30;

OrProblem<> append_listener(Config& config, std::string_view text) {
  ListenerConfig listener;
  OrProblem<> set = set_address(listener.address, text, AddressUse::kListen);
  if (set) config.listeners.push_back(std::move(listener));
  return set;
}

OrProblem<> set_read_wait_timeout(std::chrono::milliseconds& target, std::string_view text) {
  return set_duration(target, text, 0ms, 1h);
}

// Of those that there are towards clients.
OrProblem<> set_tls_mode_of_clients(TlsMode& target, std::string_view text) {
  constexpr std::span<const std::string_view> kNames(ChoiceNames<TlsMode>::kNames.begin(), 3);
  if (!find_choice(text, kNames)) return Problem{must_be_one_of(kNames)};
  return set_choice(target, text);
}

OrProblem<> set_bytes_per_second(uint64_t& target, std::string_view text) {
  if (text == "0") {
    target = 0;
    return {};
  }
  OrProblem<> set = set_bytes(target, text, kMinBytesPerSecond, kMaxBytesPerSecond);
  if (set) return set;
  return Problem{set.error().text + ", or 0"};
}

// "statements.savepoint" and the like.
OrProblem<> add_own_policy(ListenerConfig& listener, std::string_view key, std::string_view text) {
  constexpr std::pair<std::string_view, StatementPolicy StatementsConfig::*> kPolicies[] = {
      {"statements.savepoint", &StatementsConfig::savepoint},
      {"statements.xa", &StatementsConfig::xa},
      {"statements.load_data", &StatementsConfig::load_data},
      {"statements.plugin", &StatementsConfig::plugin},
      {"statements.ddl", &StatementsConfig::ddl},
      {"statements.temporary_table", &StatementsConfig::temporary_table}};
  OwnPolicy own;
  OrProblem<> set = set_choice(own.value, text);
  for (const auto& [name, policy] : kPolicies) {
    if (name == key) own.policy = policy;
  }
  if (set && own.policy != nullptr) listener.own_statements.push_back(own);
  return set;
}

OrProblem<> set_listener_key(Config& config, std::string_view key, std::string_view text) {
  ListenerConfig& listener = config.listeners.back();
  if (key.starts_with("statements.")) return add_own_policy(listener, key, text);
  if (key == "purpose") return set_choice(listener.purpose, text);
  if (key == "source") return set_choice(listener.source, text);
  if (key == "max_clients") return set_number(listener.max_clients, text, 1, kMaxServerConnections);
  if (key == "max_bytes_per_second") return set_bytes_per_second(listener.max_bytes_per_second, text);
  if (key == "tls") {
    if (listener.address.is_unix()) return Problem{"is for TCP listeners"};
    return set_tls_mode_of_clients(listener.tls.emplace(), text);
  }
  if (key == "read_consistency") return set_read_consistency(listener.read_consistency.emplace(), text);
  if (key == "read_wait_timeout") return set_read_wait_timeout(listener.read_wait_timeout.emplace(), text);
  if (key == "proxy_protocol_from") {
    if (listener.address.is_unix()) return Problem{"is for TCP listeners"};
    return set_networks(listener.proxy_protocol_from, text);
  }
  if (key == "socket_mode") {
    if (!listener.address.is_unix()) return Problem{"is for Unix sockets"};
    return set_file_mode(listener.socket_mode, text);
  }
  return set_choice(listener.on_read_wait_timeout.emplace(), text);
}

OrProblem<> append_node(Config& config, std::string_view text) {
  NodeConfig node;
  OrProblem<> set = set_address(node.address, text, AddressUse::kConnect);
  if (set) config.nodes.push_back(std::move(node));
  return set;
}

OrProblem<> set_node_key(Config& config, std::string_view key, std::string_view text) {
  if (key == "proxy_protocol") return set_flag(config.nodes.back().proxy_protocol, text);
  if (key == "max_connections")
    return set_number(config.nodes.back().max_connections, text, 1, kMaxServerConnections);
  return set_number(config.nodes.back().weight, text, 0, 1000);
}

constexpr ListKind kListenerList = {kListenerKeys, append_listener, set_listener_key};
constexpr ListKind kNodeList = {kNodeKeys, append_node, set_node_key};

// "name=password" or "name=@file"
OrProblem<> add_user(Config& config, std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return Problem{"must be NAME=PASSWORD or NAME=@FILE"};
  UserConfig& user = config.users[std::string(text.substr(0, equals))];
  user = {};
  const std::string_view secret = text.substr(equals + 1);
  if (secret.starts_with('@')) return set_name(user.password_file, secret.substr(1));
  return set_secret(user.password, secret);
}

// Of a setting that "off" is a value of too.
OrProblem<> or_off(const OrProblem<>& set) {
  if (set) return set;
  return Problem{set.error().text + ", or off"};
}

OrProblem<> set_max_lag(Config& config, std::string_view text) {
  if (text == "off") {
    config.routing.max_lag.reset();
    return {};
  }
  return or_off(set_duration(config.routing.max_lag.emplace(), text, 0ms, kMaxDuration));
}

OrProblem<> set_admin_listen(Config& config, std::string_view text) {
  if (text == "off") {
    config.admin.listen.reset();
    return {};
  }
  return or_off(set_address(config.admin.listen.emplace(), text, AddressUse::kListenTcp));
}

OrProblem<> set_start_on(Config& config, std::string_view text) {
  if (text == "replica" || text == "validated") return Problem{"can only be writer in this version"};
  return set_choice(config.transactions.start_on, text);
}

OrProblem<> set_client_tls_mode(Config& config, std::string_view text) {
  return set_tls_mode_of_clients(config.tls.mode, text);
}

OrProblem<> set_idle_timeout(Config& config, std::string_view text) {
  std::chrono::milliseconds timeout{};
  if (OrProblem<> set = set_duration(timeout, text, 1s, 86'400s); !set) return set;
  if (timeout % 1s != 0ms) return Problem{"must be a whole number of seconds"};
  config.forwarding.aurora_fwd_writer_idle_timeout =
      std::chrono::duration_cast<std::chrono::seconds>(timeout);
  return {};
}

// Makes the apply function of a member of a section.
template <auto kSection, auto kMember>
auto& member(Config& config) {
  return config.*kSection.*kMember;
}
template <auto kSection, auto kMember>
OrProblem<> choice(Config& config, std::string_view text) {
  return set_choice(member<kSection, kMember>(config), text);
}
template <auto kSection, auto kMember>
OrProblem<> secret(Config& config, std::string_view text) {
  return set_secret(member<kSection, kMember>(config), text);
}
template <auto kSection, auto kMember>
OrProblem<> name(Config& config, std::string_view text) {
  return set_name(member<kSection, kMember>(config), text);
}
template <auto kSection, auto kMember, uint64_t kMinMs, uint64_t kMaxMs>
OrProblem<> duration(Config& config, std::string_view text) {
  return set_duration(member<kSection, kMember>(config), text, std::chrono::milliseconds(kMinMs),
                      std::chrono::milliseconds(kMaxMs));
}
template <auto kSection, auto kMember, uint32_t kMin, uint32_t kMax>
OrProblem<> number(Config& config, std::string_view text) {
  return set_number(member<kSection, kMember>(config), text, kMin, kMax);
}

constexpr uint64_t kMinuteMs = 60'000;
constexpr uint64_t kHourMs = 60 * kMinuteMs;
constexpr uint64_t kYearMs = 24 * kHourMs * 365;

using enum SettingKind;

constexpr std::array kSettings = {
    Setting{
        .name = "listeners",
        .flag = "listen",
        .kind = kList,
        .value = "HOST:PORT|unix:/PATH",
        .default_value = "127.0.0.1:6446",
        .help =
            "Where clients connect. Repeated for several. A listener may have its own read_consistency, "
            "read_wait_timeout and on_read_wait_timeout; those of `forwarding` are for the others. "
            "proxy_protocol_from: networks of load balancers that send the PROXY protocol. socket_mode: "
            "the mode of a Unix socket, whatever the umask; 0777, as the servers', if not said. tls and "
            "statements.savepoint (statements.xa, ...): its own tls.mode and policies. purpose = "
            "\"replication\": for who reads the binary log and for dumps, all of it on the writer, or with "
            "source = \"replica\" on a replica that logs what it applies; "
            "max_clients (64 if not said) at a time, each of which gets max_bytes_per_second of the log "
            "(0, no bound, if not said).",
        .list = &kListenerList,
        .clear = [](Config& config) { config.listeners.clear(); }},
    Setting{
        .name = "nodes",
        .flag = "node",
        .kind = kList,
        .value = "HOST:PORT",
        .help =
            "The servers, repeated for each; which one is the writer is found out. The weight (0..1000, "
            "1 if not said) is a replica's share of the reads. proxy_protocol = true tells the server the "
            "clients' addresses. max_connections is limits.max_server_connections for this server.",
        .list = &kNodeList,
        .clear = [](Config& config) { config.nodes.clear(); }},
    Setting{.name = "workers",
            .flag = "workers",
            .kind = kInteger,
            .value = "NUMBER",
            .default_value = "0",
            .help = "Worker threads. 0: one per core.",
            .apply = [](Config& config,
                        std::string_view text) { return set_number(config.workers, text, 0, 1024); }},

    Setting{.name = "monitor.user",
            .flag = "monitor-user",
            .kind = kText,
            .value = "NAME",
            .default_value = "causeway",
            .help = "The account with which the servers are watched and the accounts are read.",
            .apply = name<&Config::monitor, &MonitorConfig::user>},
    Setting{.name = "monitor.password",
            .kind = kText,
            .value = "TEXT",
            .help = "Its password. Better in password_file: a command line can be seen by others.",
            .apply = secret<&Config::monitor, &MonitorConfig::password>},
    Setting{.name = "monitor.password_file",
            .flag = "monitor-password-file",
            .kind = kText,
            .value = "FILE",
            .help = "A file whose first line is its password.",
            .apply = name<&Config::monitor, &MonitorConfig::password_file>},
    Setting{.name = "monitor.interval",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "250ms",
            .help = "How often each server is asked for its role, lag and position.",
            .apply = duration<&Config::monitor, &MonitorConfig::interval, 10, kMinuteMs>},
    Setting{.name = "monitor.connect_timeout",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "1s",
            .help = "How long the monitor waits for a connection and for an answer.",
            .apply = duration<&Config::monitor, &MonitorConfig::connect_timeout, 10, kMinuteMs>},

    Setting{.name = "forwarding.read_consistency",
            .flag = "read-consistency",
            .kind = kText,
            .value = "EVENTUAL|SESSION|GLOBAL|off",
            .default_value = "SESSION",
            .help = "The aurora_replica_read_consistency of new sessions. off is '': such a session does not "
                    "forward, "
                    "it reads from a replica.",
            .apply =
                [](Config& config, std::string_view text) {
                  return set_read_consistency(config.forwarding.read_consistency, text);
                }},
    Setting{.name = "forwarding.read_wait_timeout",
            .flag = "read-wait-timeout",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "1s",
            .help = "How long a read waits for its replica to catch up.",
            .apply =
                [](Config& config, std::string_view text) {
                  return set_read_wait_timeout(config.forwarding.read_wait_timeout, text);
                }},
    Setting{
        .name = "forwarding.on_read_wait_timeout",
        .flag = "on-read-wait-timeout",
        .kind = kText,
        .value = "writer|error|stale",
        .default_value = "writer",
        .help =
            "What then: the read runs on the writer, fails with error 1205, or runs on the replica as it is.",
        .apply = choice<&Config::forwarding, &ForwardingConfig::on_read_wait_timeout>},
    Setting{.name = "forwarding.writer_wait",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "10s",
            .help = "How long a statement that was not sent yet waits for a writer while there is none.",
            .apply = duration<&Config::forwarding, &ForwardingConfig::writer_wait, 0, kHourMs>},
    Setting{.name = "forwarding.writer_queue_timeout",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "1s",
            .help = "How long a statement waits for one of the writer's connections before error 1040.",
            .apply = duration<&Config::forwarding, &ForwardingConfig::writer_queue_timeout, 0, kHourMs>},
    Setting{.name = "forwarding.aurora_fwd_writer_idle_timeout",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "60s",
            .help = "A forwarded transaction that is idle for longer is rolled back. 1s to 1d.",
            .apply = set_idle_timeout},
    Setting{.name = "forwarding.aurora_fwd_writer_max_connections_pct",
            .kind = kInteger,
            .value = "PERCENT",
            .default_value = "10",
            .help =
                "The share of the writer's max_connections that forwarding may use. 0 to 90; 0: none, every "
                "forwarded statement fails with error 1040.",
            .apply =
                number<&Config::forwarding, &ForwardingConfig::aurora_fwd_writer_max_connections_pct, 0, 90>},

    Setting{.name = "statements.savepoint",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "reject",
            .help = "SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT: error 1235, or to the writer.",
            .apply = choice<&Config::statements, &StatementsConfig::savepoint>},
    Setting{.name = "statements.xa",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "reject",
            .help = "XA transactions.",
            .apply = choice<&Config::statements, &StatementsConfig::xa>},
    Setting{.name = "statements.load_data",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "reject",
            .help = "LOAD DATA, LOAD XML.",
            .apply = choice<&Config::statements, &StatementsConfig::load_data>},
    Setting{.name = "statements.plugin",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "reject",
            .help = "INSTALL and UNINSTALL of plugins and components.",
            .apply = choice<&Config::statements, &StatementsConfig::plugin>},
    Setting{.name = "statements.ddl",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "forward",
            .help = "CREATE, ALTER, DROP, GRANT and the like. reject is what Aurora does.",
            .apply = choice<&Config::statements, &StatementsConfig::ddl>},
    Setting{.name = "statements.temporary_table",
            .kind = kText,
            .value = "reject|forward",
            .default_value = "forward",
            .help = "Writes to permanent tables that read a temporary one.",
            .apply = choice<&Config::statements, &StatementsConfig::temporary_table>},

    Setting{.name = "transactions.start_on",
            .kind = kText,
            .value = "writer",
            .default_value = "writer",
            .help = "Where a read-write transaction begins.",
            .apply = set_start_on},

    Setting{.name = "routing.reads_on_writer",
            .kind = kText,
            .value = "fallback|always|never",
            .default_value = "fallback",
            .help = "Reads run on the writer only if no replica can be used, as on any other node, or never: "
                    "they fail "
                    "without a replica.",
            .apply = choice<&Config::routing, &RoutingConfig::reads_on_writer>},
    Setting{
        .name = "routing.max_lag",
        .kind = kDuration,
        .value = "DURATION|off",
        .default_value = "off",
        .help = "Replicas that are further behind the writer take no reads. As exact as `monitor.interval`.",
        .apply = set_max_lag},

    Setting{.name = "limits.max_connections",
            .kind = kInteger,
            .value = "NUMBER",
            .default_value = "10000",
            .help = "Client sessions over all workers; the next one gets error 1040.",
            .apply = number<&Config::limits, &LimitsConfig::max_connections, 1, 1'000'000>},
    Setting{
        .name = "limits.max_server_connections",
        .kind = kInteger,
        .value = "NUMBER",
        .default_value = "0",
        .help = "Connections to one server at the most, whatever its role. 0: only the shares of its "
                "max_connections count, forwarding.aurora_fwd_writer_max_connections_pct of the writer's and "
                "90 % of a replica's.",
        .apply = number<&Config::limits, &LimitsConfig::max_server_connections, 0, kMaxServerConnections>},
    Setting{
        .name = "limits.instances",
        .kind = kInteger,
        .value = "NUMBER",
        .default_value = "1",
        .help = "How many Causeways there are before the same servers: each takes that part of these shares.",
        .apply = number<&Config::limits, &LimitsConfig::instances, 1, 10'000>},
    Setting{.name = "limits.max_packet",
            .kind = kBytes,
            .value = "BYTES",
            .default_value = "64MiB",
            .help = "The longest statement of a client. 16KiB to 1GiB.",
            .apply =
                [](Config& config, std::string_view text) {
                  return set_bytes(config.limits.max_packet_bytes, text, 1ull << 14, 1ull << 30);
                }},
    Setting{.name = "limits.max_prepared_statements",
            .kind = kInteger,
            .value = "NUMBER",
            .default_value = "16382",
            .help = "Prepared statements of one client session; the next one gets error 1461.",
            .apply = number<&Config::limits, &LimitsConfig::max_prepared_statements, 0, 1'000'000>},

    Setting{.name = "timeouts.connect",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "2s",
            .help = "For a connection to a server, login included.",
            .apply = duration<&Config::timeouts, &TimeoutsConfig::connect, 10, 10 * kMinuteMs>},
    Setting{.name = "timeouts.login",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "10s",
            .help = "For a client to log in.",
            .apply = duration<&Config::timeouts, &TimeoutsConfig::login, 100, 10 * kMinuteMs>},
    Setting{.name = "timeouts.client_idle",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "8h",
            .help = "A client that sends nothing for longer is disconnected, and for longer than the "
                    "wait_timeout that it has set.",
            .apply = duration<&Config::timeouts, &TimeoutsConfig::client_idle, 1000, kYearMs>},
    Setting{
        .name = "timeouts.server_idle",
        .kind = kDuration,
        .value = "DURATION",
        .default_value = "5m",
        .help = "An unused connection to a server is closed after this. Less than the servers' wait_timeout.",
        .apply = duration<&Config::timeouts, &TimeoutsConfig::server_idle, 1000, kYearMs>},

    Setting{.name = "tls.mode",
            .kind = kText,
            .value = "disabled|preferred|required",
            .default_value = "preferred",
            .help = "TLS of clients.",
            .apply = set_client_tls_mode},
    Setting{.name = "tls.certificate",
            .kind = kText,
            .value = "FILE",
            .help = "Causeway's certificate and its chain (PEM). Without one, one is made at start.",
            .apply = name<&Config::tls, &TlsConfig::certificate>},
    Setting{.name = "tls.key",
            .kind = kText,
            .value = "FILE",
            .help = "The private key of that certificate (PEM).",
            .apply = name<&Config::tls, &TlsConfig::key>},
    Setting{.name = "tls.ca",
            .kind = kText,
            .value = "FILE",
            .help = "Authorities for client certificates (PEM): with it a client that shows one has to show "
                    "a good one.",
            .apply = name<&Config::tls, &TlsConfig::ca>},
    Setting{.name = "tls.password_key",
            .kind = kText,
            .value = "FILE",
            .help = "The private RSA key (PEM) with whose public half clients without TLS encrypt a password "
                    "(caching_sha2_password). Without one, one is made at start.",
            .apply = name<&Config::tls, &TlsConfig::password_key>},
    Setting{.name = "tls.client_certificate",
            .kind = kText,
            .value = "optional|required",
            .default_value = "optional",
            .help = "Whether a client that uses TLS has to show a certificate. required needs tls.ca.",
            .apply = choice<&Config::tls, &TlsConfig::client_certificate>},
    Setting{.name = "tls.min_version",
            .kind = kText,
            .value = "1.2|1.3",
            .default_value = "1.2",
            .help = "The oldest version of TLS that is spoken.",
            .apply = choice<&Config::tls, &TlsConfig::min_version>},

    Setting{.name = "server_tls.mode",
            .kind = kText,
            .value = "disabled|preferred|required|verify_ca|verify_identity",
            .default_value = "preferred",
            .help = "TLS towards the servers.",
            .apply = choice<&Config::server_tls, &ServerTlsConfig::mode>},
    Setting{.name = "server_tls.ca",
            .kind = kText,
            .value = "FILE",
            .help = "Authorities for the servers' certificates (PEM). Without it those of the system.",
            .apply = name<&Config::server_tls, &ServerTlsConfig::ca>},
    Setting{.name = "server_tls.certificate",
            .kind = kText,
            .value = "FILE",
            .help = "A certificate to show to the servers (PEM).",
            .apply = name<&Config::server_tls, &ServerTlsConfig::certificate>},
    Setting{.name = "server_tls.key",
            .kind = kText,
            .value = "FILE",
            .help = "The private key of that certificate (PEM).",
            .apply = name<&Config::server_tls, &ServerTlsConfig::key>},
    Setting{.name = "server_tls.min_version",
            .kind = kText,
            .value = "1.2|1.3",
            .default_value = "1.2",
            .help = "The oldest version of TLS that is spoken.",
            .apply = choice<&Config::server_tls, &ServerTlsConfig::min_version>},

    Setting{.name = "users",
            .kind = kUsers,
            .value = "NAME=PASSWORD|NAME=@FILE",
            .help = "Accounts that may log in, if they are not to be read from the database.",
            .apply = add_user,
            .clear = [](Config& config) { config.users.clear(); }},

    Setting{
        .name = "replication.workers",
        .kind = kInteger,
        .value = "NUMBER",
        .default_value = "1",
        .help = "Threads of their own for the clients of listeners for replication, so that no statement of "
                "others waits behind a stream of the binary log. 0: they share those of `workers`. None "
                "without such a listener.",
        .apply = [](Config& config,
                    std::string_view text) { return set_number(config.replication.workers, text, 0, 64); }},
    Setting{.name = "replication.state_file",
            .kind = kText,
            .value = "FILE",
            .help = "Where it is kept which server's log a client that replicates by file and position was "
                    "given last, "
                    "over restarts. Without it such a client has to say whose coordinates it has "
                    "(docs/replication.md).",
            .apply = name<&Config::replication, &ReplicationConfig::state_file>},
    Setting{
        .name = "replication.search_timeout",
        .kind = kDuration,
        .value = "DURATION",
        .default_value = "30s",
        .help =
            "How long the place for a client by file and position is looked for in a server's log at most.",
        .apply = duration<&Config::replication, &ReplicationConfig::search_timeout, 100, kHourMs>},

    Setting{.name = "admin.listen",
            .flag = "admin-listen",
            .kind = kText,
            .value = "HOST:PORT|off",
            .default_value = "127.0.0.1:9104",
            .help = "HTTP for operators: /metrics, /healthz, /readyz, /status and a page at /.",
            .apply = set_admin_listen},

    Setting{.name = "log.level",
            .flag = "log-level",
            .kind = kText,
            .value = "debug|info|warning|error|off",
            .default_value = "info",
            .help = "What is logged, to standard error.",
            .apply = choice<&Config::log, &LogConfig::level>},
    Setting{.name = "log.format",
            .flag = "log-format",
            .kind = kText,
            .value = "logfmt|json",
            .default_value = "logfmt",
            .help = "How it is written.",
            .apply = choice<&Config::log, &LogConfig::format>},

    Setting{.name = "shutdown.drain_timeout",
            .kind = kDuration,
            .value = "DURATION",
            .default_value = "30s",
            .help = "How long open transactions may go on after SIGTERM.",
            .apply = duration<&Config::shutdown, &ShutdownConfig::drain_timeout, 0, kHourMs>},
};

bool same_name(std::string_view a, std::string_view b) {
  const auto normal = [](char c) { return c == '-' ? '_' : c; };
  return std::ranges::equal(a, b, {}, normal, normal);
}

// Levenshtein's: insertions, deletions and replacements from one to the other.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Setting> settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  if (name.starts_with("--")) name.remove_prefix(2);
  for (const Setting& setting : kSettings) {
    if (same_name(setting.name, name) || (!setting.flag.empty() && same_name(setting.flag, name)))
      return &setting;
  }
  return nullptr;
}

bool is_secret(const Setting& setting) {
  return setting.name == "monitor.password" || setting.kind == SettingKind::kUsers;
}

std::string environment_name(std::string_view setting_or_flag) {
  std::string name = "CAUSEWAY_";
  for (const char c : setting_or_flag) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '.' || c == '-' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::string_view nearest_name(std::string_view text, std::span<const std::string_view> names) {
  constexpr size_t kMaxLength = 100;
  if (text.size() > kMaxLength) return {};
  size_t best_distance = std::max<size_t>(2, text.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view name : names) {
    const size_t distance = edit_distance(text, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace causeway::proxy
