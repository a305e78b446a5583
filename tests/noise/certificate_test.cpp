// Certificates: SV2 04-Protocol-Security 4.5.2 and 4.5.3.

#include "noise/certificate.hpp"
#include "noise/hash.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace fixtures;
using namespace noise;
using support::to_hex;

namespace {

constexpr std::uint32_t last_second = std::numeric_limits<std::uint32_t>::max();
const XOnlyKey subject{filled(0x33)}; // signing does not look at it

Certificate certificate_for(std::uint32_t from, std::uint32_t after) {
    return Certificate::sign(curve(), signing_key(9), subject, from, after, zeros).value();
}

bool valid(const Certificate& certificate, std::int64_t now) {
    return certificate.verify(curve(), authority(), subject, at(now));
}

} // namespace

TEST_CASE("a certificate is 74 bytes: version, both times, signature; little-endian") {
    Signature signature{};
    std::ranges::copy(pattern(64), signature.begin());
    const Certificate written{
        .version = 0x0102, .valid_from = 0x03040506, .not_valid_after = 0x0708090a, .signature = signature};
    const auto bytes = written.encode();
    CHECK(to_hex(bytes) == "0201"
                           "06050403"
                           "0a090807" +
                               to_hex(pattern(64)));
    CHECK(Certificate::decode(bytes) == written);
}

TEST_CASE("a certificate is signed as the reference implementation signs it") {
    const auto key =
        SigningKey::create(curve(), secret("97a7cd4867b7878c3fa36370b8691960ce7720e6bf482340d06cbd6c2d25cd70"));
    const XOnlyKey static_key{array_of<32>("379c5749de1bf4027466986b83d1f66ef06a6badce8c72a469d5b22c926ec9ac")};
    const auto aux = array_of<32>("86205a0c3dd25c0c8a7b0006de7aeb1ce62f04d5cb5d7baa4b2f52462fac782f");
    const auto made = Certificate::sign(curve(), key.value(), static_key, 1767225600, 1767229200, aux);
    CHECK(to_hex(made.value().encode()) ==
          "000000b9556910c7556904db81a0a55093e8eb66a6a2002062253774619a40aa51ee352aca0ef1e27ec9e98c1f07e7713111eb92f9"
          "3b4d414a995fb188fb9a5c2f9a479b8c2109750267");
}

TEST_CASE("a certificate is valid from 10 s before its first second to 10 s after its last") {
    const auto hour = certificate_for(new_year, new_year + 3600);
    CHECK_FALSE(valid(hour, new_year - 11));
    CHECK(valid(hour, new_year - 10));
    CHECK(valid(hour, new_year));
    CHECK(valid(hour, new_year + 3600));
    CHECK(valid(hour, new_year + 3610));
    CHECK_FALSE(valid(hour, new_year + 3611));
}

TEST_CASE("the leeway does not wrap around at the first second of 1970") {
    const auto early = certificate_for(0, 5);
    CHECK(valid(early, 0));
    CHECK(valid(early, 15));
    CHECK_FALSE(valid(early, 16));
    CHECK_FALSE(valid(early, last_second));
    CHECK_FALSE(valid(early, -11));
    CHECK_FALSE(valid(certificate_for(9, 9), 20));
    CHECK(valid(certificate_for(9, 9), 0));
}

TEST_CASE("the leeway does not wrap around at the last second of 32 bits") {
    const auto late = certificate_for(last_second - 5, last_second);
    CHECK(valid(late, last_second - 15));
    CHECK_FALSE(valid(late, last_second - 16));
    CHECK(valid(late, last_second));
    CHECK_FALSE(valid(late, 0));
    CHECK_FALSE(valid(late, std::int64_t{last_second} + 11));
    CHECK(valid(certificate_for(0, last_second), new_year));
}

TEST_CASE("no clock, however wrong, is taken for a valid one") {
    const auto always = certificate_for(0, last_second);
    CHECK_FALSE(valid(always, std::numeric_limits<std::int64_t>::max()));
    CHECK_FALSE(valid(always, std::numeric_limits<std::int64_t>::min()));
}

TEST_CASE("a certificate that ends before it begins is never valid") {
    const auto reversed = certificate_for(new_year + 100, new_year);
    for (const int offset : {-11, 0, 50, 100, 111}) CHECK_FALSE(valid(reversed, new_year + offset));
}

TEST_CASE("times and version are signed") {
    const auto good = certificate_for(new_year, new_year + 3600);
    auto earlier = good;
    earlier.valid_from -= 1;
    auto longer = good;
    longer.not_valid_after += 1;
    auto newer = good;
    newer.version = 1;
    CHECK(valid(good, new_year));
    CHECK_FALSE(valid(earlier, new_year));
    CHECK_FALSE(valid(longer, new_year));
    CHECK_FALSE(valid(newer, new_year));
}

TEST_CASE("a certificate vouches for one static key, by one authority") {
    const auto good = certificate_for(new_year, new_year + 3600);
    CHECK_FALSE(good.verify(curve(), authority(), XOnlyKey{filled(0x34)}, at(new_year)));
    CHECK_FALSE(good.verify(curve(), signing_key(8).public_key(), subject, at(new_year)));
    CHECK_FALSE(good.verify(curve(), XOnlyKey{filled(0xff)}, subject, at(new_year))); // no point of the curve
}

TEST_CASE("any version is accepted if it is signed") {
    Certificate next{.version = 1, .valid_from = new_year, .not_valid_after = new_year + 3600};
    const auto bytes = next.encode();
    const auto digest = sha256({std::span{bytes}.first<10>(), subject.bytes});
    next.signature = signing_key(9).sign(curve(), digest, zeros).value();
    CHECK(valid(next, new_year));
}

TEST_CASE("an authority key that was moved away signs no certificate") {
    auto key = signing_key(9);
    const SigningKey moved = std::move(key);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(error_of(Certificate::sign(curve(), key, subject, 0, 1, zeros)) == NoiseError::bad_key);
}
