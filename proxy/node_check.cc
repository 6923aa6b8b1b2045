#include "proxy/node_check.h"

#include <stdexcept>

#include "proxy/cluster_view.h"
#include "proxy/native_client.h"

namespace causeway::proxy {

std::string try_node(const Config& config, const NodeConfig& node) {
  NativeClient client;
  NativeClient::Options options;
  options.host = node.address.host;
  options.port = node.address.port;
  options.unix_socket = node.address.path;
  options.user = config.monitor.user;
  options.password = protocol::SecretBytes(config.monitor.password);
  options.connect_timeout = config.monitor.connect_timeout;
  options.tls = static_cast<NativeClient::Tls>(config.server_tls.mode);
  options.tls_ca = config.server_tls.ca;
  options.tls_certificate = config.server_tls.certificate;
  options.tls_key = config.server_tls.key;
  const auto connected = client.connect(options);
  if (!connected) throw std::runtime_error(to_string(connected.error()));
  const auto rows = client.query("SELECT @@global.read_only");
  if (!rows) throw std::runtime_error(to_string(rows.error()));
  const bool read_only = !rows->rows.empty() && rows->rows[0][0].value_or("0") != "0";
  return client.server_version() + (read_only ? ", read-only" : ", takes writes");
}

}  // namespace causeway::proxy
