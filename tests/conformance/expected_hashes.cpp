#include "tests/conformance/expected_hashes.hpp"

#include <algorithm>
#include <array>

namespace conformance {

namespace {

// Unsigned numbers of 320 bits, the lowest limb first: room for 2^256 and one bit to spare.
using Wide = std::array<std::uint64_t, 5>;

bool is_less(const Wide& a, const Wide& b) {
    return std::ranges::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

Wide difference(Wide a, const Wide& b) {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const Uint128 taken = Uint128{b[i]} + borrow;
        borrow = a[i] < taken ? 1 : 0;
        a[i] -= static_cast<std::uint64_t>(taken);
    }
    return a;
}

Wide doubled(const Wide& a, bool lowest_bit) {
    Wide twice{};
    bool carry = lowest_bit;
    for (std::size_t i = 0; i < a.size(); ++i) {
        twice[i] = a[i] << 1U | (carry ? 1U : 0U);
        carry = a[i] >> 63U != 0;
    }
    return twice;
}

// As a number: the bytes are little-endian.
Wide number_of(const protocol::U256& value) {
    Wide number{};
    for (std::size_t i = 0; i < value.bytes.size(); ++i) {
        number[i / 8] |= std::uint64_t{value.bytes[i]} << (i % 8 * 8);
    }
    return number;
}

} // namespace

// Long division, bit after bit.
Uint128 expected_hashes(const protocol::U256& target) {
    Wide divisor = number_of(target);
    for (std::size_t i = 0; i < divisor.size() && ++divisor[i] == 0; ++i) {
    }
    Wide remainder{};
    Uint128 quotient = 0;
    for (int bit = 256; bit >= 0; --bit) {
        remainder = doubled(remainder, bit == 256);
        const bool fits = !is_less(remainder, divisor);
        if (fits) remainder = difference(remainder, divisor);
        if (quotient > uint128_max / 2) return uint128_max;
        quotient = quotient * 2 + (fits ? 1 : 0);
    }
    return quotient;
}

} // namespace conformance
