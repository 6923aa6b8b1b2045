// Ends what a server does on a connection that nobody waits for any more.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/io.h"

namespace causeway::proxy {

class Worker;

// KILL of the connection with this id, on a connection of its own with the monitor's account. What fails is
// logged: the server then notices by itself when it writes its answer.
Awaitable<void> kill_on_server(Worker& worker, size_t node, uint32_t thread_id);

}  // namespace causeway::proxy
