// What servers mean by the codes of their errors.
// https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html,
// https://mariadb.com/kb/en/mariadb-error-code-reference/
#pragma once

#include <string_view>

namespace causeway::proxy {

// Of a login: the user's name or password is wrong, or was changed.
bool is_wrong_password(unsigned code);

// The server is there, and has something against the account or where it comes from: its password, its
// rights, that it is locked or has too many connections, a blocked host. Says nothing of what the server is.
bool is_about_account(unsigned code);

// Said to whoever comes: no room, the host is blocked, it shuts down or is offline.
bool is_about_everybody(unsigned code);

// The account has as many connections as it may have at a time: fewer of them help. Of the limits per hour
// none is eased by closing something.
bool is_account_full(unsigned code, std::string_view message);

// The server goes away, or takes no users.
bool is_shutdown(unsigned code);

// A name or a right is not there that another server may have: an unknown schema, table, column, function,
// index, character set, collation, a view or routine whose parts are missing; access denied to any of them.
bool is_unknown_name(unsigned code);

// The server takes no writes, as a replica does. Not said of a READ ONLY transaction.
bool is_read_only(unsigned code, std::string_view message);

// The SQLSTATE of an error that a login has ended with. Ahead of a server's greeting there is none in the
// packet (`sent` is "HY000" then): it is the one that belongs to the code.
std::string_view sql_state_of_refusal(unsigned code, std::string_view sent);

}  // namespace causeway::proxy
