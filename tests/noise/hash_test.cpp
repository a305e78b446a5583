// SHA-256 (FIPS 180-4) and the HKDF of Noise 4.3.

#include "noise/hash.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::to_hex;

TEST_CASE("SHA-256 of abc is the published one, in one part or in several") {
    const Bytes abc{'a', 'b', 'c'};
    const auto all = std::span{abc};
    const auto* const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    CHECK(to_hex(sha256({all})) == expected);
    CHECK(to_hex(sha256({all.first(1), {}, all.last(2)})) == expected);
}

TEST_CASE("SHA-256 of nothing is the published one") {
    CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("HKDF without salt and info expands as RFC 5869 A.3 says") {
    // RFC 5869's default salt is 32 zero bytes; the published output of 42 bytes ends within the second block.
    const auto [first, second] = hkdf(Secret<32>{}, filled<22>(0x0b));
    CHECK(to_hex(first.expose()) + to_hex(second.expose()).substr(0, 20) ==
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
