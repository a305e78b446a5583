// The initiator's half of the handshake, against the responder's: SV2 04-Protocol-Security 4.5.

#include "noise/hash.hpp"
#include "noise/initiator.hpp"
#include "tests/noise/fixtures.hpp"
#include "tests/noise/reference_handshake.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::to_hex;

namespace {

void check_that_frames_pass(Transport& from, Transport& to) {
    const auto plain = pattern(header_size + 100);
    auto frame = plain;
    REQUIRE(from.send.seal(frame).has_value());
    const auto header = to.receive.open_header(std::span{frame}.first<encrypted_header_size>());
    REQUIRE(header.has_value());
    CHECK(std::ranges::equal(*header, std::span{plain}.first(header_size)));
    const auto payload = to.receive.open_payload(std::span{frame}.subspan(encrypted_header_size));
    REQUIRE(payload.has_value());
    CHECK(std::ranges::equal(*payload, std::span{plain}.subspan(header_size)));
}

std::optional<NoiseError> outcome(const std::optional<XOnlyKey>& trusted, const Credentials& shown,
                                  std::int64_t now = new_year) {
    auto opening = initiator(trusted);
    const auto response = answer(opening.act1(), shown);
    return error_of(std::move(opening).finish(response.act2, at(now)));
}

Credentials with_certificate(const Certificate& certificate) {
    return {.static_key = key_pair(2), .certificate = certificate};
}

} // namespace

TEST_CASE("act 1 and the keys after act 2 are the reference implementation's") {
    auto ephemeral = KeyPair::with_encoding(curve(), secret(reference::initiator_ephemeral_secret),
                                            EllSwift{array_of<64>(reference::initiator_ephemeral_encoding)});
    Initiator opening{curve(), std::move(ephemeral).value(), XOnlyKey{array_of<32>(reference::authority_x)}};
    CHECK(to_hex(opening.act1()) == reference::act1);
    const auto finished = std::move(opening).finish(array_of<act2_size>(reference::act2), at(reference::now));
    REQUIRE(finished.has_value());
    CHECK(to_hex(finished->transport.handshake_hash) == reference::h_after_certificate);
    CHECK(to_hex(finished->transport.send.cipher().key().expose()) == reference::initiator_to_responder);
    CHECK(to_hex(finished->transport.receive.cipher().key().expose()) == reference::responder_to_initiator);
    CHECK(to_hex(finished->static_key.bytes) == reference::responder_static_x);
    CHECK(to_hex(finished->certificate.encode()) == reference::certificate);
}

TEST_CASE("a handshake leaves both sides with ciphers that fit, whether or not the initiator knows the authority") {
    for (const auto& trusted : {std::optional{authority()}, std::optional<XOnlyKey>{}}) {
        CAPTURE(trusted.has_value());
        const auto shown = credentials();
        auto opening = initiator(trusted);
        auto response = answer(opening.act1(), shown);
        auto finished = std::move(opening).finish(response.act2, at(new_year));
        REQUIRE(finished.has_value());
        check_that_frames_pass(finished->transport, response.transport);
        check_that_frames_pass(response.transport, finished->transport);
        CHECK(finished->transport.handshake_hash == response.transport.handshake_hash);
        CHECK(finished->static_key == shown.static_key.encoding().x_only(curve()));
        CHECK(finished->certificate == shown.certificate);
    }
}

TEST_CASE("any altered byte of act 2 is refused as bad_tag, with an authority and without") {
    const auto response = answer(initiator().act1());
    for (std::size_t i = 0; i < act2_size; ++i) {
        CAPTURE(i);
        auto altered = response.act2;
        altered[i] ^= 0x01;
        CHECK(error_of(initiator(authority()).finish(altered, at(new_year))) == NoiseError::bad_tag);
        altered[i] ^= 0x81;
        CHECK(error_of(initiator(std::nullopt).finish(altered, at(new_year))) == NoiseError::bad_tag);
    }
}

TEST_CASE("an act 2 that answers another act 1 is refused as bad_tag") {
    const auto response = answer(initiator(authority(), 11).act1());
    CHECK(error_of(initiator().finish(response.act2, at(new_year))) == NoiseError::bad_tag);
    CHECK(error_of(initiator().finish(Act2{}, at(new_year))) == NoiseError::bad_tag);
}

TEST_CASE("a responder of another authority is refused as bad_certificate") {
    CHECK(outcome(authority(), credentials()) == std::nullopt);
    CHECK(outcome(authority(), credentials(2, 8)) == NoiseError::bad_certificate);
    CHECK(outcome(XOnlyKey{filled(0xff)}, credentials()) == NoiseError::bad_certificate); // no point of the curve
}

TEST_CASE("a responder with the certificate of another static key is refused as bad_certificate") {
    CHECK(outcome(authority(), with_certificate(credentials(12).certificate)) == NoiseError::bad_certificate);
}

TEST_CASE("a certificate out of its time is refused as bad_certificate") {
    CHECK(outcome(authority(), credentials(), new_year - 11) == NoiseError::bad_certificate);
    CHECK(outcome(authority(), credentials(), new_year - 10) == std::nullopt);
    CHECK(outcome(authority(), credentials(), new_year + 3610) == std::nullopt);
    CHECK(outcome(authority(), credentials(), new_year + 3611) == NoiseError::bad_certificate);
}

TEST_CASE("without an authority no certificate is checked, not even its times") {
    CHECK(outcome(std::nullopt, credentials(2, 8)) == std::nullopt);
    CHECK(outcome(std::nullopt, credentials(), 0) == std::nullopt);
    CHECK(outcome(std::nullopt, with_certificate(Certificate{})) == std::nullopt);
}

TEST_CASE("a certificate of an unknown version is accepted") {
    Certificate next{.version = 1, .valid_from = new_year, .not_valid_after = new_year + 3600};
    const auto bytes = next.encode();
    const auto digest = sha256({std::span{bytes}.first<10>(), key_pair(2).encoding().x_only(curve()).bytes});
    next.signature = signing_key(9).sign(curve(), digest, zeros).value();
    CHECK(outcome(authority(), with_certificate(next)) == std::nullopt);
}

TEST_CASE("an initiator finishes once, whatever came of it") {
    auto opening = initiator();
    const auto response = answer(opening.act1());
    CHECK(std::move(opening).finish(response.act2, at(new_year)).has_value());
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(std::move(opening).finish(response.act2, at(new_year))) == NoiseError::bad_key);
}

TEST_CASE("every error says what is wrong in words of its own") {
    const std::array words = {describe(NoiseError::bad_tag), describe(NoiseError::bad_key),
                              describe(NoiseError::bad_certificate), describe(NoiseError::bad_length),
                              describe(NoiseError::nonce_exhausted)};
    for (const auto word : words) CHECK(std::ranges::count(words, word) == 1);
}
