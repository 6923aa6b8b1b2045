// Texts as literals and names in SQL of ours.
#pragma once

#include <string>
#include <string_view>

#include "routing/sql_lexer.h"

namespace causeway::routing {

// A string literal that stands for the text in this sql_mode.
std::string quoted(std::string_view text, const LexMode& mode);
void append_quoted(std::string& sql, std::string_view text, const LexMode& mode);

// A literal that stands for a UTF-8 text in every sql_mode and every character set of the connection.
void append_utf8_literal(std::string& sql, std::string_view text);

// A name in backticks.
void append_identifier(std::string& sql, std::string_view name);

}  // namespace causeway::routing
