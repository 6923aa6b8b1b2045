#include "proxy/cluster/node_probe_run.h"

#include <charconv>
#include <string>
#include <utility>

namespace causeway::proxy {
namespace {

class ProbeRun {
 public:
  ProbeRun(NativeClient& client, std::string_view user) : client_(client), user_(user) {
    probe_.facts.server_version = client.server_version();
    probe_.facts.server_version_number = client.server_version_number();
    probe_.facts.flavor = flavor_of(probe_.facts.server_version);
    probe_.facts.capabilities = client.server_capabilities();
    probe_.facts.default_collation = client.server_collation();
    probe_.polled_at = std::chrono::steady_clock::now();
  }

  NativeResult<NodeProbe> run() {
    auto variables = ask(ProbeStatement::kVariables);
    if (!variables) return variables.error();
    const auto read = read_variables(*variables, probe_);
    if (!read) return NativeError{.code = 0, .sqlstate = "HY000", .text = read.error().text};

    auto replicas = ask(ProbeStatement::kReplicaStatus);
    if (!replicas) return replicas.error();
    probe_.channels = read_replica_status(*replicas);
    warn_of_filters();

    if (may_be_the_writer()) {
      auto status = ask(ProbeStatement::kBinlogStatus);
      if (!status && !forgivable(status.error())) return status.error();
      if (status) {
        probe_.facts.end_of_log = read_binlog_status(*status);
        if (!probe_.gtid_mode) probe_.binlog_position = probe_.facts.end_of_log;
        warn_of_binlog_filters(read_binlog_filters(*status));
      }
    }
    if (has_group_replication(*variables)) {
      auto members = ask(ProbeStatement::kGroupMembers);
      if (!members) return members.error();
      probe_.group = read_group_members(*members, probe_.server_uuid);
    }
    probe_.answered_at = std::chrono::steady_clock::now();
    return std::move(probe_);
  }

 private:
  NativeResult<NativeRows> ask(ProbeStatement statement) {
    auto rows =
        client_.query(probe_statement(statement, probe_.facts.flavor, probe_.facts.server_version_number));
    if (rows) return rows;
    NativeError error = rows.error();
    if (!is_connection_error(error))
      error.text =
          describe_refusal(statement, error, probe_.facts.flavor, probe_.facts.server_version_number, user_);
    return error;
  }

  // Positions say that all is there that was looked at, not that it was applied.
  void warn_of_filters() {
    for (const ReplicaChannel& channel : probe_.channels) {
      if (channel.filters.empty()) continue;
      warn("it replicates by filters, so reads there miss what these leave out, at every level (" +
           channel.filters + ")");
    }
  }

  void warn_of_binlog_filters(const std::string& filters) {
    if (filters.empty()) return;
    warn("its binary log leaves out what no replica will ever have, and reads there miss, at every level (" +
         filters + ")");
  }

  void warn(const std::string& text) {
    probe_.warning.append(probe_.warning.empty() ? "" : "; ").append(text);
  }

  // Coordinates of a replica are its source's: only who may be the writer is asked for its own binary log.
  bool may_be_the_writer() const {
    return probe_.facts.binary_log && (probe_.channels.empty() || !probe_.facts.read_only);
  }

  // With GTIDs coordinates are not needed; of a MariaDB only the replicas know whether they use these.
  bool forgivable(const NativeError& error) {
    if (is_connection_error(error) || (probe_.facts.flavor != ServerFlavor::kMariadb && !probe_.gtid_mode))
      return false;
    warn(error.text);
    return true;
  }

  NativeClient& client_;
  std::string_view user_;
  NodeProbe probe_;
};

}  // namespace

int64_t ask_start_time(NativeClient& client) {
  const auto rows =
      client.query(start_time_sql(flavor_of(client.server_version()) == ServerFlavor::kMariadb));
  int64_t started_at = 0;
  if (rows && rows->rows.size() == 1 && rows->columns.size() == 1 && rows->rows[0][0]) {
    const std::string& text = *rows->rows[0][0];
    std::from_chars(text.data(), text.data() + text.size(), started_at);
  }
  return started_at;
}

NativeResult<NodeProbe> probe_node(NativeClient& client, std::string_view user) {
  return ProbeRun(client, user).run();
}

}  // namespace causeway::proxy
