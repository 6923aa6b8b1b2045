#include "proxy/cluster/server_errors.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace causeway::proxy {
namespace {

template <size_t N>
bool is_one_of(const std::array<unsigned, N>& codes, unsigned code) {
  return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

bool is_wrong_password(unsigned code) {
  return code == 1045 || code == 1698;
}

bool is_about_account(unsigned code) {
  constexpr std::array<unsigned, 19> kCodes = {
      1040,                    // too many connections
      1044, 1142, 1143, 1227,  // rights
      1129, 1130,              // the host is blocked, or not allowed to connect
      1045, 1698,              // the password
      1203, 1226,              // too many connections of this user
      1396, 1524, 1820, 1862,  // no such account, its plugin is not there, the password has expired
      3118, 3159, 3955, 4151,  // locked, TLS is required, locked after failed logins, locked (MariaDB)
  };
  return is_one_of(kCodes, code);
}

bool is_about_everybody(unsigned code) {
  constexpr std::array<unsigned, 3> kCodes = {
      1040,  // too many connections
      1129,  // the host is blocked
      1130,  // the host is not allowed to connect
  };
  return is_one_of(kCodes, code) || is_shutdown(code);
}

bool is_account_full(unsigned code, std::string_view message) {
  constexpr unsigned kTooManyUserConnections = 1203;
  constexpr unsigned kUserLimitReached = 1226;
  return code == kTooManyUserConnections ||
         (code == kUserLimitReached && message.find("'max_user_connections'") != std::string_view::npos);
}

bool is_shutdown(unsigned code) {
  constexpr unsigned kShutdown = 1053;
  constexpr unsigned kOffline = 3032;
  return code == kShutdown || code == kOffline;
}

bool is_unknown_name(unsigned code) {
  constexpr std::array<unsigned, 16> kCodes = {1044, 1049, 1054, 1109, 1115, 1141, 1142, 1143,
                                               1146, 1176, 1273, 1305, 1356, 1370, 1449, 1630};
  return is_one_of(kCodes, code);
}

bool is_read_only(unsigned code, std::string_view message) {
  constexpr unsigned kOptionPreventsStatement = 1290;  // said of other options too
  constexpr unsigned kReadOnlyMode = 1836;
  if (code == kReadOnlyMode) return true;
  return code == kOptionPreventsStatement && (message.find("read-only") != std::string_view::npos ||
                                              message.find("read_only") != std::string_view::npos);
}

std::string_view sql_state_of_refusal(unsigned code, std::string_view sent) {
  if (sent != "HY000") return sent;
  switch (code) {
    case 1040:  // too many connections
      return "08004";
    case 1042:  // the client's name cannot be found
    case 1043:  // bad handshake
    case 1053:  // shutdown
      return "08S01";
    default:
      return sent;
  }
}

}  // namespace causeway::proxy
