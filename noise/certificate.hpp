// What proves that a responder's static key belongs to the authority: SIGNATURE_NOISE_MESSAGE of SV2
// 04-Protocol-Security 4.5.2 and 4.5.3. The key itself travels beside it and is part of what is signed.
#pragma once

#include "noise/signing_key.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace noise {

struct Certificate {
    static constexpr std::size_t size = 74;

    std::uint16_t version = 0;
    std::uint32_t valid_from = 0; // seconds since 1970, both
    std::uint32_t not_valid_after = 0;
    Signature signature{};

    // Signs a certificate of version 0 for `static_key`.
    [[nodiscard]] static std::expected<Certificate, NoiseError>
    sign(const Curve& curve, const SigningKey& authority, const XOnlyKey& static_key, std::uint32_t valid_from,
         std::uint32_t not_valid_after, std::span<const std::uint8_t, 32> aux_rand);
    [[nodiscard]] static Certificate decode(std::span<const std::uint8_t, size> bytes);
    [[nodiscard]] std::array<std::uint8_t, size> encode() const;

    // The version is signed but means nothing yet; any is accepted.
    [[nodiscard]] bool verify(const Curve& curve, const XOnlyKey& authority, const XOnlyKey& static_key,
                              std::chrono::sys_seconds now) const;

    friend bool operator==(const Certificate&, const Certificate&) = default;
};

} // namespace noise
