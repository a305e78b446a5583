#include "noise/opener.hpp"

#include <algorithm>
#include <cstring>

namespace noise {

std::expected<std::span<std::uint8_t, header_size>, NoiseError>
Opener::open_header(std::span<std::uint8_t, encrypted_header_size> sealed) {
    const auto text = cipher_.decrypt({}, sealed);
    if (!text) return std::unexpected(text.error());
    return text->first<header_size>();
}

std::expected<std::span<std::uint8_t>, NoiseError> Opener::open_payload(std::span<std::uint8_t> sealed) {
    // Chunks are full but the last, and none is empty.
    const std::size_t last = sealed.size() % max_encrypted_chunk;
    if (0 < last && last <= tag_size) return cipher_.fail(NoiseError::bad_length);

    std::size_t opened = 0;
    for (auto rest = sealed; !rest.empty();) {
        const std::size_t size = std::min(max_encrypted_chunk, rest.size());
        const auto text = cipher_.decrypt({}, rest.first(size));
        if (!text) return std::unexpected(text.error());
        std::memmove(sealed.data() + opened, text->data(), text->size());
        opened += text->size();
        rest = rest.subspan(size);
    }
    return sealed.first(opened);
}

} // namespace noise
