#include "proxy/statement/log_attachment.h"

#include <utility>

#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

void tell_of_other(Shard& shard, const StreamReader& reader, const StreamReader& other, bool refused) {
  ReplicationCounters& counters = shard.metrics().replication;
  (refused ? counters.refused : counters.replaced).add();
  shard.logger().log(refused ? LogLevel::kWarning : LogLevel::kInfo,
                     refused ? "a reader of the binary log was refused: another one has its server id"
                             : "a reader of the binary log has come again: its former stream ends",
                     {{"server_id", reader.server_id},
                      {"session", reader.session},
                      {"user", reader.user},
                      {"client", address_of(reader)},
                      {"uuid", reader.uuid},
                      {"other_session", other.session},
                      {"other_user", other.user},
                      {"other_client", address_of(other)},
                      {"other_uuid", other.uuid},
                      {"since", since_of(other)}});
}

ClientError refusal_of(const StreamReader& reader, const StreamReader& other, bool may_read) {
  if (!may_read) return server_id_attached(reader.server_id, {}, {}, {});
  return server_id_attached(reader.server_id, other.user, address_of(other), since_of(other));
}

}  // namespace

std::optional<ClientError> refuse_reader(Shard& shard, const StreamReader& reader) {
  const auto other = shard.services().log_readers.attached.in_the_way_of(reader);
  if (!other) return std::nullopt;
  tell_of_other(shard, reader, *other, true);
  return refusal_of(reader, *other, reader.registered || reader.user == other->user);
}

std::optional<LogAttachment> attach_to_log(Shard& shard, const StreamReader& reader, size_t node,
                                           ClientError& refusal) {
  AttachedStreams::Attached attached = shard.services().log_readers.attached.attach(reader);
  const bool refused = !attached.attachment;
  if (attached.other) tell_of_other(shard, reader, *attached.other, refused);
  if (refused) {
    refusal = refusal_of(reader, *attached.other, true);
    return std::nullopt;
  }
  attached.attachment->stream().begins(node);
  return LogAttachment{.attachment = std::move(*attached.attachment),
                       .counted = GaugeShare(shard.metrics().replication.streams)};
}

}  // namespace causeway::proxy
