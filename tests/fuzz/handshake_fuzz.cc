// What peers send before they are authenticated: greeting, SslRequest, response, AuthSwitchRequest. What was
// read and written again reads the same.

#include <cstdint>
#include <cstdlib>

#include "protocol/auth_exchange.h"
#include "protocol/handshake.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

void greeting(Bytes input) {
  const auto first = parse_handshake_v10(input);
  if (!first) return;
  Buffer bytes;
  append_handshake_v10(bytes, *first);
  const auto second = parse_handshake_v10(bytes);
  require(second.has_value());
  require(*first == *second);
}

void response(Bytes input) {
  const auto first = parse_handshake_response41(input);
  if (!first) return;
  Buffer bytes;
  append_handshake_response41(bytes, *first);
  const auto second = parse_handshake_response41(bytes);
  require(second.has_value());
  require(first->capabilities == second->capabilities && first->max_packet_bytes == second->max_packet_bytes);
  require(first->collation == second->collation && first->user == second->user);
  require(as_text(first->auth_response) == as_text(second->auth_response));
  require(first->database == second->database && first->auth_plugin == second->auth_plugin);
  require(as_text(first->connect_attributes) == as_text(second->connect_attributes));
  require(first->zstd_level == second->zstd_level);
}

void ssl_request(Bytes input) {
  const auto first = parse_ssl_request(input);
  require(first.has_value() == is_ssl_request(input));
  if (!first) return;
  Buffer bytes;
  append_ssl_request(bytes, *first);
  const auto second = parse_ssl_request(bytes);
  require(second.has_value());
  require(*first == *second);
}

void auth_switch(Bytes input) {
  const auto first = parse_auth_switch_request(input);
  if (!first) return;
  (void)parse_nonce(first->data);
  Buffer bytes;
  append_auth_switch_request(bytes, *first);
  const auto second = parse_auth_switch_request(bytes);
  require(second.has_value());
  require(first->plugin == second->plugin && as_text(first->data) == as_text(second->data));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  greeting(input);
  response(input);
  ssl_request(input);
  auth_switch(input);
  return 0;
}
