#include "noise/hash.hpp"

namespace noise {

namespace {

// libsodium wipes the state when it finishes.
Secret<32> hmac(const Secret<32>& key, std::initializer_list<std::span<const std::uint8_t>> parts) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.expose().data(), key.expose().size());
    for (const auto part : parts) crypto_auth_hmacsha256_update(&state, part.data(), part.size());
    Secret<32> out;
    crypto_auth_hmacsha256_final(&state, out.expose().data());
    return out;
}

} // namespace

Hash sha256(std::initializer_list<std::span<const std::uint8_t>> parts) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (const auto part : parts) crypto_hash_sha256_update(&state, part.data(), part.size());
    Hash hash;
    crypto_hash_sha256_final(&state, hash.data());
    return hash;
}

std::pair<Secret<32>, Secret<32>> hkdf(const Secret<32>& chaining_key,
                                       std::span<const std::uint8_t> input_key_material) {
    constexpr std::array<std::uint8_t, 1> one{1};
    constexpr std::array<std::uint8_t, 1> two{2};
    const Secret<32> temporary = hmac(chaining_key, {input_key_material});
    Secret<32> first = hmac(temporary, {one});
    Secret<32> second = hmac(temporary, {first.expose(), two});
    return {std::move(first), std::move(second)};
}

} // namespace noise
