#include "storage/work.hpp"

#include <array>
#include <bit>
#include <cstddef>

namespace storage {

namespace {

using Limbs = std::array<std::uint64_t, 4>; // lowest first

Limbs limbs_of(const protocol::U256& number) {
    Limbs limbs{};
    for (std::size_t i = 0; i < number.bytes.size(); ++i) {
        limbs[i / 8] |= std::uint64_t{number.bytes[i]} << (8 * (i % 8));
    }
    return limbs;
}

int bit_width(const Limbs& number) {
    for (std::size_t i = number.size(); i > 0; --i) {
        if (number[i - 1] != 0) return static_cast<int>(64 * (i - 1)) + static_cast<int>(std::bit_width(number[i - 1]));
    }
    return 0;
}

bool bit(const Limbs& number, int i) {
    return ((number[static_cast<std::size_t>(i) / 64] >> (static_cast<unsigned>(i) % 64)) & 1U) != 0;
}

Limbs shifted_right(const Limbs& number, unsigned bits) {
    const std::size_t skipped = bits / 64;
    const unsigned rest = bits % 64;
    Limbs shifted{};
    for (std::size_t i = 0; i + skipped < number.size(); ++i) {
        shifted[i] = number[i + skipped] >> rest;
        if (rest != 0 && i + skipped + 1 < number.size()) shifted[i] |= number[i + skipped + 1] << (64 - rest);
    }
    return shifted;
}

bool is_less(const Limbs& a, const Limbs& b) {
    for (std::size_t i = a.size(); i > 0; --i) {
        if (a[i - 1] != b[i - 1]) return a[i - 1] < b[i - 1];
    }
    return false;
}

// The bit that falls out is returned.
bool shift_in(Limbs& number, bool low) {
    bool carry = low;
    for (auto& limb : number) {
        const bool out = (limb >> 63U) != 0;
        limb = limb << 1U | (carry ? 1U : 0U);
        carry = out;
    }
    return carry;
}

void subtract(Limbs& a, const Limbs& b) {
    bool borrow = false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const std::uint64_t before = a[i];
        a[i] = before - b[i] - (borrow ? 1 : 0);
        borrow = borrow ? before <= b[i] : before < b[i];
    }
}

} // namespace

Uint128 saturating_sum(Uint128 a, Uint128 b) {
    Uint128 sum{.low = a.low + b.low, .high = a.high + b.high};
    const std::uint64_t carry = sum.low < a.low ? 1 : 0;
    const bool is_above = sum.high < a.high || sum.high + carry < carry;
    sum.high += carry;
    return is_above ? max_uint128 : sum;
}

// 2^256 / d = (2^256 - d) / d + 1 with d = target + 1, and 2^256 - d = ~target: nothing needs 257 bits. Long division
// from the quotient's highest bit on; the usual target is large, so that there are few.
Uint128 expected_hashes(const protocol::U256& target) {
    Limbs divisor = limbs_of(target);
    if (divisor[2] == 0 && divisor[3] == 0) return max_uint128;
    Limbs dividend{};
    for (std::size_t i = 0; i < dividend.size(); ++i) dividend[i] = ~divisor[i];
    for (auto& limb : divisor) {
        if (++limb != 0) break;
    }
    if (divisor == Limbs{}) return {.low = 1, .high = 0}; // every hash will do

    const int quotient_bits = 256 - bit_width(divisor) + 1; // <= 128
    Limbs remainder = shifted_right(dividend, static_cast<unsigned>(quotient_bits));
    Uint128 quotient{};
    for (int i = quotient_bits - 1; i >= 0; --i) {
        const bool overflow = shift_in(remainder, bit(dividend, i));
        const bool fits = overflow || !is_less(remainder, divisor);
        if (fits) subtract(remainder, divisor);
        quotient = {.low = quotient.low << 1U | (fits ? 1U : 0U), .high = quotient.high << 1U | quotient.low >> 63U};
    }
    return saturating_sum(quotient, {.low = 1, .high = 0});
}

} // namespace storage
