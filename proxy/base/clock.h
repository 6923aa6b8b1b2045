// The clock of the process: every deadline, age and pace is measured by it.
#pragma once

#include <chrono>

namespace causeway::proxy {

// Never set back; means nothing outside of the process.
using Clock = std::chrono::steady_clock;

}  // namespace causeway::proxy
