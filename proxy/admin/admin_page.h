// The page at / of the admin server.
#pragma once

#include <string_view>

namespace causeway::proxy {

// One HTML document without external resources. It asks /status every second (see AdminHandlers::status).
std::string_view admin_page();

}  // namespace causeway::proxy
