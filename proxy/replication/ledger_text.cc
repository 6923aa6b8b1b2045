// The ledger's file: JSON, by Boost.JSON.
#include <algorithm>
#include <boost/json.hpp>
#include <exception>
#include <stdexcept>

#include "proxy/replication/stream_ledger.h"

namespace causeway::proxy {
namespace {

namespace json = boost::json;
using consistency::SentLog;
using consistency::SentTransaction;
using protocol::BinlogGtid;
using protocol::TransactionMark;

constexpr int kVersion = 1;

json::value gtid_value(const BinlogGtid& gtid) {
  switch (gtid.kind) {
    case BinlogGtid::Kind::kNone:
      return nullptr;
    case BinlogGtid::Kind::kAnonymous:
      return "anonymous";
    case BinlogGtid::Kind::kMysql: {
      std::string uuid;
      protocol::append_uuid(uuid, gtid.uuid);
      return json::array{uuid, gtid.tag(), gtid.number};
    }
    case BinlogGtid::Kind::kMariadb:
      return json::array{gtid.domain_id, gtid.server_id, gtid.number};
  }
  return nullptr;
}

uint8_t hex_digit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const size_t digit = kDigits.find(c);
  if (digit == std::string_view::npos) throw std::invalid_argument("not a UUID");
  return static_cast<uint8_t>(digit);
}

protocol::BinlogUuid parse_uuid(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  protocol::BinlogUuid uuid{};
  if (digits.size() != 2 * uuid.size()) throw std::invalid_argument("not a UUID");
  for (size_t i = 0; i < uuid.size(); ++i)
    uuid[i] = static_cast<uint8_t>(hex_digit(digits[2 * i]) << 4U | hex_digit(digits[2 * i + 1]));
  return uuid;
}

std::string text_of(const json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

BinlogGtid parse_gtid(const json::value& value) {
  BinlogGtid gtid;
  if (value.is_null()) return gtid;
  if (value.is_string()) {
    if (value.as_string() != "anonymous") throw std::invalid_argument("not a GTID");
    gtid.kind = BinlogGtid::Kind::kAnonymous;
    return gtid;
  }
  const json::array& parts = value.as_array();
  gtid.number = parts.at(2).to_number<uint64_t>();
  if (parts.at(0).is_string()) {
    gtid.kind = BinlogGtid::Kind::kMysql;
    gtid.uuid = parse_uuid(parts.at(0).as_string());
    const std::string tag = text_of(parts.at(1));
    if (!tag.empty() && !protocol::is_binlog_tag(tag)) throw std::invalid_argument("not a tag of a GTID");
    gtid.set_tag(tag);
    return gtid;
  }
  gtid.kind = BinlogGtid::Kind::kMariadb;
  gtid.domain_id = parts.at(0).to_number<uint32_t>();
  gtid.server_id = parts.at(1).to_number<uint32_t>();
  return gtid;
}

// One list for all of one file.
json::array sent_value(const SentLog& sent) {
  json::array files;
  const size_t kept = std::min(sent.size(), LedgerContent::kTransactionsInFile);
  for (size_t i = sent.size() - kept; i < sent.size(); ++i) {
    const SentTransaction one = sent.at(i);
    if (files.empty() || files.back().at("file").as_string() != one.file)
      files.push_back(json::object{{"file", one.file}, {"transactions", json::array()}});
    files.back()
        .at("transactions")
        .as_array()
        .push_back(json::array{one.begin, one.end, gtid_value(one.mark.gtid), one.mark.server_id,
                               one.mark.timestamp, one.mark.original_commit_timestamp, one.mark.shape});
  }
  return files;
}

void parse_sent(const json::value& value, SentLog& sent) {
  for (const json::value& file : value.as_array()) {
    const std::string name = text_of(file.at("file"));
    for (const json::value& one : file.at("transactions").as_array()) {
      const json::array& parts = one.as_array();
      const TransactionMark mark{.gtid = parse_gtid(parts.at(2)),
                                 .server_id = parts.at(3).to_number<uint32_t>(),
                                 .timestamp = parts.at(4).to_number<uint32_t>(),
                                 .original_commit_timestamp = parts.at(5).to_number<uint64_t>(),
                                 .shape = parts.at(6).to_number<uint32_t>()};
      sent.record(name, parts.at(0).to_number<uint64_t>(), parts.at(1).to_number<uint64_t>(), mark);
    }
  }
}

json::object client_value(const ReplicaKey& key, const LedgerContent::Client& client) {
  json::object value{{"user", key.user},
                     {"server_id", key.server_id},
                     {"log_of", client.stream.owner},
                     {"updated", client.updated},
                     {"sent", sent_value(client.stream.sent)}};
  if (const auto reached = client.stream.sent.reached())
    value["reached"] = json::array{reached->file, reached->position};
  if (const auto broken_off = client.stream.sent.broken_off()) value["broken_off"] = *broken_off;
  if (client.stream.start)
    value["start"] = json::array{client.stream.start->file, client.stream.start->position};
  return value;
}

void parse_client(const json::value& value, LedgerContent& content) {
  const ReplicaKey key{.user = text_of(value.at("user")),
                       .server_id = value.at("server_id").to_number<uint32_t>()};
  LedgerContent::Client client;
  client.stream.owner = text_of(value.at("log_of"));
  client.updated = value.at("updated").to_number<int64_t>();
  if (const json::value* start = value.as_object().if_contains("start"); start != nullptr)
    client.stream.start = {.file = text_of(start->as_array().at(0)),
                           .position = start->as_array().at(1).to_number<uint64_t>()};
  parse_sent(value.at("sent"), client.stream.sent);
  if (const json::value* reached = value.as_object().if_contains("reached"); reached != nullptr)
    client.stream.sent.reached(text_of(reached->as_array().at(0)),
                               reached->as_array().at(1).to_number<uint64_t>());
  const json::value* broken_off = value.as_object().if_contains("broken_off");
  if (const auto reached = client.stream.sent.reached(); reached && broken_off != nullptr)
    client.stream.sent.broken_off(reached->file, broken_off->to_number<uint64_t>());
  content.put(key, client.stream, client.updated);
}

}  // namespace

std::string to_text(const LedgerContent& content) {
  json::array writers;
  for (const KnownWriter& writer : content.writers)
    writers.push_back(json::object{{"log_of", writer.owner}, {"node", writer.node}, {"since", writer.since}});
  json::array clients;
  for (const auto& [key, client] : content.clients)
    clients.push_back(client_value(key, client));
  return json::serialize(json::object{{"version", kVersion}, {"writers", writers}, {"clients", clients}}) +
         '\n';
}

OrProblem<LedgerContent> parse_ledger(std::string_view text) {
  try {
    const json::value value = json::parse(text);
    if (value.at("version").to_number<int>() != kVersion)
      return Problem{"it is of another version of Causeway"};
    LedgerContent content;
    for (const json::value& writer : value.at("writers").as_array())
      content.add_writer(text_of(writer.at("log_of")), text_of(writer.at("node")),
                         writer.at("since").to_number<int64_t>());
    for (const json::value& client : value.at("clients").as_array())
      parse_client(client, content);
    return content;
  } catch (const std::exception& error) {
    return Problem{error.what()};
  }
}

}  // namespace causeway::proxy
