// The folder of vectors: tests/vectors/sri/, or the one that SV2_VECTORS names.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace vectors {

using Json = nlohmann::json;

// The top-level list `name` of `file`. A missing file or list, or an empty one, fails the test.
const Json& list(const std::string& file, const std::string& name);

// One more case of the file; the counts are printed when the program ends.
void count_asserted(const std::string& file);

// Calls check(vector) for each element of the list, and counts them as asserted.
void for_each(const std::string& file, const std::string& name, auto&& check) {
    for (const Json& vector : list(file, name)) {
        check(vector);
        count_asserted(file);
    }
}

// Lower-case hex of a string field.
std::vector<std::uint8_t> bytes(const Json& hex);

template <std::size_t size> std::array<std::uint8_t, size> array(const Json& hex) {
    const auto all = bytes(hex);
    if (all.size() != size) throw std::invalid_argument{"not " + std::to_string(size) + " bytes: " + hex.dump()};
    std::array<std::uint8_t, size> result;
    std::copy(all.begin(), all.end(), result.begin());
    return result;
}

// The files' byte generator: byte[i] = (31*i + 17*(i>>8) + seed) mod 256.
std::vector<std::uint8_t> generated_bytes(std::size_t size, std::uint64_t seed);

std::string sha256_hex(std::span<const std::uint8_t> bytes);

} // namespace vectors
