// Base58 with Bitcoin's alphabet, in buffers of the caller, who may have to wipe them.
#pragma once

#include "noise/key_text_error.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace noise {

// Enough room for the text of `bytes` bytes: 58 carries a little more than 256^(100/138).
constexpr std::size_t max_base58_size(std::size_t bytes) {
    return (bytes * 138 / 100) + 1;
}

// Writes the text (ASCII) to the front of `room`, at least max_base58_size(bytes.size()), and returns that front.
[[nodiscard]] std::span<std::uint8_t> encode_base58(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> room);

// Writes the bytes to the front of `room` and returns that front. A text longer than `room` is bad_length without
// further work: decoding takes quadratic time, so the room bounds it.
[[nodiscard]] std::expected<std::span<std::uint8_t>, KeyTextError> decode_base58(std::string_view text,
                                                                                 std::span<std::uint8_t> room);

} // namespace noise
