#include "proxy/config/config.h"

#include <algorithm>

#include "proxy/config/config_values.h"

namespace causeway::proxy {

std::string to_string(const Address& address) {
  if (address.is_unix()) return "unix:" + address.path;
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string_view to_string(StatementPolicy value) {
  return choice_name(value);
}
std::string_view to_string(StartOn value) {
  return choice_name(value);
}
std::string_view to_string(ReadsOnWriter value) {
  return choice_name(value);
}
std::string_view to_string(TlsMode value) {
  return choice_name(value);
}
std::string_view to_string(TlsVersion value) {
  return choice_name(value);
}

std::string_view to_string(ClientCertificate value) {
  return choice_name(value);
}

void complete_listeners(Config& config) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    ListenerConfig& listener = config.listeners[i];
    listener.index = i;
    if (!listener.read_consistency) listener.read_consistency = config.forwarding.read_consistency;
    if (!listener.read_wait_timeout) listener.read_wait_timeout = config.forwarding.read_wait_timeout;
    if (!listener.on_read_wait_timeout)
      listener.on_read_wait_timeout = config.forwarding.on_read_wait_timeout;
    if (!listener.tls) listener.tls = config.tls.mode;
    listener.statements = config.statements;
    if (listener.purpose == ListenerPurpose::kReplication) {
      // Whatever that of others is: its sessions are not of those that only read from a replica.
      listener.read_consistency = consistency::ReadConsistency::kSession;
      listener.statements.savepoint = StatementPolicy::kForward;
    }
    for (const OwnPolicy& own : listener.own_statements)
      listener.statements.*own.policy = own.value;
  }
  const bool has_tls = std::ranges::any_of(
      config.listeners, [](const ListenerConfig& listener) { return listener.tls != TlsMode::kDisabled; });
  if (has_tls && config.tls.mode == TlsMode::kDisabled) config.tls.mode = TlsMode::kPreferred;
}

}  // namespace causeway::proxy
