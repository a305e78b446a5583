// What can go wrong in this room. A caller that sees any of these closes the connection without a word: Noise has no
// alert message, and one of our own would tell a stranger why it failed.
#pragma once

#include <cstdint>
#include <string_view>

namespace noise {

enum class NoiseError : std::uint8_t {
    bad_tag,         // authentication failed: altered, replayed, reordered or encrypted with another key
    bad_key,         // not a valid secp256k1 secret, an encoding of another key, or a key that was moved away
    bad_certificate, // not signed by the authority, or outside its time
    bad_length,      // no sender produces this many bytes
    nonce_exhausted, // 2^64-1 is reserved (Noise 5.1); also a cipher that was moved away
};

std::string_view describe(NoiseError error);

} // namespace noise
