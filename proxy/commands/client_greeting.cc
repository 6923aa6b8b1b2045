#include "proxy/commands/client_greeting.h"

#include <algorithm>
#include <string>

#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

namespace capability = protocol::capability;

// Shown while no server has been heard of yet.
constexpr std::string_view kFallbackVersion = "8.0.0-causeway";

// utf8mb4_general_ci
constexpr uint8_t kFallbackCollation = 45;

// What can be offered: what all servers have and what passes through, and what the proxy does itself.
protocol::CapabilityFlags offered_capabilities(Shard& shard, const ListenerConfig& listener) {
  protocol::CapabilityFlags common = passed_on_capabilities(listener.statements) | capability::kSessionTrack;
  for (const NodeView& node : shard.cluster().view().nodes) {
    if (node.reachable) common &= node.facts.capabilities;
  }
  common |= required_backend_capabilities() & ~capability::kSessionTrack;
  common |= capability::kConnectWithDb | capability::kConnectAttrs | capability::kIgnoreSigpipe |
            capability::kReserved | capability::kCompress | capability::kZstdCompression;
  if (shard.client_tls() != nullptr && listener.tls != TlsMode::kDisabled) common |= capability::kSsl;
  // Its absence says that there are extended ones.
  if (shard.cluster().view().flavor == ServerFlavor::kMariadb) common &= ~capability::kLongPassword;
  return common;
}

// The plugin of most accounts spares most clients a round trip.
std::string default_plugin(const AccountStore::SnapshotPtr& accounts, ServerFlavor flavor) {
  bool native = flavor == ServerFlavor::kMariadb && accounts != nullptr;
  if (accounts != nullptr && accounts->available) {
    const auto& list = accounts->table.accounts();
    native = std::ranges::count(list, protocol::auth_plugin::kNativePassword, &Account::plugin) >
             std::ranges::count(list, protocol::auth_plugin::kCachingSha2Password, &Account::plugin);
  }
  return std::string(native ? protocol::auth_plugin::kNativePassword
                            : protocol::auth_plugin::kCachingSha2Password);
}

}  // namespace

protocol::ServerIdentity greeting_for(ClientSession& session, const AccountStore::SnapshotPtr& accounts) {
  Shard& shard = session.shard;
  const ClusterView& view = shard.cluster().view();
  protocol::ServerIdentity greeting;
  greeting.server_version = kFallbackVersion;
  for (const NodeView& node : view.nodes) {
    if (node.facts.server_version.empty()) continue;
    greeting.server_version = node.facts.server_version;
    greeting.collation = node.facts.default_collation;
    if (node.role == NodeRole::kWriter) break;
  }
  // MariaDB 10 hides its version from old replicas, and clients look for this prefix.
  const bool hides = view.flavor == ServerFlavor::kMariadb && greeting.server_version.starts_with("10.");
  if (hides) greeting.server_version.insert(0, "5.5.5-");
  greeting.connection_id = session.id;
  greeting.nonce = protocol::make_nonce();
  greeting.capabilities = offered_capabilities(shard, session.listener);
  if (greeting.collation == 0) greeting.collation = kFallbackCollation;
  greeting.status = protocol::status::kAutocommit;
  greeting.default_plugin = default_plugin(accounts, view.flavor);
  greeting.client_host = session.client.host;
  greeting.secure_transport = session.listener.address.is_unix();
  greeting.rsa_key = shard.services().rsa_key.get();
  return greeting;
}

}  // namespace causeway::proxy
