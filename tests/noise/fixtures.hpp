// Keys, handshakes and questions that the cases of this suite share. Every byte is fixed: nothing here is random.
#pragma once

#include "noise/certificate.hpp"
#include "noise/curve.hpp"
#include "noise/error.hpp"
#include "noise/initiator.hpp"
#include "noise/keys.hpp"
#include "noise/responder.hpp"
#include "noise/signing_key.hpp"
#include "noise/symmetric_state.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace fixtures {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::array<std::uint8_t, 32> zeros{};
inline constexpr std::uint64_t reserved_nonce = std::numeric_limits<std::uint64_t>::max();

template <std::size_t N> std::array<std::uint8_t, N> array_of(std::string_view hex) {
    const auto bytes = support::from_hex(hex);
    std::array<std::uint8_t, N> array{};
    if (bytes.size() != N) throw std::invalid_argument{"wrong size: " + std::string{hex}};
    std::ranges::copy(bytes, array.begin());
    return array;
}

template <std::size_t N = 32> std::array<std::uint8_t, N> filled(std::uint8_t byte) {
    std::array<std::uint8_t, N> array{};
    array.fill(byte);
    return array;
}

// Bytes in which neither a shift nor an exchange of chunks goes unnoticed.
inline Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>((i * 7) + (i >> 8) + (i >> 16));
    return bytes;
}

inline const noise::Curve& curve() {
    static const noise::Curve made = noise::Curve::create(filled(0x5a));
    return made;
}

inline noise::Secret<32> secret(std::uint8_t byte) {
    return noise::Secret<32>{filled(byte)};
}
inline noise::Secret<32> secret(std::string_view hex) {
    return noise::Secret<32>{array_of<32>(hex)};
}

inline noise::KeyPair pair_of(std::string_view secret_hex, std::string_view encoding_hex) {
    return noise::KeyPair::with_encoding(curve(), secret(secret_hex), noise::EllSwift{array_of<64>(encoding_hex)})
        .value();
}
inline noise::KeyPair key_pair(std::uint8_t byte) {
    return noise::KeyPair::create(curve(), secret(byte), filled(static_cast<std::uint8_t>(~byte))).value();
}

inline noise::SigningKey signing_key(std::uint8_t byte) {
    return noise::SigningKey::create(curve(), secret(byte)).value();
}

template <class T> std::optional<noise::NoiseError> error_of(const std::expected<T, noise::NoiseError>& result) {
    return result ? std::nullopt : std::optional{result.error()};
}

// 2026-01-01T00:00:00Z
inline constexpr std::uint32_t new_year = 1767225600;

inline std::chrono::sys_seconds at(std::int64_t seconds) {
    return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

inline noise::Credentials credentials(std::uint8_t static_byte = 2, std::uint8_t authority_byte = 9) {
    noise::KeyPair static_key = key_pair(static_byte);
    const auto certificate = noise::Certificate::sign(
        curve(), signing_key(authority_byte), static_key.encoding().x_only(curve()), new_year, new_year + 3600, zeros);
    return {.static_key = std::move(static_key), .certificate = certificate.value()};
}

inline noise::XOnlyKey authority() {
    return signing_key(9).public_key();
}

inline noise::Initiator initiator(const std::optional<noise::XOnlyKey>& trusted = authority(),
                                  std::uint8_t ephemeral_byte = 1) {
    return noise::Initiator{curve(), key_pair(ephemeral_byte), trusted};
}

inline noise::Response answer(std::span<const std::uint8_t, noise::act1_size> act1,
                              const noise::Credentials& shown = credentials()) {
    return noise::respond(curve(), shown, act1, key_pair(3)).value();
}

struct Connection {
    noise::Transport initiator;
    noise::Transport responder;
};

inline Connection connection() {
    auto opening = initiator();
    auto response = answer(opening.act1());
    auto finished = std::move(opening).finish(response.act2, at(new_year)).value();
    return {.initiator = std::move(finished.transport), .responder = std::move(response.transport)};
}

inline noise::CipherState cipher(std::uint64_t first_nonce = 0) {
    return noise::CipherState{secret(7), first_nonce};
}

// The key that protects the next handshake payload.
inline const noise::CipherState& cipher_of(const noise::SymmetricState& state) {
    const auto& cipher = state.cipher();
    if (!cipher) throw std::logic_error{"no key was mixed yet"};
    return *cipher;
}

struct Storage {
    Bytes in_life;
    Bytes after_it;
};

// The bytes that an object occupied, read before and after its destructor ran.
template <class T> Storage storage_of(T object) {
    alignas(T) std::array<std::byte, sizeof(T)> place{};
    const auto look = [&place] {
        const volatile std::byte* from = place.data(); // the compiler must not reason about a dead object
        Bytes bytes(place.size());
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(from[i]);
        return bytes;
    };
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): raw storage, looked at after the object is gone
    T* const living = std::construct_at(reinterpret_cast<T*>(place.data()), std::move(object));
    Storage storage{.in_life = look(), .after_it = {}};
    std::destroy_at(living);
    storage.after_it = look();
    return storage;
}

inline bool contains(const Bytes& bytes, std::span<const std::uint8_t> wanted) {
    return !std::ranges::search(bytes, wanted).empty();
}

} // namespace fixtures
