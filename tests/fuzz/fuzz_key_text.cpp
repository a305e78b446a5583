// Any text as a key: what parses is written back as the same text.

#include "noise/key_text.hpp"
#include "tests/fuzz/check.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const noise::Curve curve = noise::Curve::create(std::array<std::uint8_t, 32>{});
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    if (const auto key = noise::parse_public_key(curve, text)) fuzz::check(noise::public_key_text(*key) == text);
    if (const auto key = noise::parse_secret_key(curve, text)) fuzz::check(noise::SecretText{*key}.view() == text);
    return 0;
}
