#include "protocol/binlog_gtid.h"

#include <algorithm>

namespace causeway::protocol {

void append_uuid(std::string& out, const BinlogUuid& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[uuid[i] >> 4];
    out += kDigits[uuid[i] & 0xf];
  }
}

bool is_binlog_tag(std::string_view tag) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  if (tag.empty()) return true;
  return tag.size() <= kMaxBinlogTagBytes && letter(tag.front()) && std::ranges::all_of(tag, allowed);
}

void BinlogGtid::set_tag(std::string_view tag) {
  tag_text = {};
  tag_bytes = static_cast<uint8_t>(std::min(tag.size(), tag_text.size()));
  std::copy_n(tag.data(), tag_bytes, tag_text.begin());
}

std::string to_string(const BinlogGtid& gtid) {
  switch (gtid.kind) {
    case BinlogGtid::Kind::kNone:
      return {};
    case BinlogGtid::Kind::kAnonymous:
      return "anonymous";
    case BinlogGtid::Kind::kMariadb:
      return std::to_string(gtid.domain_id) + '-' + std::to_string(gtid.server_id) + '-' +
             std::to_string(gtid.number);
    case BinlogGtid::Kind::kMysql:
      break;
  }
  std::string text;
  append_uuid(text, gtid.uuid);
  if (gtid.tag_bytes > 0) (text += ':') += gtid.tag();
  return (text += ':') += std::to_string(gtid.number);
}

}  // namespace causeway::protocol
