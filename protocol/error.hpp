// What can be wrong with bytes from a peer, and with values that have no encoding. Both are values, never exceptions:
// a malformed message is ordinary input for a server.
#pragma once

#include <cstdint>
#include <string_view>

namespace protocol {

enum class DecodeError : std::uint8_t {
    truncated,           // the bytes end before the last field does
    length_out_of_range, // a length prefix above its type's maximum (a B0_32 of 33 bytes)
    option_out_of_range, // an OPTION that announces more than one element
    unknown_protocol,    // SetupConnection.protocol above 2: of its own kind, so that it can be answered
    unknown_extension,   // no message of the catalogue has this extension_type
    unknown_message,     // a known extension_type without this msg_type
};

enum class EncodeError : std::uint8_t {
    too_long,        // more bytes or elements than the length prefix of the type can say
    out_of_range,    // an integer that its type cannot hold (U24)
    frame_too_large, // a payload of 2^24 bytes or more
};

std::string_view describe(DecodeError error);
std::string_view describe(EncodeError error);

} // namespace protocol
