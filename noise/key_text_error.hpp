// Why a key's text form was refused. Apart from NoiseError, because the reader is an operator with a typing error, not
// a peer.
#pragma once

#include <cstdint>
#include <string_view>

namespace noise {

enum class KeyTextError : std::uint8_t {
    bad_character, // outside the base58 alphabet, blanks included
    bad_checksum,  // or too short to hold one
    bad_length,    // too short for a public key, or far too long for any key
    bad_version,   // not the prefix of a public key
    bad_key,       // well-formed text that holds no valid key
};

std::string_view describe(KeyTextError error);

} // namespace noise
