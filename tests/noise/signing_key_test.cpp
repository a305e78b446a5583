// BIP340 signatures.

#include "noise/signing_key.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::to_hex;

TEST_CASE("signatures are BIP340's, for the published vector 0") {
    const auto key =
        SigningKey::create(curve(), secret("0000000000000000000000000000000000000000000000000000000000000003")).value();
    CHECK(to_hex(key.public_key().bytes) == "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9");
    CHECK(to_hex(key.sign(curve(), zeros, zeros).value()) ==
          "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"
          "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0");
}

TEST_CASE("a signature verifies for its signer and its message, and for nothing else") {
    const auto signer = signing_key(4).public_key();
    const auto message = filled(0x11);
    const auto signature = signing_key(4).sign(curve(), message, filled(0x22)).value();
    CHECK(verify_signature(curve(), signer, message, signature));
    CHECK_FALSE(verify_signature(curve(), signing_key(5).public_key(), message, signature));
    CHECK_FALSE(verify_signature(curve(), signer, filled(0x12), signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        CAPTURE(i);
        auto altered = signature;
        altered[i] ^= 0x10;
        CHECK_FALSE(verify_signature(curve(), signer, message, altered));
    }
}

TEST_CASE("auxiliary randomness changes the signature, not its validity") {
    const auto key = signing_key(4);
    const auto one = key.sign(curve(), zeros, filled(1)).value();
    const auto two = key.sign(curve(), zeros, filled(2)).value();
    CHECK(one != two);
    CHECK(verify_signature(curve(), key.public_key(), zeros, one));
    CHECK(verify_signature(curve(), key.public_key(), zeros, two));
}

TEST_CASE("a key whose point has an odd Y signs for its x coordinate") {
    // n-1: the mirror of the generator.
    const auto key =
        SigningKey::create(curve(), secret("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140")).value();
    CHECK(to_hex(key.public_key().bytes) == "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    CHECK(verify_signature(curve(), key.public_key(), zeros, key.sign(curve(), zeros, zeros).value()));
}

TEST_CASE("a secret that is no scalar makes no signing key") {
    CHECK(error_of(SigningKey::create(curve(), Secret<32>{})) == NoiseError::bad_key);
    CHECK(error_of(SigningKey::create(curve(), secret(0xff))) == NoiseError::bad_key);
}

TEST_CASE("a signer that is no point of the curve has signed nothing") {
    const auto signature = signing_key(4).sign(curve(), zeros, zeros).value();
    CHECK_FALSE(verify_signature(curve(), XOnlyKey{filled(0xff)}, zeros, signature));
    CHECK_FALSE(verify_signature(curve(), XOnlyKey{}, zeros, signature));
}

TEST_CASE("a signing key that was moved away signs nothing") {
    auto key = signing_key(4);
    const SigningKey moved = std::move(key);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(key.sign(curve(), zeros, zeros)) == NoiseError::bad_key);
}
