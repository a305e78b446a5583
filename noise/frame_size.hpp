// How long an encrypted frame is. SV2 04-Protocol-Security 4.6: the 6-byte header is encrypted by itself; the payload
// in chunks that fill a Noise message of 65535 bytes, the last one shorter. A payload of nothing adds nothing.
#pragma once

#include "noise/cipher_state.hpp"

#include <cstddef>

namespace noise {

inline constexpr std::size_t header_size = 6;
inline constexpr std::size_t encrypted_header_size = header_size + tag_size;
inline constexpr std::size_t max_encrypted_chunk = 65535;
inline constexpr std::size_t max_chunk = max_encrypted_chunk - tag_size;

constexpr std::size_t chunk_count(std::size_t payload_size) {
    return (payload_size + max_chunk - 1) / max_chunk;
}

constexpr std::size_t encrypted_payload_size(std::size_t payload_size) {
    return payload_size + (chunk_count(payload_size) * tag_size);
}

constexpr std::size_t encrypted_frame_size(std::size_t payload_size) {
    return encrypted_header_size + encrypted_payload_size(payload_size);
}

} // namespace noise
