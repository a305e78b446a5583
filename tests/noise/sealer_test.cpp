// Frames on their way out: SV2 04-Protocol-Security 4.6.

#include "noise/frame_size.hpp"
#include "noise/sealer.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace fixtures;
using namespace noise;
using support::from_hex;
using support::to_hex;

namespace {

static_assert(encrypted_payload_size(0) == 0 && encrypted_frame_size(0) == 22);
static_assert(encrypted_payload_size(1) == 17 && encrypted_frame_size(1) == 39);
static_assert(encrypted_payload_size(65518) == 65534);
static_assert(encrypted_payload_size(65519) == 65535);
static_assert(encrypted_payload_size(65520) == 65535 + 17);
static_assert(encrypted_payload_size(131038) == 131070);
static_assert(encrypted_payload_size(131039) == 131070 + 17);
static_assert(encrypted_payload_size(0xffffff) == 0xffffff + (257 * 16));

} // namespace

TEST_CASE("frames are sealed as the reference implementation seals them, one after the other") {
    Sealer sealer{CipherState{secret("6b66c9350baa43c76b119b41a2c34cb203f1235b919f17e5d4cc8dba5bf17366")}};
    auto frame = from_hex("000000640000"
                          "31506f8eadcceb0a29486786a5c4e30221405f7e9dbcdbfa1938577695b4d3f211304f6e8daccbea"
                          "0928476685a4c3e201203f5e7d9cbbdaf91837567594b3d2f1102f4e6d8cabcae90827466584a3c2"
                          "e1001f3e5d7c9bbad9f81736557493b2d1f00f2e");
    REQUIRE(sealer.seal(frame).has_value());
    CHECK(to_hex(frame) == "06a4f8e931ae6b677ff233abed3f97d163f3c1988364"
                           "27e3809e3d66d73c93d8ca707ef470da0b6e2895bc3e7fc4da358f8e5a81159a184d057045e6e604"
                           "06df50e5e36f4c72a1dd9dc080395bc31359f87263018c9049d39c912ffff68f111d24855482ec1d"
                           "5bcfe545977974e7b5259b96e4743ab0810361cf8bd86fbcfcf222e08363bb6f15a616c7");
    frame = from_hex("010000000000");
    REQUIRE(sealer.seal(frame).has_value());
    CHECK(to_hex(frame) == "ebf0dce31b2de37b934f1a3bf532882e56efbea233c2");
}

TEST_CASE("a frame is a sealed header and then chunks of 65519 bytes, each sealed with the next nonce") {
    for (const std::size_t size : {0, 1, 65518, 65519, 65520, 131037, 131038, 131039}) {
        CAPTURE(size);
        const auto plain = pattern(header_size + size);
        auto frame = plain;
        Sealer sealer{cipher(40)};
        REQUIRE(sealer.seal(frame).has_value());
        CHECK(frame.size() == encrypted_frame_size(size));

        auto reference = cipher(40);
        Bytes expected;
        auto rest = std::span{plain};
        for (std::size_t part = header_size; !rest.empty(); part = std::min(max_chunk, rest.size())) {
            Bytes sealed{rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(part)};
            sealed.resize(part + tag_size);
            REQUIRE(reference.encrypt({}, sealed).has_value());
            expected.insert(expected.end(), sealed.begin(), sealed.end());
            rest = rest.subspan(part);
        }
        CHECK((frame == expected)); // in brackets: no megabyte of it printed
        CHECK(sealer.cipher().remaining() == reference.remaining());
    }
}

TEST_CASE("a frame with room for it is sealed where it is") {
    auto frame = pattern(header_size + 70000);
    frame.reserve(encrypted_frame_size(70000));
    const auto* const before = frame.data();
    Sealer sealer{cipher()};
    REQUIRE(sealer.seal(frame).has_value());
    CHECK(frame.data() == before);
}

TEST_CASE("what is shorter than a header is no frame") {
    Sealer sealer{cipher()};
    Bytes frame(header_size - 1);
    CHECK(error_of(sealer.seal(frame)) == NoiseError::bad_length);
    CHECK(sealer.cipher().remaining() == reserved_nonce);
}

TEST_CASE("the nonce 2^64-2 seals the last header, 2^64-1 none") {
    Sealer sealer{cipher(reserved_nonce - 1)};
    auto frame = pattern(header_size);
    CHECK(sealer.seal(frame).has_value());
    frame = pattern(header_size);
    CHECK(error_of(sealer.seal(frame)) == NoiseError::nonce_exhausted);
    CHECK(frame == pattern(header_size));
}

TEST_CASE("a frame is sealed whole or not at all") {
    const auto plain = pattern(header_size + max_chunk + 1); // needs three nonces
    for (const std::uint64_t nonces : {0, 1, 2}) {
        CAPTURE(nonces);
        Sealer sealer{cipher(reserved_nonce - nonces)};
        auto frame = plain;
        CHECK(error_of(sealer.seal(frame)) == NoiseError::nonce_exhausted);
        CHECK((frame == plain));
        CHECK(sealer.cipher().remaining() == nonces);
    }
    Sealer sealer{cipher(reserved_nonce - 3)};
    auto frame = plain;
    CHECK(sealer.seal(frame).has_value());
    CHECK(sealer.cipher().remaining() == 0);
}
