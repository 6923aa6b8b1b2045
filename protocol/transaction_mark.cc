#include "protocol/transaction_mark.h"

namespace causeway::protocol {

bool has_gtid(const TransactionMark& mark) {
  return mark.gtid.kind == BinlogGtid::Kind::kMysql || mark.gtid.kind == BinlogGtid::Kind::kMariadb;
}

bool is_identifiable(const TransactionMark& mark) {
  return has_gtid(mark) || mark.original_commit_timestamp != 0;
}

bool same_transaction(const TransactionMark& a, const TransactionMark& b) {
  const bool same_origin = a.server_id == b.server_id && a.timestamp == b.timestamp &&
                           a.original_commit_timestamp == b.original_commit_timestamp;
  if (has_gtid(a) && has_gtid(b)) return a.gtid == b.gtid && same_origin;
  const bool same_shape = a.shape == b.shape || a.shape == 0 || b.shape == 0;
  return a.original_commit_timestamp != 0 && same_origin && same_shape;
}

}  // namespace causeway::protocol
