// The messages that every SV2 connection shares (SV2 specification 3.6 and 3.7).
#pragma once

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/primitives.hpp"

#include <cstdint>
#include <string_view>

namespace protocol {

inline constexpr std::uint16_t core_extension = 0x0000;

enum class Protocol : std::uint8_t { mining = 0, job_declaration = 1, template_distribution = 2 };

inline void get(Reader& in, Protocol& value) {
    const std::uint64_t number = in.take_integer<1>();
    value = static_cast<Protocol>(number);
    if (number > static_cast<std::uint64_t>(Protocol::template_distribution)) in.fail(DecodeError::unknown_protocol);
}
inline void put(Writer& out, Protocol value) {
    out.put_integer<1>(static_cast<std::uint8_t>(value));
}

struct SetupConnection {
    static constexpr std::string_view name = "SetupConnection";
    static constexpr MessageId id{.extension_type = core_extension, .msg_type = 0x00};

    Protocol protocol{};
    std::uint16_t min_version = 0;
    std::uint16_t max_version = 0;
    std::uint32_t flags = 0; // their meaning depends on `protocol`
    Str0_255 endpoint_host;
    std::uint16_t endpoint_port = 0;
    Str0_255 vendor;
    Str0_255 hardware_version;
    Str0_255 firmware;
    Str0_255 device_id;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"protocol", m.protocol}, Field{"min_version", m.min_version},
                        Field{"max_version", m.max_version}, Field{"flags", m.flags},
                        Field{"endpoint_host", m.endpoint_host}, Field{"endpoint_port", m.endpoint_port},
                        Field{"vendor", m.vendor}, Field{"hardware_version", m.hardware_version},
                        Field{"firmware", m.firmware}, Field{"device_id", m.device_id});
    }
    bool operator==(const SetupConnection&) const = default;
};

struct SetupConnectionSuccess {
    static constexpr std::string_view name = "SetupConnection.Success";
    static constexpr MessageId id{.extension_type = core_extension, .msg_type = 0x01};

    std::uint16_t used_version = 0;
    std::uint32_t flags = 0;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"used_version", m.used_version}, Field{"flags", m.flags});
    }
    bool operator==(const SetupConnectionSuccess&) const = default;
};

struct SetupConnectionError {
    static constexpr std::string_view name = "SetupConnection.Error";
    static constexpr MessageId id{.extension_type = core_extension, .msg_type = 0x02};

    std::uint32_t flags = 0; // the flags that are not supported, if that is the error
    Str0_255 error_code;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"flags", m.flags}, Field{"error_code", m.error_code});
    }
    bool operator==(const SetupConnectionError&) const = default;
};

struct ChannelEndpointChanged {
    static constexpr std::string_view name = "ChannelEndpointChanged";
    static constexpr MessageId id{.extension_type = core_extension, .msg_type = 0x03, .channel_msg = true};

    std::uint32_t channel_id = 0;

    static constexpr auto fields(auto& m) { return in_order(Field{"channel_id", m.channel_id}); }
    bool operator==(const ChannelEndpointChanged&) const = default;
};

struct Reconnect {
    static constexpr std::string_view name = "Reconnect";
    static constexpr MessageId id{.extension_type = core_extension, .msg_type = 0x04};

    Str0_255 new_host;          // empty: the same host
    std::uint16_t new_port = 0; // 0: the same port

    static constexpr auto fields(auto& m) {
        return in_order(Field{"new_host", m.new_host}, Field{"new_port", m.new_port});
    }
    bool operator==(const Reconnect&) const = default;
};

} // namespace protocol
