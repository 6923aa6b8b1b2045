// A LexMode from the first byte of a fuzz input.
#pragma once

#include <cstdint>

#include "routing/sql_lexer.h"

namespace causeway::routing {

inline LexMode lex_mode_of_byte(uint8_t byte) {
  LexMode mode;
  mode.ansi_quotes = (byte & 1) != 0;
  mode.no_backslash_escapes = (byte & 2) != 0;
  mode.mariadb = (byte & 4) != 0;
  mode.server_version = (byte & 8) != 0 ? (mode.mariadb ? 101106 : 80036) : 0;
  mode.multibyte_backslash = static_cast<MultibyteBackslash>((byte >> 4) % 6);
  return mode;
}

}  // namespace causeway::routing
