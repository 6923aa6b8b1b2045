#include "proxy/node_check.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <utility>
#include <variant>

#include "proxy/accounts/account_table.h"
#include "proxy/backend/shard.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/cluster/cluster_monitor.h"
#include "proxy/cluster/monitor_options.h"
#include "proxy/cluster/node_probe_run.h"
#include "proxy/listener.h"
#include "proxy/net/certificate_dates.h"
#include "proxy/net/password_key.h"
#include "proxy/net/tls_context.h"

namespace causeway::proxy {
namespace {

class Check {
 public:
  Check(const Config& config, std::ostream& out, std::ostream& err)
      : config_(config),
        out_(out),
        err_(err),
        options_(monitor_options(config, monitor_account(config.monitor))) {}

  int run() {
    check_tls();
    check_listeners();
    for (size_t i = 0; i < options_.nodes.size(); ++i)
      poll(i);
    const Election election = elect(nodes_, {});
    for (size_t i = 0; i < nodes_.size(); ++i)
      describe(i, election.nodes[i]);
    for (const std::string& problem : cluster_problems(nodes_, election))
      fail(problem);
    return status_;
  }

 private:
  void fail(const std::string& problem) {
    err_ << problem << "\n";
    status_ = 1;
  }

  void check_tls() {
    const OrProblem<TlsContext> client = make_client_tls_context(config_.tls);
    if (!client) fail(client.error().text);
    const OrProblem<TlsContext> server = make_server_tls_context(config_.server_tls);
    if (!server) fail(server.error().text);
    if (!config_.tls.password_key.empty()) {
      if (const OrProblem<PasswordKey> key = make_password_key(config_.tls); !key) fail(key.error().text);
    }
    const auto now = std::chrono::system_clock::now();
    for (const CertificateInUse& certificate :
         certificates_in_use(config_, client ? *client : TlsContext(), server ? *server : TlsContext())) {
      const CertificateState state = state_of(certificate.dates, now);
      if (state == CertificateState::kExpiresSoon) err_ << describe_certificate(certificate, state) << "\n";
      if (state == CertificateState::kExpired || state == CertificateState::kNotYetValid)
        fail(describe_certificate(certificate, state));
    }
  }

  void check_listeners() {
    std::vector<Address> addresses;
    for (const ListenerConfig& listener : config_.listeners)
      addresses.push_back(listener.address);
    if (config_.admin.listen) addresses.push_back(*config_.admin.listen);
    for (const Address& address : addresses) {
      try {
        try_to_listen(address);
      } catch (const std::runtime_error& error) {
        fail(error.what());
      }
    }
    const uint64_t limit = raise_descriptor_limit();
    const uint64_t wanted = descriptors_wanted(config_.limits.max_connections);
    if (limit < wanted)
      err_ << "the limit of open files is " << limit << ": limits.max_connections would need " << wanted
           << "\n";
  }

  void poll(size_t i) {
    const MonitorOptions::Node& at = options_.nodes[i];
    NodeRecord record{.name = node_name(at), .host = at.host, .port = at.port, .health = Health::kDown};
    NativeClient client;
    const auto connected = connect_to_node(client, options_, i);
    if (!connected) {
      fail(record.name + ": cannot connect as '" + config_.monitor.user +
           "': " + to_string(connected.error()));
    } else {
      auto probe = probe_node(client, config_.monitor.user);
      if (probe) {
        probe->started_at = ask_start_time(client);
        record.health = Health::kUp;
        if (!probe->warning.empty()) err_ << record.name << ": " << probe->warning << "\n";
        if (config_.users.empty()) read_accounts_of(client, record.name, *probe);
        record.probe = std::move(*probe);
      } else {
        fail(record.name + ": " + to_string(probe.error()));
      }
    }
    nodes_.push_back(std::move(record));
  }

  // Not a must: without it servers are asked about each password.
  void read_accounts_of(NativeClient& client, const std::string& name, const NodeProbe& probe) {
    const auto accounts = client.query(account_query(probe.facts.flavor, probe.facts.server_version_number));
    if (!accounts)
      err_ << name
           << ": the accounts cannot be read, every client is asked for its password and a server decides: "
           << to_string(accounts.error()) << "\n";
  }

  void describe(size_t i, const ElectedNode& node) {
    if (!nodes_[i].probe) return;
    const NodeProbe& probe = *nodes_[i].probe;
    out_ << nodes_[i].name << ": " << to_string(probe.facts.flavor) << " " << probe.facts.server_version
         << ", " << to_string(node.role);
    if (node.role == NodeRole::kReplica && node.lag) out_ << ", " << node.lag->count() << " ms behind";
    if (probe.facts.read_only) out_ << ", read-only";
    out_ << "\n";
  }

  const Config& config_;
  std::ostream& out_;
  std::ostream& err_;
  const MonitorOptions options_;
  std::vector<NodeRecord> nodes_;
  int status_ = 0;
};

}  // namespace

std::vector<std::string> cluster_problems(std::span<const NodeRecord> nodes, const Election& election) {
  std::vector<std::string> problems;
  std::optional<ServerFlavor> flavor;
  for (const NodeRecord& node : nodes) {
    if (!node.probe) continue;
    if (flavor && *flavor != node.probe->facts.flavor) {
      problems.emplace_back(
          "the nodes are of both kinds, MySQL and MariaDB: one does not replicate the other");
      break;
    }
    flavor = node.probe->facts.flavor;
  }
  for (const Twins& twins : find_twins(nodes))
    problems.push_back(nodes[twins.first].name + " and " + nodes[twins.second].name +
                       " cannot be told apart: " + std::string(twins.why));
  if (election.writer == kNoNode) problems.push_back("there is no writer: " + election.no_writer_reason);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ElectedNode& node = election.nodes[i];
    if (!nodes[i].probe) continue;
    if (!node.usable_for_reads) {
      problems.push_back(nodes[i].name + " takes no reads: " + node.unusable_reason);
    } else if (node.role == NodeRole::kReplica && !node.lag && !nodes[i].probe->channels.empty()) {
      problems.push_back(nodes[i].name +
                         " does not receive anything from its source: how far it is behind is unknown");
    }
  }
  return problems;
}

int check(const Config& config, std::ostream& out, std::ostream& err) {
  return Check(config, out, err).run();
}

}  // namespace causeway::proxy
