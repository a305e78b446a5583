// BIP340 signatures over 32-byte messages: an authority signs certificates with them, a client proves who it is.
#pragma once

#include "noise/keys.hpp"

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <utility>

namespace noise {

using Signature = std::array<std::uint8_t, 64>;

class SigningKey {
  public:
    [[nodiscard]] static std::expected<SigningKey, NoiseError> create(const Curve& curve, Secret<32> secret);

    [[nodiscard]] const XOnlyKey& public_key() const { return public_key_; }

    // `aux_rand` is BIP340's auxiliary randomness. Fails only after a move.
    [[nodiscard]] std::expected<Signature, NoiseError> sign(const Curve& curve,
                                                            std::span<const std::uint8_t, 32> message,
                                                            std::span<const std::uint8_t, 32> aux_rand) const;

  private:
    SigningKey(Secret<32> secret, const XOnlyKey& public_key) : secret_{std::move(secret)}, public_key_{public_key} {}

    Secret<32> secret_;
    XOnlyKey public_key_;
};

// False also for a `signer` that is no point of the curve.
[[nodiscard]] bool verify_signature(const Curve& curve, const XOnlyKey& signer,
                                    std::span<const std::uint8_t, 32> message, const Signature& signature);

} // namespace noise
