// The running proxy: everything that the configuration asks for, put together, started and ended.
#pragma once

#include "proxy/base/log.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// Runs until SIGTERM or SIGINT, then drains. Returns the process's exit status: 0, or 1 if it could not
// start, after a log line that says what and where.
int run_application(const Config& config, const Logger& logger);

}  // namespace causeway::proxy
