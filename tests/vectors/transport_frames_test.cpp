// transport_frames.json: sessions of encrypted frames from SRI's codec_sv2, and tampered ones.

#include "noise/opener.hpp"
#include "noise/sealer.hpp"
#include "protocol/frame.hpp"
#include "tests/support/hex.hpp"
#include "tests/vectors/folder.hpp"

#include <doctest/doctest.h>

#include <span>

using namespace vectors;
using support::to_hex;

namespace {

const std::string frames_file = "transport_frames.json";

noise::CipherState cipher(const Json& session, const std::string& direction) {
    const char* key = direction == "i2r" ? "temp_k1_initiator_to_responder" : "temp_k2_responder_to_initiator";
    return noise::CipherState{noise::Secret<32>{array<32>(session.at(key))}};
}

std::vector<std::uint8_t> plaintext(const Json& vector) {
    auto frame = bytes(vector.at("header"));
    const auto payload =
        generated_bytes(vector.at("payload_len").get<std::size_t>(), vector.at("payload_seed").get<std::uint64_t>());
    CHECK(sha256_hex(payload) == vector.at("payload_sha256").get<std::string>());
    if (vector.contains("payload")) CHECK(to_hex(payload) == vector.at("payload").get<std::string>());
    frame.insert(frame.end(), payload.begin(), payload.end());
    CHECK(sha256_hex(frame) == vector.at("frame_plaintext_sha256").get<std::string>());
    return frame;
}

// What a receiver makes of one TCP delivery that should be a frame: the plaintext, or why there is none.
struct Received {
    enum class Outcome { frame, refused, waits } outcome;
    std::vector<std::uint8_t> frame;
};

Received receive(noise::Opener& opener, std::vector<std::uint8_t> wire) {
    const std::span<std::uint8_t> all{wire};
    if (all.size() < noise::encrypted_header_size) return {Received::Outcome::waits, {}};
    const auto header = opener.open_header(all.first<noise::encrypted_header_size>());
    if (!header) return {Received::Outcome::refused, {}};
    std::vector<std::uint8_t> frame{header->begin(), header->end()};
    const std::size_t sealed_size = noise::encrypted_payload_size(protocol::decode_header(*header).payload_size);
    const auto sealed = all.subspan(noise::encrypted_header_size);
    if (sealed.size() < sealed_size) return {Received::Outcome::waits, {}};
    const auto payload = opener.open_payload(sealed.first(sealed_size));
    if (!payload) return {Received::Outcome::refused, {}};
    frame.insert(frame.end(), payload->begin(), payload->end());
    return {Received::Outcome::frame, std::move(frame)};
}

void check_ciphertext(const Json& vector, const std::vector<std::uint8_t>& sealed) {
    CHECK(sealed.size() == vector.at("ciphertext_len").get<std::size_t>());
    CHECK(sha256_hex(sealed) == vector.at("ciphertext_sha256").get<std::string>());
    const std::size_t shown = std::min<std::size_t>(64, sealed.size());
    CHECK(to_hex(std::span{sealed}.first(shown)) == vector.at("ciphertext_first64").get<std::string>());
    CHECK(to_hex(std::span{sealed}.last(shown)) == vector.at("ciphertext_last64").get<std::string>());
    if (vector.contains("ciphertext")) CHECK(to_hex(sealed) == vector.at("ciphertext").get<std::string>());
}

void check_direction(const Json& session, const std::string& direction) {
    noise::Sealer sealer{cipher(session, direction)};
    noise::Opener opener{cipher(session, direction)};
    std::vector<std::uint8_t> stream;
    std::uint64_t nonce = 0;
    for (const Json& vector : session.at("frames")) {
        if (vector.at("direction") != direction) continue;
        INFO("frame ", vector.at("seq").dump(), " ", direction);
        const auto frame = plaintext(vector);
        CHECK(nonce == vector.at("first_nonce").get<std::uint64_t>());
        const std::uint64_t aead_calls = 1 + noise::chunk_count(frame.size() - noise::header_size);
        CHECK(aead_calls == vector.at("aead_calls").get<std::uint64_t>());
        nonce += aead_calls;

        auto sealed = frame;
        REQUIRE(sealer.seal(sealed).has_value());
        check_ciphertext(vector, sealed);
        stream.insert(stream.end(), sealed.begin(), sealed.end());
        const auto received = receive(opener, sealed);
        CHECK(received.outcome == Received::Outcome::frame);
        CHECK((received.frame == frame));
        const auto header = protocol::decode_header(std::span{frame}.first<protocol::frame_header_size>());
        CHECK(header.extension_type == (vector.at("extension_type").get<unsigned>() & 0x7fffU));
        CHECK(header.channel_msg == ((vector.at("extension_type").get<unsigned>() & 0x8000U) != 0));
        CHECK(header.msg_type == vector.at("msg_type").get<unsigned>());
        CHECK(header.payload_size == vector.at("payload_len").get<std::uint32_t>());
        count_asserted(frames_file);
    }
    CHECK(sha256_hex(stream) == session.at(direction + "_stream_sha256").get<std::string>());
}

void check_tampered(const Json& session, const Json& vector) {
    REQUIRE(vector.at("receiver").get<std::string>().starts_with("responder"));
    noise::Opener opener{cipher(session, "i2r")};
    REQUIRE(vector.at("received").size() == vector.at("sri_result").size());
    for (std::size_t i = 0; i < vector.at("received").size(); ++i) {
        const auto expected = vector.at("sri_result").at(i).get<std::string>();
        INFO("delivery ", i, ", SRI: ", expected.substr(0, 40));
        const auto received = receive(opener, bytes(vector.at("received").at(i)));
        if (expected.starts_with("ok:")) {
            CHECK(received.outcome == Received::Outcome::frame);
            CHECK(to_hex(received.frame) == expected.substr(3));
        } else if (expected.starts_with("needs more bytes")) {
            CHECK(received.outcome == Received::Outcome::waits);
        } else {
            CHECK(received.outcome == Received::Outcome::refused);
        }
    }
}

} // namespace

TEST_CASE("sessions: every frame has SRI's ciphertext in both directions, and is opened again") {
    for (const Json& session : list(frames_file, "sessions")) {
        INFO(session.at("handshake").dump());
        REQUIRE_FALSE(session.at("frames").empty());
        check_direction(session, "i2r");
        check_direction(session, "r2i");
    }
}

TEST_CASE("sessions: tampered, replayed, reordered and reflected frames are refused as SRI refuses them") {
    for (const Json& session : list(frames_file, "sessions")) {
        REQUIRE_FALSE(session.at("tamper").empty());
        for (const Json& vector : session.at("tamper")) {
            INFO(session.at("handshake").dump(), ": ", vector.at("note").dump());
            check_tampered(session, vector);
            count_asserted(frames_file);
        }
    }
}
