// What the monitor needs to know of the configuration.
#pragma once

#include <memory>

#include "proxy/cluster/cluster_monitor.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// Whose password is read again from its file when it is refused.
std::shared_ptr<MonitorAccount> monitor_account(const MonitorConfig& config);

MonitorOptions monitor_options(const Config& config, std::shared_ptr<MonitorAccount> account);

}  // namespace causeway::proxy
