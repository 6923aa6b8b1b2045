// Texts of configuration values to values. A problem's text goes behind the setting's name: "must be between
// 1 and 86400".
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/or_problem.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// How the values of an enum are written, in the order of its enumerators.
template <class Enum>
struct ChoiceNames;
template <>
struct ChoiceNames<consistency::TimeoutPolicy> {
  static constexpr auto kNames = consistency::kTimeoutPolicyNames;
};
template <>
struct ChoiceNames<StatementPolicy> {
  static constexpr std::array<std::string_view, 2> kNames = {"reject", "forward"};
};
template <>
struct ChoiceNames<StartOn> {
  static constexpr std::array<std::string_view, 1> kNames = {"writer"};
};
template <>
struct ChoiceNames<ReadsOnWriter> {
  static constexpr std::array<std::string_view, 3> kNames = {"fallback", "always", "never"};
};
template <>
struct ChoiceNames<TlsMode> {
  static constexpr std::array<std::string_view, 5> kNames = {"disabled", "preferred", "required", "verify_ca",
                                                             "verify_identity"};
};
template <>
struct ChoiceNames<TlsVersion> {
  static constexpr std::array<std::string_view, 2> kNames = {"1.2", "1.3"};
};
template <>
struct ChoiceNames<ClientCertificate> {
  static constexpr std::array<std::string_view, 2> kNames = {"optional", "required"};
};
template <>
struct ChoiceNames<ListenerPurpose> {
  static constexpr std::array<std::string_view, 2> kNames = {"statements", "replication"};
};
template <>
struct ChoiceNames<LogSource> {
  static constexpr std::array<std::string_view, 2> kNames = {"writer", "replica"};
};
template <>
struct ChoiceNames<LogLevel> {
  static constexpr auto kNames = kLogLevelNames;
};
template <>
struct ChoiceNames<LogFormat> {
  static constexpr auto kNames = kLogFormatNames;
};

template <class Enum>
std::string_view choice_name(Enum value) {
  return ChoiceNames<Enum>::kNames.at(static_cast<size_t>(value));
}

// The place of the text among the names; nothing if it is none.
std::optional<size_t> find_choice(std::string_view text, std::span<const std::string_view> names);

// "must be one of writer, error, stale"
std::string must_be_one_of(std::span<const std::string_view> names);

template <class Enum>
OrProblem<> set_choice(Enum& target, std::string_view text) {
  constexpr std::span<const std::string_view> kNames = ChoiceNames<Enum>::kNames;
  const std::optional<size_t> index = find_choice(text, kNames);
  if (!index) return Problem{must_be_one_of(kNames)};
  target = static_cast<Enum>(*index);
  return {};
}

OrProblem<> set_read_consistency(consistency::ReadConsistency& target, std::string_view text);

// A whole number within the bounds.
OrProblem<> set_number(uint32_t& target, std::string_view text, uint32_t min, uint32_t max);

OrProblem<> set_duration(std::chrono::milliseconds& target, std::string_view text,
                         std::chrono::milliseconds min, std::chrono::milliseconds max);

// A number of bytes, with one of the units KiB, MiB, GiB or without.
OrProblem<> set_bytes(uint64_t& target, std::string_view text, uint64_t min, uint64_t max);

// Any text, or one that is not empty.
OrProblem<> set_text(std::string& target, std::string_view text);
OrProblem<> set_name(std::string& target, std::string_view text);

// As set_text().
OrProblem<> set_secret(protocol::SecretBytes& target, std::string_view text);

// "true" or "false".
OrProblem<> set_flag(bool& target, std::string_view text);

// Networks ("10.0.0.0/8") and addresses, separated by spaces; adds nothing if one of them is none.
OrProblem<> set_networks(std::vector<Network>& target, std::string_view text);

// Of a file, in octal with its leading 0: "0660".
OrProblem<> set_file_mode(uint32_t& target, std::string_view text);

enum class AddressUse : uint8_t {
  kListen,     // host:port, port 0 too, or unix:/path
  kListenTcp,  // host:port, port 0 too
  kConnect,    // host:port
};
OrProblem<> set_address(Address& target, std::string_view text, AddressUse use);

}  // namespace causeway::proxy
