// The storage extension. Its number is in the experimental range (SV2 specification 3.4) until one is allocated; its
// msg_types begin at 0x80, where no core message is, so that a peer which ignores the extension_type fails loudly.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"

#include <cstdint>
#include <string_view>
#include <tuple>

namespace protocol {

inline constexpr std::uint16_t storage_extension = 0x5354;

// The last message of a session that broke a rule; the connection is closed after it.
struct Error {
    static constexpr std::string_view name = "Error";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x80};

    std::uint32_t request_id = 0; // of the request that failed; 0: none
    Str0_255 code;                // one of error_codes.hpp
    Str0_255 detail;              // for a person to read

    static constexpr auto fields(auto& m) {
        return std::tuple{Field{"request_id", m.request_id}, Field{"code", m.code}, Field{"detail", m.detail}};
    }
    bool operator==(const Error&) const = default;
};

} // namespace protocol
