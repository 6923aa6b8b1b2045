#include "proxy/commands/session_opening.h"

#include <algorithm>
#include <memory>

#include "protocol/command.h"
#include "protocol/replication_client.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/client_address.h"
#include "proxy/commands/query_commands.h"
#include "proxy/session/local_answers.h"

namespace causeway::proxy {
namespace {

namespace capability = protocol::capability;

// What servers use.
constexpr int kZlibLevel = 6;

// What init_connect makes of a session (its sql_mode, no autocommit) has to be known before its first
// statement.
bool is_subject_to_init_connect(const ClientSession& session) {
  return !session.state.was_reset &&
         std::ranges::any_of(session.shard.cluster().view().nodes,
                             [](const NodeView& node) { return node.facts.init_connect; });
}

std::optional<EndReason> end_of(const InitDbOutcome& outcome) {
  if (outcome.is_error) return EndReason::kNotLetIn;
  if (outcome.close) return EndReason::kClientGone;
  return std::nullopt;
}

}  // namespace

void take_profile(ClientSession& session, const protocol::ClientProfile& profile, const LoginAccount& account,
                  Identity& identity) {
  identity.user = profile.user;
  session.client.capabilities = profile.capabilities;
  session.state.start(session.shard.cluster().view(), profile.collation);
  const bool by_listener = session.listener.purpose == ListenerPurpose::kReplication;
  session.state.replication = {};
  if (by_listener || protocol::is_replication_client(profile.connect_attributes)) {
    session.state.reads_log(session.listener.gives_replicas_log() &&
                            session.shard.pick_log_source({}) != kNoNode);
  }
  const protocol::CapabilityFlags passed_on =
      passed_on_capabilities(session.listener.statements) & profile.capabilities;
  identity.login.key =
      std::make_shared<const PoolKey>(PoolKey{.user = profile.user,
                                              .capabilities = passed_on,
                                              .collation = profile.collation,
                                              .credentials_version = account.password_version(),
                                              .requires_tls = account.requires_server_tls(),
                                              .for_replication = by_listener,
                                              .client_address = told_address(session)});
}

Awaitable<std::optional<EndReason>> open_session(ClientSession& session, const std::string& schema,
                                                 uint8_t sequence_id) {
  if (!schema.empty()) {
    protocol::Buffer wire;
    protocol::append_command(wire, protocol::Command::kInitDb, schema, session.client.capabilities);
    const InitDbOutcome outcome = co_await run_init_db(session, wire, sequence_id);
    co_return end_of(outcome);
  }
  if (is_subject_to_init_connect(session)) {
    const InitDbOutcome outcome = co_await run_login_ping(session, sequence_id);
    co_return end_of(outcome);
  }
  const bool sent = co_await answer_ok(session, sequence_id);
  co_return sent ? std::nullopt : std::optional(EndReason::kClientGone);
}

// A client that can do both means zlib, as for a server.
void start_compression(ClientSession& session, const protocol::ClientProfile& profile) {
  if (protocol::has(profile.capabilities, capability::kCompress)) {
    session.client.stream.start_compression(CompressionAlgorithm::kZlib, kZlibLevel);
  } else if (protocol::has(profile.capabilities, capability::kZstdCompression)) {
    session.client.stream.start_compression(CompressionAlgorithm::kZstd, profile.zstd_level);
  }
}

}  // namespace causeway::proxy
