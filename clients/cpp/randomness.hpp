// The randomness that the noise room has to be given, from the kernel. All of it throws std::system_error if the kernel
// has none: nothing can go on without.
#pragma once

#include "noise/curve.hpp"
#include "noise/keys.hpp"
#include "noise/secret.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace client {

void fill_random(std::span<std::uint8_t> bytes);

std::array<std::uint8_t, 32> random_bytes();
// A scalar of the curve (all but 2^-128 of the 32-byte strings are one).
noise::Secret<32> random_secret();

noise::Curve make_curve();
// A fresh key pair: ephemeral for one handshake, or static for a certificate.
noise::KeyPair make_key_pair(const noise::Curve& curve);

} // namespace client
