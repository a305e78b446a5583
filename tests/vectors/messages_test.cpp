// messages.json: what SRI's binary_sv2, framing_sv2 and parsers_sv2 encode, accept and reject.

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/tlv.hpp"
#include "tests/support/hex.hpp"
#include "tests/vectors/folder.hpp"
#include "tests/vectors/types.hpp"
#include "tests/vectors/values.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>

using namespace protocol;
using namespace vectors;
using support::to_hex;

namespace {

const std::string messages_file = "messages.json";

Frame split_frame(const Bytes& bytes) {
    REQUIRE(bytes.size() >= frame_header_size);
    Frame frame{.header = decode_header(std::span{bytes}.first<frame_header_size>()),
                .payload = {bytes.begin() + frame_header_size, bytes.end()}};
    CHECK(frame.header.payload_size == frame.payload.size());
    return frame;
}

template <class T> void check_primitive(const Json& vector) {
    T value{};
    read_value(vector.at("value"), value);
    const auto encoded = encode(value);
    REQUIRE(encoded.has_value());
    if (vector.contains("encoded")) {
        CHECK(to_hex(*encoded) == vector.at("encoded").get<std::string>());
    } else {
        CHECK(encoded->size() == vector.at("encoded_len").get<std::size_t>());
        CHECK(to_hex(std::span{*encoded}.first(16)) == vector.at("encoded_first16").get<std::string>());
        CHECK(sha256_hex(*encoded) == vector.at("encoded_sha256").get<std::string>());
    }
    const auto decoded = decode<T>(*encoded);
    REQUIRE(decoded.has_value());
    CHECK((encode(*decoded) == encoded)); // by bytes: a NaN is not equal to itself
}

template <class T> void check_decoding(const Json& vector) {
    const auto decoded = decode<T>(bytes(vector.at("input")));
    CHECK(decoded.has_value() == vector.at("accepted").get<bool>());
    if (decoded && vector.contains("reencoded"))
        CHECK(to_hex(*encode(*decoded)) == vector.at("reencoded").get<std::string>());
}

template <class M> void check_frame(const Json& vector) {
    M message;
    M::fields(message)([&](const auto&... field) {
        (read_value(vector.at("fields").at(std::string{field.name}), field.value), ...);
        CHECK(vector.at("fields").size() == sizeof...(field));
    });
    CHECK(M::id.extension_type == vector.at("extension_type").get<int>());
    CHECK(M::id.msg_type == vector.at("msg_type").get<int>());
    CHECK(M::id.channel_msg == vector.at("channel_msg").get<bool>());

    const auto encoded = encode_frame(message);
    REQUIRE(encoded.has_value());
    CHECK(to_hex(*encoded) == vector.at("frame").get<std::string>());

    const Frame frame = split_frame(bytes(vector.at("frame")));
    CHECK(frame.payload.size() == vector.at("payload_len").get<std::size_t>());
    CHECK(frame.header.channel_msg == vector.at("channel_msg").get<bool>());
    CHECK(name_of(frame.header) == M::name);
    const auto decoded = decode_any(frame.header, frame.payload);
    REQUIRE(decoded.has_value());
    CHECK((std::get<M>(*decoded) == message));
}

} // namespace

TEST_CASE("frames: every message of SRI has the same bytes here, and back") {
    for_each(messages_file, "frames", [](const Json& vector) {
        INFO(vector.at("id").dump(), " ", vector.at("message").dump());
        const auto name = vector.at("message").get<std::string>();
        CHECK(visit_message(name, [&]<class M>(std::type_identity<M>) { check_frame<M>(vector); }));
    });
}

TEST_CASE("primitives: every data type has SRI's encoding, and back") {
    for_each(messages_file, "primitives", [](const Json& vector) {
        INFO(vector.at("id").dump(), " ", vector.at("type").dump());
        const auto name = vector.at("type").get<std::string>();
        CHECK(visit_primitive(name, [&]<class T>(std::type_identity<T>) { check_primitive<T>(vector); }));
    });
}

TEST_CASE("malformed: what SRI refuses is refused, what it takes is taken with the same meaning") {
    for_each(messages_file, "malformed", [](const Json& vector) {
        INFO(vector.at("id").dump(), " ", vector.at("decode_as").dump(), ": ", vector.at("note").dump());
        const auto name = vector.at("decode_as").get<std::string>();
        const auto check = [&]<class T>(std::type_identity<T>) { check_decoding<T>(vector); };
        CHECK((visit_primitive(name, check) || visit_message(name, check)));
    });
}

TEST_CASE("encode_rejects: what SRI refuses to build cannot be built here") {
    const std::map<std::pair<std::string, std::string>, std::function<bool()>> refused{
        {{"STR0_255", "256 bytes 'x'"}, [] { return !encode(Str0_255{std::string(256, 'x')}); }},
        {{"B0_32", "33 bytes"}, [] { return !encode(B0_32{Bytes(33)}); }},
        {{"U24", "16777216"}, [] { return !encode(U24{16777216}); }},
        {{"SEQ0_255[U8]", "256 elements"}, [] { return !encode(Seq0_255<std::uint8_t>{Bytes(256)}); }},
        {{"SEQ0_64K[U8]", "65536 elements"}, [] { return !encode(Seq0_64K<std::uint8_t>{Bytes(65536)}); }},
        {{"frame", "payload of 2^24 bytes"}, [] { return !complete_frame({}, Bytes(frame_header_size + 0x100'0000)); }},
    };
    for_each(messages_file, "encode_rejects", [&](const Json& vector) {
        const Json& value = vector.at("value");
        const auto check = refused.find(
            {vector.at("type").get<std::string>(), value.is_string() ? value.get<std::string>() : value.dump()});
        INFO(vector.dump());
        REQUIRE_MESSAGE(check != refused.end(), "not written out in this test");
        CHECK(check->second());
    });
}

TEST_CASE("frame_parser: a frame is taken if SRI's AnyMessage takes it, whatever its other parser makes of it") {
    for_each(messages_file, "frame_parser", [](const Json& vector) {
        INFO(vector.at("id").dump(), ": ", vector.at("note").dump());
        const auto result = vector.at("sri_AnyMessage_result").get<std::string>();
        // Messages of SRI's other protocols are accepted there; none of them belongs to this role.
        const bool is_ours = result.starts_with("ok:Common(") || result.starts_with("ok:Extensions(");
        const Frame frame = split_frame(bytes(vector.at("frame")));
        CHECK(decode_any(frame.header, frame.payload).has_value() == is_ours);
    });
}

TEST_CASE("tlv: a field has SRI's bytes, and what SRI cannot read is refused") {
    for_each(messages_file, "tlv", [](const Json& vector) {
        INFO(vector.dump());
        if (vector.contains("decode")) {
            const auto decoded = decode<Tlv>(bytes(vector.at("decode")));
            CHECK(decoded.has_value() == !vector.at("sri_result").get<std::string>().starts_with("Err"));
            return;
        }
        const Tlv tlv{.extension_type = vector.at("extension_type").get<std::uint16_t>(),
                      .field_type = vector.at("field_type").get<std::uint8_t>(),
                      .value = bytes(vector.at("value"))};
        CHECK(to_hex(*encode(tlv)) == vector.at("encoded").get<std::string>());
        CHECK(decode_tlvs(bytes(vector.at("encoded"))) == std::vector{tlv});
    });
}
