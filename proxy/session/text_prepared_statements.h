// The statements of a session that were prepared by PREPARE, as values.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/session/parse_context.h"
#include "routing/statement.h"

namespace causeway::proxy {

struct TextPrepared {
  std::string prepare_sql;                 // PREPARE ... for a server
  std::string sql;                         // what the client prepares
  routing::Statement statement;            // of `sql`, with views into it
  ParseContext context;                    // of the PREPARE
  std::array<uint64_t, 2> incarnations{};  // by PreparedStatements::side(), as PreparedThere::incarnation
};

// By name, in lower case.
using TextPreparedStatements = absl::flat_hash_map<std::string, std::unique_ptr<TextPrepared>>;

// Of one session; a further PREPARE gets error 1461.
inline constexpr size_t kMaxTextPrepared = 1000;

}  // namespace causeway::proxy
