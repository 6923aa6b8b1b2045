// One command of a client on its way to a server: a value that is made where the command has been read, and
// is passed on as it is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/packet_header.h"
#include "protocol/response_scanner.h"
#include "protocol/status_flags.h"
#include "proxy/replication/stream_recorder.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/prepared_statements.h"
#include "proxy/session/text_prepared_statements.h"
#include "routing/statement.h"

namespace causeway::proxy {

struct StreamReader;

// Where a statement's answer stands in the answer to the client's packet.
struct AnswerPlace {
  uint8_t sequence_id = 1;
  bool more_results_follow = false;
};

// Nothing that is pointed to is owned.
struct ClientCommand {
  // What it is; made up for commands that are no statements. Never null when it runs.
  const routing::Statement* statement = nullptr;
  // To send on, headers and all, the first with sequence id 0.
  protocol::Bytes packets;
  protocol::ResponseKind kind = protocol::ResponseKind::kQuery;
  AnswerPlace place;

  // Put behind the rows of a result set of two text columns; null for none.
  const std::vector<NameAndValue>* extra_rows = nullptr;
  // Shown to the client in the last OK or EOF, whatever the server says.
  protocol::StatusFlags add_status = 0;

  // It is COM_STMT_PREPARE of this statement, which learns where it is prepared.
  PreparedStatement* prepare = nullptr;
  // It is about this prepared statement, which is prepared first where it is not; `packets` are rewritten for
  // the connection.
  const PreparedCommand* prepared = nullptr;
  // It is PREPARE of this statement, which learns where it is.
  TextPrepared* text_prepare = nullptr;
  // It is EXECUTE of this statement, which is PREPAREd first where it is not; `statement` is what it
  // prepares, `execute_text` the EXECUTE, which may name variables too.
  TextPrepared* text_execute = nullptr;
  std::string_view execute_text;
  // It is COM_BINLOG_DUMP or its like, of this client: the answer is the stream of the binary log.
  const StreamReader* reads_log = nullptr;

  // It asks for the binary log by file and position: what is sent is noted there.
  StreamRecorder* recorder = nullptr;

  bool as_it_is = false;  // PREPARE and its like: the server is to see to it
  // Not the execution of a statement but something about one (COM_STMT_PREPARE, _FETCH, _RESET): no
  // transaction begins with it and nothing is written by it.
  bool auxiliary = false;
  bool several = false;  // statements in one command; `statement` stands for all of them

  // Added to the sequence ids that a server gives the answer's packets.
  uint8_t sequence_offset() const {
    return static_cast<uint8_t>(place.sequence_id - protocol::count_packets(packets));
  }
};

}  // namespace causeway::proxy
