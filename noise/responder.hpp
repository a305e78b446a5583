// The responder's half of the Noise NX handshake: 64 bytes in (act 1), 234 bytes out (act 2), and both ciphers.
// Pure computation, done in one call: nothing is held between act 1 and act 2. SV2 04-Protocol-Security 4.5.
#pragma once

#include "noise/acts.hpp"
#include "noise/certificate.hpp"
#include "noise/curve.hpp"
#include "noise/error.hpp"
#include "noise/keys.hpp"
#include "noise/transport.hpp"

#include <cstdint>
#include <expected>
#include <span>

namespace noise {

// What a responder shows to prove who it is. Never changed: a renewal makes new ones, and a handshake under way
// finishes with those that it was given.
struct Credentials {
    KeyPair static_key;
    Certificate certificate;
};

struct Response {
    Act2 act2;
    Transport transport;
};

// There is no invalid act 1. Fails (bad_key) only if one of the key pairs was moved away.
// `ephemeral` must be fresh: it is spent, so that no two connections share their keys.
[[nodiscard]] std::expected<Response, NoiseError> respond(const Curve& curve, const Credentials& credentials,
                                                          std::span<const std::uint8_t, act1_size> act1,
                                                          KeyPair ephemeral);

} // namespace noise
