// The 6-byte frame header (SV2 specification 3.2) and whole plaintext frames.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/error.hpp"
#include "protocol/message.hpp"
#include "protocol/primitives.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <utility>

namespace protocol {

inline constexpr std::size_t frame_header_size = 6;
inline constexpr std::uint16_t channel_bit = 0x8000;

struct FrameHeader {
    std::uint16_t extension_type = 0; // without the channel bit
    bool channel_msg = false;
    std::uint8_t msg_type = 0;
    std::uint32_t payload_size = 0; // bytes, below 2^24

    bool operator==(const FrameHeader&) const = default;
};

// Every 6 bytes are a header: whether its message exists is for the catalogue to say.
FrameHeader decode_header(std::span<const std::uint8_t, frame_header_size> bytes);

// A received frame: what is left after decryption.
struct Frame {
    FrameHeader header;
    Bytes payload;

    bool operator==(const Frame&) const = default;
};

// Writes the header over the first 6 bytes of `frame`, whose payload follows them.
std::expected<Bytes, EncodeError> complete_frame(MessageId id, Bytes frame);

template <Message M> std::expected<Bytes, EncodeError> encode_frame(const M& message) {
    Writer out{Bytes(frame_header_size)};
    put(out, message);
    if (const auto error = out.error()) return std::unexpected(*error);
    return complete_frame(M::id, std::move(out).take());
}

} // namespace protocol
