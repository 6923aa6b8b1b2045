#include "proxy/cluster/monitor_options.h"

#include <utility>

#include "proxy/config/config_load.h"

namespace causeway::proxy {

std::shared_ptr<MonitorAccount> monitor_account(const MonitorConfig& config) {
  MonitorAccount::ReadPassword read;
  if (!config.password_file.empty())
    read = [file = config.password_file] { return read_password_file(file); };
  return std::make_shared<MonitorAccount>(config.user, config.password, std::move(read));
}

MonitorOptions monitor_options(const Config& config, std::shared_ptr<MonitorAccount> account) {
  MonitorOptions options;
  for (const NodeConfig& node : config.nodes) {
    options.nodes.push_back(
        {.host = node.address.host, .port = node.address.port, .unix_socket = node.address.path});
  }
  options.account = std::move(account);
  options.tls = config.server_tls.mode;
  options.tls_ca = config.server_tls.ca;
  options.tls_certificate = config.server_tls.certificate;
  options.tls_key = config.server_tls.key;
  options.interval = config.monitor.interval;
  options.connect_timeout = config.monitor.connect_timeout;
  options.rejoin_max_lag = config.routing.max_lag;
  return options;
}

}  // namespace causeway::proxy
