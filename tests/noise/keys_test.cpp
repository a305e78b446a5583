// Key pairs, their ElligatorSwift encodings and the shared secret of BIP324.

#include "noise/keys.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>
#include <secp256k1.h>

using namespace fixtures;
using namespace noise;
using support::to_hex;

namespace {

constexpr auto order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr auto order_minus_1 = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";

// The other secret of the same x: its public point has the other Y.
Secret<32> negated(Secret<32> key) {
    CHECK(secp256k1_ec_seckey_negate(curve().context(), key.expose().data()) == 1);
    return key;
}

std::string shared(const KeyPair& own, Role role, const EllSwift& theirs) {
    const auto secret = own.ecdh(curve(), role, theirs);
    REQUIRE(secret.has_value());
    return to_hex(secret->expose());
}

} // namespace

TEST_CASE("secrets that are no scalar of the curve are refused") {
    for (const auto* text : {order, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                             "0000000000000000000000000000000000000000000000000000000000000000"}) {
        CAPTURE(text);
        CHECK(error_of(KeyPair::create(curve(), secret(text), zeros)) == NoiseError::bad_key);
        CHECK(error_of(KeyPair::with_encoding(curve(), secret(text), EllSwift{})) == NoiseError::bad_key);
    }
    CHECK(KeyPair::create(curve(), secret(order_minus_1), zeros).has_value());
}

TEST_CASE("one key has many encodings, chosen by the randomness") {
    const auto one = KeyPair::create(curve(), secret(5), filled(1)).value();
    const auto same = KeyPair::create(curve(), secret(5), filled(1)).value();
    const auto other = KeyPair::create(curve(), secret(5), filled(2)).value();
    CHECK(one.encoding() == same.encoding());
    CHECK(one.encoding() != other.encoding());
    CHECK(one.encoding().x_only(curve()) == other.encoding().x_only(curve()));
}

TEST_CASE("an encoding decodes to the x coordinate of its key") {
    // The generator's, for the secrets 1 and n-1.
    const auto* const generator = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    const auto* const one = "0000000000000000000000000000000000000000000000000000000000000001";
    for (const auto* text : {one, order_minus_1}) {
        const auto pair = KeyPair::create(curve(), secret(text), filled(3)).value();
        CHECK(to_hex(pair.encoding().x_only(curve()).bytes) == generator);
    }
}

TEST_CASE("every 64 bytes decode to some key, zeros and values above the field's prime too") {
    CHECK(to_hex(EllSwift{}.x_only(curve()).bytes) ==
          "edd1fd3e327ce90cc7a3542614289aee9682003e9cf7dcc9cf2ca9743be5aa0c");
    CHECK(to_hex(EllSwift{filled<64>(0xff)}.x_only(curve()).bytes) ==
          "a9d2410259b9697cce4599ef2f96fbe8b47d53dcdff28ba28810f0607b89a740");
}

TEST_CASE("a pair can be made with any encoding of its own key") {
    const auto encoding = key_pair(5).encoding();
    const auto pair = KeyPair::with_encoding(curve(), secret(5), encoding);
    REQUIRE(pair.has_value());
    CHECK(pair->encoding() == encoding);
}

TEST_CASE("a pair is not made with the encoding of another key") {
    CHECK(error_of(KeyPair::with_encoding(curve(), secret(5), key_pair(6).encoding())) == NoiseError::bad_key);
    auto altered = key_pair(5).encoding();
    altered.bytes[0] ^= 1;
    CHECK(error_of(KeyPair::with_encoding(curve(), secret(5), altered)) == NoiseError::bad_key);
}

TEST_CASE("both sides agree on a secret, which depends on who initiated") {
    const auto a = key_pair(5);
    const auto b = key_pair(6);
    CHECK(shared(a, Role::initiator, b.encoding()) == shared(b, Role::responder, a.encoding()));
    CHECK(shared(b, Role::initiator, a.encoding()) == shared(a, Role::responder, b.encoding()));
    CHECK(shared(a, Role::initiator, b.encoding()) != shared(a, Role::responder, b.encoding()));
    CHECK(shared(a, Role::initiator, b.encoding()) != shared(a, Role::initiator, key_pair(7).encoding()));
}

TEST_CASE("secrets whose point has an odd Y serve as well as those with an even one") {
    const auto pair = key_pair(5);
    const auto mirrored = KeyPair::with_encoding(curve(), negated(secret(5)), pair.encoding());
    REQUIRE(mirrored.has_value());
    const auto theirs = key_pair(6).encoding();
    CHECK(shared(*mirrored, Role::initiator, theirs) == shared(pair, Role::initiator, theirs));
}

TEST_CASE("a pair that was moved away agrees on nothing") {
    auto pair = key_pair(5);
    const KeyPair moved = std::move(pair);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(pair.ecdh(curve(), Role::initiator, key_pair(6).encoding())) == NoiseError::bad_key);
}
