#include "protocol/error.hpp"

namespace protocol {

std::string_view describe(DecodeError error) {
    switch (error) {
    case DecodeError::truncated: return "the message ends before its last field";
    case DecodeError::length_out_of_range: return "a length above the maximum of its type";
    case DecodeError::option_out_of_range: return "an OPTION with more than one element";
    case DecodeError::unknown_protocol: return "an unknown protocol in SetupConnection";
    case DecodeError::unknown_extension: return "an unknown extension_type";
    case DecodeError::unknown_message: return "an unknown msg_type";
    }
    return "";
}

std::string_view describe(EncodeError error) {
    switch (error) {
    case EncodeError::too_long: return "more bytes or elements than the type can hold";
    case EncodeError::out_of_range: return "an integer above the maximum of its type";
    case EncodeError::frame_too_large: return "a payload of 2^24 bytes or more";
    }
    return "";
}

} // namespace protocol
