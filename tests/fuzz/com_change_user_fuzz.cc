// COM_CHANGE_USER: what was read and written again reads the same.
// Input: capabilities (bits: secure connection, plugin, attributes, lenenc), then the payload.

#include <cstdlib>

#include "protocol/com_change_user.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  if (size < 1) return 0;
  CapabilityFlags capabilities = capability::kProtocol41;
  if ((data[0] & 1) != 0) capabilities |= capability::kSecureConnection;
  if ((data[0] & 2) != 0) capabilities |= capability::kPluginAuth;
  if ((data[0] & 4) != 0) capabilities |= capability::kConnectAttrs;
  if ((data[0] & 8) != 0) capabilities |= capability::kPluginAuthLenencClientData;
  const auto first = parse_com_change_user({data + 1, size - 1}, capabilities);
  if (!first) return 0;
  Buffer written;
  append_com_change_user(written, *first, capabilities);
  const auto second = parse_com_change_user(written, capabilities);
  if (!second) std::abort();
  if (first->user != second->user || first->database != second->database ||
      first->auth_plugin != second->auth_plugin || first->collation != second->collation ||
      as_text(first->auth_response) != as_text(second->auth_response) ||
      as_text(first->connect_attributes) != as_text(second->connect_attributes))
    std::abort();
  return 0;
}
