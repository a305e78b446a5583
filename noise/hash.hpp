// SHA-256 and the two-output HKDF of Noise 4.3, which libsodium 1.0.18 does not offer.
#pragma once

#include "noise/secret.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

namespace noise {

using Hash = std::array<std::uint8_t, 32>;

// Of the parts in a row.
[[nodiscard]] Hash sha256(std::initializer_list<std::span<const std::uint8_t>> parts);

[[nodiscard]] std::pair<Secret<32>, Secret<32>> hkdf(const Secret<32>& chaining_key,
                                                     std::span<const std::uint8_t> input_key_material);

} // namespace noise
