// What is secret is wiped, and cannot be copied by mistake.

#include "noise/key_text.hpp"
#include "noise/symmetric_state.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace fixtures;
using namespace noise;

namespace {

template <class T> constexpr bool copies = std::is_copy_constructible_v<T> || std::is_copy_assignable_v<T>;
template <class T> constexpr bool moves = std::is_nothrow_move_constructible_v<T>;

static_assert(!copies<Secret<32>> && moves<Secret<32>>);
static_assert(!copies<KeyPair> && moves<KeyPair>);
static_assert(!copies<SigningKey> && moves<SigningKey>);
static_assert(!copies<SecretText> && moves<SecretText>);
static_assert(!copies<Curve> && moves<Curve>);
static_assert(!copies<CipherState> && moves<CipherState>);
static_assert(!copies<SymmetricState>);
static_assert(!copies<Sealer> && moves<Sealer>);
static_assert(!copies<Opener> && moves<Opener>);
static_assert(!copies<Transport> && moves<Transport>);
static_assert(!copies<Credentials>);
static_assert(!copies<Initiator>);

} // namespace

TEST_CASE("a secret holds a copy of the bytes it was made from") {
    const auto bytes = pattern(32);
    const Secret<32> held{std::span{bytes}.first<32>()};
    CHECK(std::ranges::equal(held.expose(), bytes));
}

TEST_CASE("a secret that nothing was put into is zeros") {
    CHECK(std::ranges::equal(Secret<32>{}.expose(), zeros));
}

TEST_CASE("a secret that was moved is in the new place only") {
    Secret<32> first = secret(7);
    Secret<32> second = std::move(first);
    CHECK(std::ranges::equal(second.expose(), filled(7)));
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(std::ranges::equal(first.expose(), zeros));

    Secret<32> third = secret(8);
    third = std::move(second);
    CHECK(std::ranges::equal(third.expose(), filled(7)));
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point of the case
    CHECK(std::ranges::equal(second.expose(), zeros));
}

TEST_CASE("a secret moved onto itself stays") {
    Secret<32> held = secret(7);
    Secret<32>& same = held;
    held = std::move(same);
    CHECK(std::ranges::equal(held.expose(), filled(7)));
}

TEST_CASE("no secret outlives its owner") {
    const auto key = filled(0x77);
    const auto wiped = [](const Storage& storage, std::span<const std::uint8_t> bytes) {
        return contains(storage.in_life, bytes) && !contains(storage.after_it, bytes);
    };
    CHECK(wiped(storage_of(Secret<32>{key}), key));
    CHECK(wiped(storage_of(CipherState{Secret<32>{key}}), key));
    CHECK(wiped(storage_of(Sealer{CipherState{Secret<32>{key}}}), key));
    CHECK(wiped(storage_of(Opener{CipherState{Secret<32>{key}}}), key));
    CHECK(wiped(storage_of(key_pair(0x77)), key));
    CHECK(wiped(storage_of(signing_key(0x77)), key));
    CHECK(wiped(storage_of(initiator(authority(), 0x77)), key));
    CHECK(wiped(storage_of(credentials(0x77)), key));

    SecretText text{Secret<32>{key}};
    const std::string copy{text.view()};
    CHECK(wiped(storage_of(std::move(text)), Bytes{copy.begin(), copy.end()}));

    SymmetricState state;
    state.mix_key(Secret<32>{key});
    const auto chaining_key = Bytes{state.chaining_key().expose().begin(), state.chaining_key().expose().end()};
    const auto key_in_use = cipher_of(state).key().expose();
    const auto cipher_key = Bytes{key_in_use.begin(), key_in_use.end()};
    const auto storage = storage_of(std::move(state));
    CHECK(wiped(storage, chaining_key));
    CHECK(wiped(storage, cipher_key));
}
