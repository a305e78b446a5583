// Sums of work: exact to 128 bits, and then stopped there. No signed 64 bits, no floats.
#pragma once

#include "protocol/primitives.hpp"

#include <cstdint>

namespace storage {

struct Uint128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    bool operator==(const Uint128&) const = default;
};

inline constexpr Uint128 max_uint128{.low = ~std::uint64_t{0}, .high = ~std::uint64_t{0}};

// `a + b`, or the largest number.
Uint128 saturating_sum(Uint128 a, Uint128 b);

// How many hashes it takes on average to find one at or below the target: floor(2^256 / (target + 1)), or the largest
// number. Targets are little-endian.
Uint128 expected_hashes(const protocol::U256& target);

} // namespace storage
