#include "protocol/frame.hpp"

namespace protocol {

FrameHeader decode_header(std::span<const std::uint8_t, frame_header_size> bytes) {
    Reader in{bytes};
    const auto extension_type = static_cast<std::uint16_t>(in.take_integer(2));
    const auto msg_type = static_cast<std::uint8_t>(in.take_integer(1));
    const auto payload_size = static_cast<std::uint32_t>(in.take_integer(3));
    return {.extension_type = static_cast<std::uint16_t>(extension_type & ~channel_bit),
            .channel_msg = (extension_type & channel_bit) != 0,
            .msg_type = msg_type,
            .payload_size = payload_size};
}

std::expected<Bytes, EncodeError> complete_frame(MessageId id, Bytes frame) {
    const std::size_t payload_size = frame.size() - frame_header_size;
    if (payload_size > U24::max) return std::unexpected(EncodeError::frame_too_large);
    Bytes header;
    header.reserve(frame_header_size);
    Writer out{header};
    out.put_integer(id.extension_type | (id.channel_msg ? channel_bit : 0U), 2);
    out.put_integer(id.msg_type, 1);
    out.put_integer(payload_size, 3);
    std::ranges::copy(header, frame.begin());
    return frame;
}

} // namespace protocol
