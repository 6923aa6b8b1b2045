#include "proxy/base/build_info.h"

namespace causeway::proxy {

std::string_view version() {
  return CAUSEWAY_VERSION;
}

}  // namespace causeway::proxy
