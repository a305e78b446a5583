// Frames on their way in: SV2 04-Protocol-Security 4.6.

#include "noise/opener.hpp"
#include "noise/sealer.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace fixtures;
using namespace noise;

namespace {

Bytes sealed(Sealer& sealer, std::size_t payload_size) {
    auto frame = pattern(header_size + payload_size);
    REQUIRE(sealer.seal(frame).has_value());
    return frame;
}

// Header and payload in a row, or the first error.
std::expected<Bytes, NoiseError> opened(Opener& opener, Bytes frame) {
    const auto header = opener.open_header(std::span{frame}.first<encrypted_header_size>());
    if (!header) return std::unexpected(header.error());
    const auto payload = opener.open_payload(std::span{frame}.subspan(encrypted_header_size));
    if (!payload) return std::unexpected(payload.error());
    Bytes plain{header->begin(), header->end()};
    plain.insert(plain.end(), payload->begin(), payload->end());
    return plain;
}

void check_that_all_fails(Opener& opener, Sealer& sealer) {
    const auto frame = sealed(sealer, 10);
    auto header = frame;
    CHECK(opener.open_header(std::span{header}.first<encrypted_header_size>()).has_value() == false);
    auto payload = frame;
    CHECK(opener.open_payload(std::span{payload}.subspan(encrypted_header_size)).has_value() == false);
}

} // namespace

TEST_CASE("frames of every size pass in both directions of a connection") {
    auto [initiator, responder] = connection();
    for (const std::size_t size : {0, 1, 65518, 65519, 65520, 131037, 131038, 131039, (1 << 24) - 1}) {
        CAPTURE(size);
        const auto there = opened(responder.receive, sealed(initiator.send, size));
        REQUIRE(there.has_value());
        CHECK((*there == pattern(header_size + size))); // in brackets: no megabyte of it printed
        const auto back = opened(initiator.receive, sealed(responder.send, size));
        REQUIRE(back.has_value());
        CHECK((*back == pattern(header_size + size)));
    }
}

TEST_CASE("the payload is returned where it was, at the front of what was received") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    auto frame = sealed(sealer, 70000);
    const auto header = opener.open_header(std::span{frame}.first<encrypted_header_size>());
    REQUIRE(header.has_value());
    CHECK(header->data() == frame.data());
    const auto payload = opener.open_payload(std::span{frame}.subspan(encrypted_header_size));
    REQUIRE(payload.has_value());
    CHECK(payload->data() == frame.data() + encrypted_header_size);
}

TEST_CASE("an empty payload takes no bytes and no nonce") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    CHECK(opened(opener, sealed(sealer, 0)).value() == pattern(header_size));
    CHECK(opened(opener, sealed(sealer, 1)).value() == pattern(header_size + 1));
    CHECK(opener.cipher().remaining() == reserved_nonce - 3);
}

TEST_CASE("an altered header is refused, finally") {
    for (std::size_t i = 0; i < encrypted_header_size; ++i) {
        CAPTURE(i);
        Sealer sealer{cipher()};
        Opener opener{cipher()};
        auto frame = sealed(sealer, 10);
        frame[i] ^= 0x20;
        CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
        check_that_all_fails(opener, sealer);
    }
}

TEST_CASE("an altered payload is refused in whichever chunk it is, finally") {
    const std::size_t first = encrypted_header_size;
    const std::size_t second = first + max_encrypted_chunk;
    for (const std::size_t i : {first, first + 65518, first + 65519, second - 1, second, second + 9, second + 10}) {
        CAPTURE(i);
        Sealer sealer{cipher()};
        Opener opener{cipher()};
        auto frame = sealed(sealer, max_chunk + 10);
        frame.at(i) ^= 0x02;
        CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
        check_that_all_fails(opener, sealer);
    }
}

TEST_CASE("a replayed frame is refused, finally") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    const auto frame = sealed(sealer, 10);
    CHECK(opened(opener, frame).has_value());
    CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
    check_that_all_fails(opener, sealer);
}

TEST_CASE("a frame that overtook another is refused, finally") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    const auto first = sealed(sealer, 10);
    const auto second = sealed(sealer, 10);
    CHECK(error_of(opened(opener, second)) == NoiseError::bad_tag);
    CHECK(error_of(opened(opener, first)) == NoiseError::bad_tag);
}

TEST_CASE("chunks that changed places are refused, finally") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    auto frame = sealed(sealer, 2 * max_chunk);
    const auto chunks = frame.begin() + encrypted_header_size;
    std::ranges::rotate(chunks, chunks + max_encrypted_chunk, frame.end());
    CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
    check_that_all_fails(opener, sealer);
}

TEST_CASE("a frame sent back to its sender is refused, finally") {
    auto [initiator, responder] = connection();
    CHECK(error_of(opened(initiator.receive, sealed(initiator.send, 10))) == NoiseError::bad_tag);
    check_that_all_fails(initiator.receive, responder.send);
}

TEST_CASE("bytes that were never encrypted are refused") {
    Opener opener{cipher()};
    CHECK(error_of(opened(opener, pattern(encrypted_frame_size(10)))) == NoiseError::bad_tag);
}

TEST_CASE("a payload cut short between its chunks' tags is refused as bad_tag, finally") {
    for (const std::size_t cut : {1, 9, 10 + 16 + 1}) {
        CAPTURE(cut);
        Sealer sealer{cipher()};
        Opener opener{cipher()};
        auto frame = sealed(sealer, max_chunk + 10);
        frame.resize(frame.size() - cut);
        CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
        check_that_all_fails(opener, sealer);
    }
}

TEST_CASE("a payload of a length that no sender produces is refused as bad_length, finally") {
    for (const std::size_t length : {1, 15, 16, 65536, 65535 + 16, 131071}) {
        CAPTURE(length);
        Sealer sealer{cipher()};
        Opener opener{cipher()};
        Bytes payload(length);
        CHECK(error_of(opener.open_payload(payload)) == NoiseError::bad_length);
        const auto frame = sealed(sealer, 10);
        CHECK(error_of(opened(opener, frame)) == NoiseError::bad_length);
    }
}

TEST_CASE("an empty chunk is refused even if it is authentic") {
    auto sender = cipher();
    Bytes chunk(tag_size);
    REQUIRE(sender.encrypt({}, chunk).has_value());
    Opener opener{cipher()};
    CHECK(error_of(opener.open_payload(chunk)) == NoiseError::bad_length);
}

TEST_CASE("the first failure is the one that stays") {
    Sealer sealer{cipher()};
    Opener opener{cipher()};
    auto frame = sealed(sealer, 10);
    frame[0] ^= 1;
    CHECK(error_of(opened(opener, frame)) == NoiseError::bad_tag);
    Bytes impossible(3);
    CHECK(error_of(opener.open_payload(impossible)) == NoiseError::bad_tag);
}

TEST_CASE("the nonce 2^64-2 opens the last header, 2^64-1 none") {
    auto last = pattern(header_size);
    Sealer sealer{cipher(reserved_nonce - 1)};
    REQUIRE(sealer.seal(last).has_value());
    Opener opener{cipher(reserved_nonce - 1)};
    CHECK(opener.open_header(std::span{last}.first<encrypted_header_size>()).has_value());
    CHECK(error_of(opener.open_header(std::span{last}.first<encrypted_header_size>())) == NoiseError::nonce_exhausted);
}
