#include "protocol/frame.hpp"

namespace protocol {

FrameHeader decode_header(std::span<const std::uint8_t, frame_header_size> bytes) {
    Reader in{bytes};
    const auto extension_type = static_cast<std::uint16_t>(in.take_integer<2>());
    const auto msg_type = static_cast<std::uint8_t>(in.take_integer<1>());
    const auto payload_size = static_cast<std::uint32_t>(in.take_integer<3>());
    return {.extension_type = static_cast<std::uint16_t>(extension_type & ~channel_bit),
            .channel_msg = (extension_type & channel_bit) != 0,
            .msg_type = msg_type,
            .payload_size = payload_size};
}

std::expected<Bytes, EncodeError> complete_frame(MessageId id, Bytes frame) {
    const std::size_t payload_size = frame.size() - frame_header_size;
    if (payload_size > U24::max) return std::unexpected(EncodeError::frame_too_large);
    // U16, U8 and U24, little-endian: one integer of 6 bytes.
    const std::uint64_t extension_type = id.extension_type | (id.channel_msg ? channel_bit : 0U);
    const std::uint64_t header =
        extension_type | std::uint64_t{id.msg_type} << 16U | std::uint64_t{payload_size} << 24U;
    for (std::size_t i = 0; i < frame_header_size; ++i) frame[i] = static_cast<std::uint8_t>(header >> (8 * i));
    return frame;
}

} // namespace protocol
