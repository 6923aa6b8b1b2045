#include "proxy/commands/coordinate_refusals.h"

#include <utility>

namespace causeway::proxy {
namespace {

using consistency::LogCoordinates;
using consistency::SearchVerdict;

constexpr uint16_t kErUnknown = 1105;

ClientError refusal(std::string message) {
  return {.code = kErFatalReadingBinlog, .sql_state = "HY000", .message = std::move(message)};
}

// "5d0c... (db1:3306)"
std::string name_of(const LogOwner& owner) {
  return owner.node.empty() ? owner.owner : owner.owner + " (" + owner.node + ")";
}

// "5d0c... (db1:3306), the writer now"
std::string serving(const LogOwner& source) {
  return name_of(source) + (source.is_replica ? ", whose log is read now" : ", the writer now");
}

// What an operator sets: the name of the server ahead of that of the file.
std::string to_set(const LogOwner& owner, const LogCoordinates& at) {
  const std::string_view prefix = owner.mariadb ? "MASTER" : "SOURCE";
  return std::string(prefix) + "_LOG_FILE='" + owner.owner + ":" + at.file + "', " + std::string(prefix) +
         "_LOG_POS=" + std::to_string(at.position);
}

}  // namespace

ClientError unknown_owner(const LogCoordinates& asked, std::span<const KnownWriter> writers,
                          const LogOwner& source, bool lasting) {
  std::string message = "Causeway does not know from which server's log " + to_string(asked) + " is";
  if (!lasting) {
    message += ", and keeps no record of it (replication.state_file)";
  } else if (!writers.empty()) {
    message += ": there were several servers";
  }
  message += ". If it is of " + serving(source) + ", say so: " + to_set(source, asked);
  std::string others;
  for (const KnownWriter& writer : writers)
    if (writer.owner != source.owner)
      others += (others.empty() ? "" : ", ") + writer.owner + " (" + writer.node + ")";
  if (!others.empty()) message += "; else name the other server likewise: " + others;
  return refusal(std::move(message));
}

ClientError ambiguous_owner(const LogCoordinates& asked, const LogOwner& one, const LogOwner& other) {
  return refusal(to_string(asked) + " is a place in the logs of " + name_of(one) + " and of " +
                 name_of(other) + ", and not the same one. Say whose it is: " + to_set(one, asked) + ", or " +
                 to_set(other, asked));
}

ClientError no_such_place(const LogCoordinates& asked, const LogOwner& source,
                          const std::optional<LogCoordinates>& before) {
  std::string message = "No event begins at " + to_string(asked) + " in the log of " + name_of(source);
  if (before) message += ". The last transaction before it ends at " + to_string(*before);
  return refusal(std::move(message));
}

ClientError another_log(const LogCoordinates& asked, const LogOwner& source) {
  return refusal("The log of " + name_of(source) +
                 " does not have what was sent of it to this client, which asks for " + to_string(asked) +
                 ": it was begun anew, or that part was purged. Load the data again, and set its coordinates "
                 "with whose they are: " +
                 to_set(source, {.file = "FILE", .position = 4}));
}

ClientError owner_not_there(const LogCoordinates& asked, const LogOwner& owner, const LogOwner& source,
                            const std::optional<LogCoordinates>& last_sent) {
  std::string message = to_string(asked) + " is of the log of " + name_of(owner) +
                        ", which Causeway cannot ask; the log is that of " + serving(source) + ".";
  message += last_sent ? " Last sent to this client: up to " + to_string(*last_sent) + "."
                       : " Nothing was sent to this client that Causeway knows of.";
  return refusal(message + " Load the data again, or set coordinates of that server by hand: " +
                 to_set(source, {.file = "FILE", .position = 4}));
}

ClientError inside_transaction(const LogCoordinates& asked, const LogOwner& owner, const LogOwner& source,
                               const std::optional<LogCoordinates>& begin) {
  std::string message = to_string(asked) + " of the log of " + name_of(owner) +
                        " is in the middle of a transaction, which can not be gone on with from that of " +
                        serving(source) + ".";
  message += begin
                 ? " It begins there behind " + to_set(source, *begin)
                 : " Nor is its beginning there for certain. Load the data again, or set coordinates of that "
                   "server by hand: " +
                       to_set(source, {.file = "FILE", .position = 4});
  return refusal(std::move(message));
}

ClientError not_translated(const LogCoordinates& asked, const LogOwner& owner, const LogOwner& source,
                           const consistency::SearchResult& result) {
  std::string message =
      to_string(asked) + " is of the log of " + name_of(owner) + "; in that of " + serving(source) + ", ";
  if (result.verdict == SearchVerdict::kNotCertain)
    return refusal(message + "its place is not certain: " + std::string(to_string(result.doubt)) +
                   ". Load the data again, or set coordinates of that server by hand");
  message += result.behind
                 ? "the last " + std::to_string(result.missing) +
                       " transactions of this client are missing. The last one that both have is ahead of " +
                       to_set(source, *result.behind)
                 : "none of the last transactions of this client is there. Load the data again";
  return refusal(std::move(message));
}

ClientError log_refused(const LogOwner& owner, std::string_view reason) {
  return refusal("Causeway cannot read the log of " + name_of(owner) + ": " + std::string(reason));
}

ClientError log_not_read(const LogOwner& owner, std::string_view reason) {
  ClientError error = log_refused(owner, reason);
  error.code = kErUnknown;
  return error;
}

}  // namespace causeway::proxy
