// What a session begins with on a server, of what Causeway follows: global variables of the server, or what
// its init_connect has made of them.
#pragma once

#include "routing/statement.h"

namespace causeway::proxy {

struct SessionDefaults {
  bool autocommit = true;
  bool auto_is_null = false;           // sql_auto_is_null
  bool transaction_read_only = false;  // MariaDB: tx_read_only
  bool tracks_transactions = false;    // session_track_transaction_info is not OFF
  bool tracks_state_change = false;    // session_track_state_change
  routing::CompletionType completion_type = routing::CompletionType::kNoChain;

  friend bool operator==(const SessionDefaults&, const SessionDefaults&) = default;
};

}  // namespace causeway::proxy
