// The frame header of SV2 specification 3.2.

#include "protocol/common_messages.hpp"
#include "protocol/frame.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

using namespace protocol;
using support::from_hex;
using support::to_hex;

namespace {

FrameHeader header_of(const std::string& hex) {
    const auto bytes = from_hex(hex);
    return decode_header(std::span{bytes}.first<frame_header_size>());
}

} // namespace

TEST_CASE("the header is extension_type, msg_type and payload length, little-endian") {
    CHECK(header_of("545380030201") ==
          FrameHeader{.extension_type = 0x5354, .channel_msg = false, .msg_type = 0x80, .payload_size = 0x010203});
}

TEST_CASE("the channel bit is the most significant bit of extension_type, and no part of it") {
    CHECK(header_of("00800304 0000") ==
          FrameHeader{.extension_type = 0, .channel_msg = true, .msg_type = 3, .payload_size = 4});
    CHECK(header_of("ffffffffffff") ==
          FrameHeader{.extension_type = 0x7fff, .channel_msg = true, .msg_type = 0xff, .payload_size = 0xffffff});
}

TEST_CASE("a message that belongs to a channel is framed with the channel bit") {
    CHECK(to_hex(*encode_frame(ChannelEndpointChanged{.channel_id = 1})) == "00800304000001000000");
}

TEST_CASE("a message is framed as header and payload in one buffer") {
    CHECK(to_hex(*encode_frame(SetupConnectionSuccess{.used_version = 2, .flags = 5})) == "000001060000020005000000");
}

TEST_CASE("a payload of 2^24 - 1 bytes has a frame, one of 2^24 has none") {
    const auto largest = complete_frame({}, Bytes(frame_header_size + 0xff'ffff));
    REQUIRE(largest.has_value());
    CHECK(to_hex(std::span{*largest}.first<frame_header_size>()) == "000000ffffff");
    CHECK(complete_frame({}, Bytes(frame_header_size + 0x100'0000)).error() == EncodeError::frame_too_large);
}

TEST_CASE("a message whose field cannot be encoded has no frame") {
    CHECK(encode_frame(Reconnect{.new_host = {std::string(256, 'x')}}).error() == EncodeError::too_long);
}
