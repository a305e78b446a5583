// The two messages of the Noise NX handshake, byte for byte. SV2 04-Protocol-Security 4.5.1 and 4.5.2, which still
// counts act 2 as 170 bytes in places; with keys of 64 bytes it has 234.
#pragma once

#include "noise/certificate.hpp"
#include "noise/cipher_state.hpp"
#include "noise/keys.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace noise {

inline constexpr std::size_t ell_swift_size = sizeof(EllSwift::bytes);
inline constexpr std::size_t encrypted_static_size = ell_swift_size + tag_size;
inline constexpr std::size_t encrypted_certificate_size = Certificate::size + tag_size;

inline constexpr std::size_t act1_size = ell_swift_size;
inline constexpr std::size_t act2_size = ell_swift_size + encrypted_static_size + encrypted_certificate_size;
static_assert(act1_size == 64 && act2_size == 234);

using Act1 = std::array<std::uint8_t, act1_size>;
using Act2 = std::array<std::uint8_t, act2_size>;

} // namespace noise
