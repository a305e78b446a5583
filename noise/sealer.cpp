#include "noise/sealer.hpp"

#include "noise/frame_size.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace noise {

std::expected<void, NoiseError> Sealer::seal(std::vector<std::uint8_t>& frame) {
    if (frame.size() < header_size) return std::unexpected(NoiseError::bad_length);
    const std::size_t payload_size = frame.size() - header_size;
    const std::size_t chunks = chunk_count(payload_size);
    // Asked before anything is encrypted, so that a frame is sealed whole or not at all.
    if (cipher_.remaining() < 1 + chunks) return std::unexpected(NoiseError::nonce_exhausted);

    frame.resize(encrypted_frame_size(payload_size));
    for (std::size_t i = chunks; i-- > 0;) { // from the back: every chunk moves towards the end
        std::uint8_t* const from = frame.data() + header_size + (i * max_chunk);
        std::uint8_t* const to = frame.data() + encrypted_header_size + (i * max_encrypted_chunk);
        std::memmove(to, from, std::min(max_chunk, payload_size - (i * max_chunk)));
    }

    auto rest = std::span{frame};
    for (std::size_t size = encrypted_header_size; !rest.empty(); size = std::min(max_encrypted_chunk, rest.size())) {
        if (auto encrypted = cipher_.encrypt({}, rest.first(size)); !encrypted) return encrypted;
        rest = rest.subspan(size);
    }
    return {};
}

} // namespace noise
