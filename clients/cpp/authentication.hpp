// What a client signs to prove who it is, and what the role verifies (protocol/EXTENSION.md, Authenticate).
#pragma once

#include "noise/hash.hpp"
#include "noise/keys.hpp"
#include "protocol/storage_messages.hpp"

namespace client {

// BIP340's TaggedHash over the handshake hash, the authority key that the client pinned, and all of the payload that
// precedes the signature. The handshake hash is another in every session and on both sides of a relay: no challenge.
noise::Hash authentication_digest(const noise::Hash& handshake_hash, const noise::XOnlyKey& authority,
                                  const protocol::Authenticate& message);

} // namespace client
