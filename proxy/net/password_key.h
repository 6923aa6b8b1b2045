// The key under which clients without TLS send their passwords.
#pragma once

#include <memory>

#include "protocol/scramble.h"
#include "proxy/base/or_problem.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

using PasswordKey = std::shared_ptr<const protocol::RsaKeyPair>;

// Of the file that is configured, which clients may have the public half of (--server-public-key-path), as of
// a server's caching_sha2_password_private_key_path; else a new one, which takes some tenths of a second. A
// problem names the file and what is wrong with it.
OrProblem<PasswordKey> make_password_key(const TlsConfig& config);

}  // namespace causeway::proxy
