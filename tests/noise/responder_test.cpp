// The responder's half of the handshake: SV2 04-Protocol-Security 4.5.

#include "noise/hash.hpp"
#include "noise/responder.hpp"
#include "tests/noise/fixtures.hpp"
#include "tests/noise/reference_handshake.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::to_hex;

TEST_CASE("act 2 is the reference implementation's, byte for byte") {
    const Credentials shown{.static_key =
                                pair_of(reference::responder_static_secret, reference::responder_static_encoding),
                            .certificate = Certificate::decode(array_of<Certificate::size>(reference::certificate))};
    const auto response =
        respond(curve(), shown, array_of<64>(reference::act1),
                pair_of(reference::responder_ephemeral_secret, reference::responder_ephemeral_encoding));
    REQUIRE(response.has_value());
    CHECK(to_hex(response->act2) == reference::act2);
    CHECK(to_hex(response->transport.handshake_hash) == reference::h_after_certificate);
    CHECK(to_hex(response->transport.receive.cipher().key().expose()) == reference::initiator_to_responder);
    CHECK(to_hex(response->transport.send.cipher().key().expose()) == reference::responder_to_initiator);
}

TEST_CASE("no act 1 is invalid") {
    for (const std::uint8_t byte : {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff}) {
        CAPTURE(byte);
        CHECK(respond(curve(), credentials(), filled<64>(byte), key_pair(3)).has_value());
    }
}

TEST_CASE("act 2 begins with the ephemeral key and shows nothing else in clear") {
    const auto shown = credentials();
    const auto response = answer(initiator().act1(), shown);
    const Bytes act2{response.act2.begin(), response.act2.end()};
    CHECK(std::ranges::equal(std::span{act2}.first<64>(), key_pair(3).encoding().bytes));
    CHECK_FALSE(contains(act2, std::span{shown.static_key.encoding().bytes}.first(16)));
    CHECK_FALSE(contains(act2, std::span{shown.certificate.signature}.first(16)));
}

TEST_CASE("many handshakes share one set of credentials, each with keys of its own") {
    const auto shown = credentials();
    const auto act1 = initiator().act1();
    const auto one = respond(curve(), shown, act1, key_pair(3)).value();
    const auto two = respond(curve(), shown, act1, key_pair(4)).value();
    CHECK(one.transport.handshake_hash != two.transport.handshake_hash);
    CHECK_FALSE(
        std::ranges::equal(one.transport.send.cipher().key().expose(), two.transport.send.cipher().key().expose()));
}

TEST_CASE("the two directions have different keys") {
    const auto response = answer(initiator().act1());
    CHECK_FALSE(std::ranges::equal(response.transport.send.cipher().key().expose(),
                                   response.transport.receive.cipher().key().expose()));
}

TEST_CASE("a key pair that was moved away answers no one") {
    auto ephemeral = key_pair(3);
    const KeyPair moved = std::move(ephemeral);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(respond(curve(), credentials(), filled<64>(0), std::move(ephemeral))) == NoiseError::bad_key);

    auto shown = credentials();
    const Credentials elsewhere = std::move(shown);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(respond(curve(), shown, filled<64>(0), key_pair(3))) == NoiseError::bad_key);
}
