// A client that a server has begun to send its binary log, among all those that read it.
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/accounts/client_error.h"
#include "proxy/metrics/gauge_share.h"
#include "proxy/replication/attached_streams.h"

namespace causeway::proxy {

class Shard;

struct LogAttachment {
  AttachedStreams::Attachment attachment;
  GaugeShare counted;

  AttachedStream& stream() const { return attachment.stream(); }
};

// For a client that asks for the log, before a server is asked: there the one with its server id would lose
// its stream. What it is to be told where that is another client, which is logged and counted; nothing: it
// may go on. Who has it, and from where, is told only to a client of which a server has said that it may read
// the log, or that is the same user.
std::optional<ClientError> refuse_reader(Shard& shard, const StreamReader& reader);

// A server has begun to send its log to the client, which takes the place of its own former stream: not
// before that, since only the server knows who may read its log, and with that end another stream. Nothing
// where another client has come with the same server id meanwhile: then `refusal` is what it is to be told.
// Either is logged and counted.
std::optional<LogAttachment> attach_to_log(Shard& shard, const StreamReader& reader, size_t node,
                                           ClientError& refusal);

}  // namespace causeway::proxy
