// How many hashes a share of a target stands for, and the sums they need: the model's own arithmetic.
#pragma once

#include "protocol/primitives.hpp"

#include <cstdint>

namespace conformance {

__extension__ using Uint128 = unsigned __int128;
inline constexpr Uint128 uint128_max = ~Uint128{0};

// floor(2^256 / (target + 1)); what 128 bits cannot say is their maximum.
Uint128 expected_hashes(const protocol::U256& target);

inline Uint128 saturating_sum(Uint128 a, Uint128 b) {
    return b > uint128_max - a ? uint128_max : a + b;
}
inline std::uint64_t low(Uint128 value) {
    return static_cast<std::uint64_t>(value);
}
inline std::uint64_t high(Uint128 value) {
    return static_cast<std::uint64_t>(value >> 64U);
}

} // namespace conformance
