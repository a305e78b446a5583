// Extension 0x0001, Extensions Negotiation: sent by the client right after SetupConnection.Success.
// Its msg_types are those of SetupConnection and its replies; the extension_type tells them apart.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"

#include <cstdint>
#include <string_view>

namespace protocol {

inline constexpr std::uint16_t extensions_negotiation = 0x0001;

struct RequestExtensions {
    static constexpr std::string_view name = "RequestExtensions";
    static constexpr MessageId id{.extension_type = extensions_negotiation, .msg_type = 0x00};

    std::uint16_t request_id = 0;
    Seq0_64K<std::uint16_t> requested_extensions; // may hold duplicates

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"requested_extensions", m.requested_extensions});
    }
    bool operator==(const RequestExtensions&) const = default;
};

struct RequestExtensionsSuccess {
    static constexpr std::string_view name = "RequestExtensions.Success";
    static constexpr MessageId id{.extension_type = extensions_negotiation, .msg_type = 0x01};

    std::uint16_t request_id = 0;
    Seq0_64K<std::uint16_t> supported_extensions; // a subset of those requested

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"supported_extensions", m.supported_extensions});
    }
    bool operator==(const RequestExtensionsSuccess&) const = default;
};

struct RequestExtensionsError {
    static constexpr std::string_view name = "RequestExtensions.Error";
    static constexpr MessageId id{.extension_type = extensions_negotiation, .msg_type = 0x02};

    std::uint16_t request_id = 0;
    Seq0_64K<std::uint16_t> unsupported_extensions; // requested, and not served
    Seq0_64K<std::uint16_t> required_extensions;    // not requested, and needed to go on

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"unsupported_extensions", m.unsupported_extensions},
                        Field{"required_extensions", m.required_extensions});
    }
    bool operator==(const RequestExtensionsError&) const = default;
};

} // namespace protocol
