// The sending half of an encrypted connection. Frames must reach the wire whole and in the order they were sealed.
// Specification: SV2 04-Protocol-Security 4.6.
#pragma once

#include "noise/cipher_state.hpp"
#include "noise/error.hpp"

#include <cstdint>
#include <expected>
#include <utility>
#include <vector>

namespace noise {

class Sealer {
  public:
    explicit Sealer(CipherState cipher) : cipher_{std::move(cipher)} {}

    // Turns a frame, header and payload in a row, into what goes on the wire. Allocates only where `frame` has less
    // capacity than encrypted_frame_size(). On an error `frame` is as it was.
    [[nodiscard]] std::expected<void, NoiseError> seal(std::vector<std::uint8_t>& frame);

    [[nodiscard]] const CipherState& cipher() const { return cipher_; }

  private:
    CipherState cipher_;
};

} // namespace noise
