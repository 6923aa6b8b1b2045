// PREPARE, EXECUTE and DEALLOCATE PREPARE as SQL: they run where the statement that is prepared would run,
// and are prepared there first if need be.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/io.h"
#include "proxy/parse_context.h"
#include "routing/statement.h"

namespace causeway::proxy {

struct ClientSession;
struct Dispatch;
struct RunOutcome;

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

// Answers one of the three. Those whose text is not a literal (PREPARE s FROM @variable) run on the writer
// and pin the session there.
Awaitable<RunOutcome> run_text_prepared(ClientSession& session, const Dispatch& dispatch);

}  // namespace causeway::proxy
