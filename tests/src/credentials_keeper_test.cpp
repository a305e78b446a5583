// Which static key and certificate a peer gets, by the clock that the test hands in.

#include "src/credentials_keeper.hpp"

#include "clients/cpp/randomness.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::sys_seconds start{1'767'225'600s};

struct Fixture {
    noise::Curve curve = client::make_curve();
    noise::SigningKey authority = noise::SigningKey::create(curve, client::random_secret()).value();
    noise::XOnlyKey authority_key = authority.public_key();
    role::CredentialsKeeper keeper;

    explicit Fixture(std::chrono::seconds validity) : keeper{curve, std::move(authority), validity} {}

    bool is_valid(const noise::Credentials& credentials, std::chrono::sys_seconds now) const {
        return credentials.certificate.verify(curve, authority_key, credentials.static_key.encoding().x_only(curve),
                                              now);
    }
};

} // namespace

TEST_CASE("credentials are kept for half of their life, and new ones made then") {
    Fixture fixture{1h};
    const auto first = fixture.keeper.current(start);
    CHECK(fixture.keeper.current(start + 30min - 1s) == first);
    const auto second = fixture.keeper.current(start + 30min);
    CHECK(second != first);
    CHECK_FALSE((second->static_key.encoding() == first->static_key.encoding()));
    CHECK(second->certificate.not_valid_after - first->certificate.not_valid_after == 1800);
    CHECK(fixture.is_valid(*first, start + 1h)); // whoever holds the old ones may still finish with them
}

TEST_CASE("a peer whose clock is a minute behind can use them") {
    Fixture fixture{1h};
    CHECK(fixture.is_valid(*fixture.keeper.current(start), start - 60s));
}

TEST_CASE("a clock that is set back renews them: nobody can use what is not valid yet") {
    Fixture fixture{1h};
    const auto first = fixture.keeper.current(start);
    const auto second = fixture.keeper.current(start - 24h);
    CHECK(second != first);
    CHECK(fixture.is_valid(*second, start - 24h));
}

TEST_CASE("a validity of 1 s is renewed each second") {
    Fixture fixture{1s};
    const auto first = fixture.keeper.current(start);
    CHECK(fixture.keeper.current(start) == first);
    CHECK(fixture.keeper.current(start + 1s) != first);
}

TEST_CASE("times beyond 2106 saturate instead of beginning again") {
    Fixture fixture{std::chrono::seconds{std::numeric_limits<std::uint32_t>::max()}};
    CHECK(fixture.keeper.current(start)->certificate.not_valid_after == std::numeric_limits<std::uint32_t>::max());
}
