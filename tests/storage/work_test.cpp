// Sums of work.

#include "storage/work.hpp"
#include "tests/storage/fixtures.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace storage;
using fixtures::max64;

namespace {

// Written as numbers are, highest digit first.
protocol::U256 target(std::string text) {
    text.insert(0, 64 - text.size(), '0');
    protocol::U256 target;
    for (std::size_t i = 0; i < 32; ++i) {
        target.bytes[31 - i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    }
    return target;
}

} // namespace

TEST_CASE("sums are exact to 128 bits and stop there") {
    CHECK(saturating_sum({max64, 0}, {1, 0}) == Uint128{0, 1});
    CHECK(saturating_sum({max64, 1}, {max64, 2}) == Uint128{max64 - 1, 4});
    CHECK(saturating_sum({max64, max64}, {0, 0}) == max_uint128);
    CHECK(saturating_sum({max64, max64}, {1, 0}) == max_uint128);
    CHECK(saturating_sum({max64, max64 - 1}, {1, 0}) == Uint128{0, max64});
    CHECK(saturating_sum({5, max64}, {0, 1}) == max_uint128);
    CHECK(saturating_sum({1, max64 - 1}, {max64, 1}) == max_uint128);
}

TEST_CASE("a target takes 2^256 / (target + 1) hashes, rounded down") {
    const std::vector<std::pair<std::string, Uint128>> cases{
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", {.low = 0x1, .high = 0x0}},
        {"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe", {.low = 0x1, .high = 0x0}},
        {"8000000000000000000000000000000000000000000000000000000000000000", {.low = 0x1, .high = 0x0}},
        {"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", {.low = 0x2, .high = 0x0}},
        {"ffff0000000000000000000000000000000000000000000000000000", {.low = 0x100010001, .high = 0x0}},
        {"100000000000000000000000000000000", {.low = 0xffffffffffffffff, .high = 0xffffffffffffffff}},
        {"ffffffffffffffffffffffffffffffff", {.low = 0xffffffffffffffff, .high = 0xffffffffffffffff}},
        {"100000000000000000000000000000001", {.low = 0xfffffffffffffffe, .high = 0xffffffffffffffff}},
        {"1ffffffffffffffffffffffffffffffff", {.low = 0x0, .high = 0x8000000000000000}},
        {"10000000000000000", {.low = 0xffffffffffffffff, .high = 0xffffffffffffffff}},
        {"0", {.low = 0xffffffffffffffff, .high = 0xffffffffffffffff}},
        {"1", {.low = 0xffffffffffffffff, .high = 0xffffffffffffffff}},
        {"35bc8fbbcbde5c0994164d8399f767c45", {.low = 0x9df302050c97c50f, .high = 0x4c39445681496783}},
        {"29bae3bd69fe29d76d4330f1446beab0c11fde", {.low = 0x8330dc94c32f63b, .high = 0x62279b7e9da}},
        {"63529c3b77330bdbd7210dff076ce2ef87b0b125ec1d7da0", {.low = 0x93d43c5819815250, .high = 0x2}},
        {"a827688de6a16a3b0d464138a62332553fc1ea36f17fd374", {.low = 0x85bcf5644bf250b2, .high = 0x1}},
        {"1617959ce3f1f65a8de5271007814e8a25f2dd97f1cfb10f6", {.low = 0xb967c989ff9ea366, .high = 0x0}},
        {"e87c966c377b9aa2bb2edb20035b73993fd4235992edcf451a1afe87", {.low = 0x119e434c6, .high = 0x0}},
        {"c30d28dbd25e63b229f1c4069545de11cc9dea959c212e9c82b1478c281d", {.low = 0x14ffe, .high = 0x0}},
        {"50ed44bc206f5c6671e0c07e9e115e4b9e30691c238642ea126a1e48cc11d357", {.low = 0x3, .high = 0x0}},
        {"f5cae3bf3729c619c60a3cab359eeefb015c33b2df1461aaf8eb18b900745130", {.low = 0x1, .high = 0x0}},
    };
    for (const auto& [text, hashes] : cases) {
        CAPTURE(text);
        CHECK(expected_hashes(target(text)) == hashes);
    }
}
