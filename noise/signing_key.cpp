#include "noise/signing_key.hpp"

#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

namespace noise {

namespace {

// The library's expanded form of the secret, only as long as it is used.
struct WipedPair {
    secp256k1_keypair value{};

    WipedPair() = default;
    WipedPair(const WipedPair&) = delete;
    WipedPair& operator=(const WipedPair&) = delete;
    WipedPair(WipedPair&&) = delete;
    WipedPair& operator=(WipedPair&&) = delete;
    ~WipedPair() { sodium_memzero(&value, sizeof value); }
};

} // namespace

std::expected<SigningKey, NoiseError> SigningKey::create(const Curve& curve, Secret<32> secret) {
    WipedPair pair;
    if (secp256k1_keypair_create(curve.context(), &pair.value, secret.expose().data()) != 1)
        return std::unexpected(NoiseError::bad_key);
    secp256k1_xonly_pubkey x_only;
    XOnlyKey public_key;
    [[maybe_unused]] const int always = secp256k1_keypair_xonly_pub(curve.context(), &x_only, nullptr, &pair.value);
    secp256k1_xonly_pubkey_serialize(curve.context(), public_key.bytes.data(), &x_only);
    return SigningKey{std::move(secret), public_key};
}

std::expected<Signature, NoiseError> SigningKey::sign(const Curve& curve, std::span<const std::uint8_t, 32> message,
                                                      std::span<const std::uint8_t, 32> aux_rand) const {
    WipedPair pair;
    Signature signature;
    if (secp256k1_keypair_create(curve.context(), &pair.value, secret_.expose().data()) != 1 ||
        secp256k1_schnorrsig_sign32(curve.context(), signature.data(), message.data(), &pair.value, aux_rand.data()) !=
            1)
        return std::unexpected(NoiseError::bad_key);
    return signature;
}

bool verify_signature(const Curve& curve, const XOnlyKey& signer, std::span<const std::uint8_t, 32> message,
                      const Signature& signature) {
    secp256k1_xonly_pubkey x_only;
    return secp256k1_xonly_pubkey_parse(curve.context(), &x_only, signer.bytes.data()) == 1 &&
           secp256k1_schnorrsig_verify(curve.context(), signature.data(), message.data(), message.size(), &x_only) == 1;
}

} // namespace noise
