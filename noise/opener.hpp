// The receiving half of an encrypted connection: takes a header, then as many payload bytes as that header announces,
// in turn. What the header says is its caller's affair. Specification: SV2 04-Protocol-Security 4.6.
#pragma once

#include "noise/cipher_state.hpp"
#include "noise/error.hpp"
#include "noise/frame_size.hpp"

#include <cstdint>
#include <expected>
#include <span>
#include <utility>

namespace noise {

class Opener {
  public:
    explicit Opener(CipherState cipher) : cipher_{std::move(cipher)} {}

    // Both decrypt in place and return the part of their argument that holds the text. A failure is final, every later
    // call fails too; what the argument holds after it means nothing.
    [[nodiscard]] std::expected<std::span<std::uint8_t, header_size>, NoiseError>
    open_header(std::span<std::uint8_t, encrypted_header_size> sealed);
    [[nodiscard]] std::expected<std::span<std::uint8_t>, NoiseError> open_payload(std::span<std::uint8_t> sealed);

    [[nodiscard]] const CipherState& cipher() const { return cipher_; }

  private:
    CipherState cipher_;
};

} // namespace noise
