// A binary log that a scripted server gives to whoever asks for it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/com_binlog_dump.h"
#include "tests/support/binlog_events.h"
#include "tests/support/scripted_server.h"

namespace causeway::test {

// Files of transactions with the GTIDs of gtid_packet(), each of three events: 30, 60 and 100 bytes behind
// where it begins. The first one of a file is at kFirst.
struct FakeLog {
  static constexpr uint32_t kFirst = 100;
  static constexpr uint32_t kTransaction = 100;

  struct File {
    std::string name;
    std::vector<uint64_t> transactions;
    uint32_t created = 1'700'000'000;

    uint32_t end() const { return kFirst + kTransaction * static_cast<uint32_t>(transactions.size()); }
  };
  std::vector<File> files;

  // Answers COM_BINLOG_DUMP, and SHOW BINARY LOGS. Outlives the server's scripts.
  void serve(ScriptedServer& server) {
    server.on(protocol::Command::kBinlogDump, [this](Reply& reply) { dump(reply); });
    server.on("SHOW BINARY LOGS", [this](Reply& reply) {
      std::vector<std::vector<std::string>> rows;
      for (const File& file : files)
        rows.push_back({file.name, std::to_string(file.end())});
      reply.rows({"Log_name", "File_size"}, rows);
    });
  }

  std::vector<std::string> asked;  // "file:position" of each dump

 private:
  static bool is_event(const File& file, uint64_t position) {
    if (position == 4) return true;
    if (position < kFirst || position > file.end()) return false;
    const uint64_t within = (position - kFirst) % kTransaction;
    return within == 0 || within == 30 || within == 60;
  }

  void dump(Reply& reply) {
    const auto request = protocol::parse_binlog_dump(reply.request.payload);
    asked.push_back(std::string(request->file) + ":" + std::to_string(request->position));
    const auto found = std::ranges::find(files, request->file, &File::name);
    if (found == files.end())
      return reply.error(1236, "HY000", "Could not find first log file name in binary log index file");
    if (!is_event(*found, request->position))
      return reply.error(1236, "HY000", "no event begins at " + std::to_string(request->position));
    uint64_t from = request->position;
    for (auto file = found; file != files.end(); ++file, from = 4) {
      reply.text(rotate_packet(file->name, from));
      if (from == 4)
        reply.text(event_packet(protocol::BinlogEventType::kPreviousGtids, Buffer(8), kFirst, SemiSync::kNone,
                                file->created));
      for (size_t i = 0; i < file->transactions.size(); ++i) {
        const uint32_t begin = kFirst + kTransaction * static_cast<uint32_t>(i);
        if (from <= begin) reply.text(gtid_packet(file->transactions[i], begin + 30));
        if (from <= begin + 30) reply.text(query_packet("BEGIN", begin + 60));
        if (from <= begin + 60) reply.text(xid_packet(begin + 100));
      }
    }
    if (!request->waits_for_more()) reply.eof();
  }
};

}  // namespace causeway::test
