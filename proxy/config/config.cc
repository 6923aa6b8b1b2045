#include "proxy/config/config.h"

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

}  // namespace causeway::proxy
