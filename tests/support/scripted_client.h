// The client's side of a connection to Causeway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/capability_flags.h"
#include "protocol/command.h"
#include "protocol/scramble.h"
#include "tests/support/compressed_peer.h"
#include "tests/support/packets.h"
#include "tests/support/scripted_server.h"
#include "tests/support/tls_peer.h"

namespace causeway::test {

class Harness;

// What a client asks for that nobody has told otherwise: several statements, no EOF packets.
protocol::CapabilityFlags usual_client_capabilities();

// What a client says when it logs in.
struct LoginWish {
  std::string_view user = "app";
  std::string_view password = "secret";
  std::string_view schema = {};
  protocol::CapabilityFlags capabilities = usual_client_capabilities();
  std::string_view plugin = protocol::auth_plugin::kCachingSha2Password;  // or kNativePassword
  uint8_t collation = 45;
  Bytes connect_attributes = {};  // with kConnectAttrs
};

// Made by Harness::connect(). Every command drives everything until its answer is there; the clock goes on if
// nothing else does. Whatever is done on a connection that has ended answers "closed".
class ScriptedClient {
 public:
  // The client's end of a connected socket.
  ScriptedClient(Harness& harness, int socket);
  ~ScriptedClient();
  ScriptedClient(const ScriptedClient&) = delete;
  ScriptedClient& operator=(const ScriptedClient&) = delete;

  // With kSsl over TLS, with kCompress compressed behind the login, where that is offered.
  Answer log_in(std::string_view user = "app", std::string_view password = "secret",
                std::string_view schema = {},
                protocol::CapabilityFlags capabilities = usual_client_capabilities());
  Answer log_in(const LoginWish& wish);
  Answer query(std::string_view sql) { return command(protocol::Command::kQuery, sql); }
  Answer command(protocol::Command command, std::string_view argument = {});
  Answer change_user(std::string_view user, std::string_view password, std::string_view schema = {});
  // With a cursor for reading if `flags` is 1.
  Answer execute(uint32_t statement_id, const std::vector<std::string>& parameters = {}, uint8_t flags = 0);
  Answer fetch(uint32_t statement_id, uint32_t rows);
  void send_long_data(uint32_t statement_id, uint16_t parameter, std::string_view data);
  // COM_STMT_CLOSE, COM_STMT_RESET, ...
  Answer statement_command(protocol::Command command, uint32_t statement_id);
  // For what Answer::state says kWantsFile to.
  Answer send_file(std::string_view contents);

  // Reads the greeting, if it has not been read; log_in() does. False: there is an error in its place, or the
  // end.
  bool take_greeting();

  // In two parts, for what somebody else does meanwhile.
  void start(protocol::Command command, std::string_view argument = {});
  Answer finish();

  // Bytes as they are, and the answer to what they were.
  void send_raw(Bytes bytes);
  Answer receive_answer(protocol::Command command) { return note(receive(command)); }

  // What comes stays in its socket, which takes only so much, until it reads again.
  void reads(bool reads) { reads_ = reads; }

  // COM_QUIT and the end; the end alone.
  void quit();
  void close();
  bool is_open() const { return socket_ >= 0; }

  // Of the greeting: the session's id.
  uint32_t id() const { return id_; }
  bool has_greeting() const { return has_greeting_; }
  bool has_tls() const { return tls_ && tls_->is_done(); }
  bool is_compressed() const { return compressed_ != nullptr; }
  const std::string& server_version() const { return server_version_; }

  // One line per command: what was answered. And the bytes of all of them, but for the greeting, which is
  // never the same.
  const std::vector<std::string>& transcript() const { return transcript_; }
  const Buffer& bytes() const { return bytes_; }
  // A command that had no answer, though all deadlines are over.
  bool hung() const { return hung_; }

  // Steps are packets that are sent. kError and kCloseUnread have no meaning here; kStall: the client sends
  // nothing any more.
  size_t steps() const { return steps_; }
  void fault_at(size_t step, Fault fault) {
    fault_step_ = step;
    fault_ = fault;
  }
  bool fault_happened() const { return fault_step_ < steps_; }

  // Of the harness: reads what has come. Whether there was something.
  bool pump();

 private:
  void send(Bytes payload, uint8_t sequence_id);
  void send_step(const Buffer& wire);
  Buffer sealed(const Buffer& packet);
  void send_bytes(Bytes bytes);
  void take_wire(Bytes wire);
  void start_tls(uint8_t collation);
  Answer receive(protocol::Command command);
  Answer authenticate(std::string_view password);
  Answer note(Answer answer);

  Harness& harness_;
  int socket_;
  std::unique_ptr<TlsPeer> tls_;
  std::unique_ptr<CompressedPeer> compressed_;
  bool ended_ = false;  // by the other side
  bool hung_ = false;
  bool reads_ = true;
  bool has_greeting_ = false;
  std::string server_version_;
  uint32_t id_ = 0;
  protocol::Nonce nonce_{};
  protocol::CapabilityFlags offered_ = 0;
  protocol::CapabilityFlags capabilities_ = 0;
  protocol::Command current_ = protocol::Command::kSleep;
  Buffer in_;
  Buffer bytes_;
  std::vector<std::string> transcript_;
  size_t steps_ = 0;
  size_t fault_step_ = static_cast<size_t>(-1);
  Fault fault_ = Fault::kNone;
};

}  // namespace causeway::test
