// Noise's SymmetricState (Noise 5.2) for Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256: what both sides have seen (h),
// what they share (ck) and the key that protects the next handshake payload. SV2 04-Protocol-Security 4.4 and 4.5.
#pragma once

#include "noise/cipher_state.hpp"
#include "noise/error.hpp"
#include "noise/hash.hpp"
#include "noise/secret.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <span>

namespace noise {

// The two ciphers that Split leaves.
struct CipherPair {
    CipherState initiator_to_responder;
    CipherState responder_to_initiator;
};

class SymmetricState {
  public:
    // InitializeSymmetric. SV2 has no prologue, so nothing else is mixed at the start.
    SymmetricState();

    void mix_hash(std::span<const std::uint8_t> data);
    void mix_key(const Secret<32>& input_key_material);

    // Before the first mix_key there is no key: `payload` is all text, has no tag, and only goes into the hash.
    [[nodiscard]] std::expected<void, NoiseError> encrypt_and_hash(std::span<std::uint8_t> payload);
    // Returns the front of `payload` that is the text.
    [[nodiscard]] std::expected<std::span<std::uint8_t>, NoiseError> decrypt_and_hash(std::span<std::uint8_t> payload);

    [[nodiscard]] CipherPair split() const;

    [[nodiscard]] const Hash& handshake_hash() const { return hash_; }
    [[nodiscard]] const Secret<32>& chaining_key() const { return chaining_key_; }
    [[nodiscard]] const std::optional<CipherState>& cipher() const { return cipher_; }

  private:
    Hash hash_;
    Secret<32> chaining_key_;
    std::optional<CipherState> cipher_;
};

} // namespace noise
