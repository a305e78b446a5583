// Keys of the handshake: x-only public keys (BIP340), their 64-byte ElligatorSwift form on the wire (BIP324), and the
// pairs that agree on shared secrets. Specification: SV2 04-Protocol-Security 4.3.
#pragma once

#include "noise/curve.hpp"
#include "noise/error.hpp"
#include "noise/secret.hpp"

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <utility>

namespace noise {

struct XOnlyKey {
    std::array<std::uint8_t, 32> bytes{};

    friend bool operator==(const XOnlyKey&, const XOnlyKey&) = default;
};

// Many encodings stand for one key, and every 64 bytes stand for some key: decoding cannot fail.
struct EllSwift {
    std::array<std::uint8_t, 64> bytes{};

    [[nodiscard]] XOnlyKey x_only(const Curve& curve) const;

    friend bool operator==(const EllSwift&, const EllSwift&) = default;
};

enum class Role : std::uint8_t { initiator, responder };

// A secret and the one encoding of its public key that the peer is shown.
class KeyPair {
  public:
    // Encodes the public key with `randomness`, so that the encoding cannot be told from random bytes.
    [[nodiscard]] static std::expected<KeyPair, NoiseError> create(const Curve& curve, Secret<32> secret,
                                                                   std::span<const std::uint8_t, 32> randomness);
    // bad_key if `encoding` stands for another key.
    [[nodiscard]] static std::expected<KeyPair, NoiseError> with_encoding(const Curve& curve, Secret<32> secret,
                                                                          const EllSwift& encoding);

    [[nodiscard]] const EllSwift& encoding() const { return encoding_; }

    // BIP324's shared secret; `own_role` decides whose encoding is hashed first. Fails only after a move.
    [[nodiscard]] std::expected<Secret<32>, NoiseError> ecdh(const Curve& curve, Role own_role,
                                                             const EllSwift& theirs) const;

  private:
    KeyPair(Secret<32> secret, const EllSwift& encoding) : secret_{std::move(secret)}, encoding_{encoding} {}

    Secret<32> secret_;
    EllSwift encoding_;
};

} // namespace noise
