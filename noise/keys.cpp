#include "noise/keys.hpp"

#include <secp256k1_ellswift.h>
#include <secp256k1_extrakeys.h>

namespace noise {

namespace {

XOnlyKey x_of(const Curve& curve, const secp256k1_pubkey& point) {
    secp256k1_xonly_pubkey x_only;
    XOnlyKey key;
    [[maybe_unused]] const int always = secp256k1_xonly_pubkey_from_pubkey(curve.context(), &x_only, nullptr, &point);
    secp256k1_xonly_pubkey_serialize(curve.context(), key.bytes.data(), &x_only);
    return key;
}

} // namespace

XOnlyKey EllSwift::x_only(const Curve& curve) const {
    secp256k1_pubkey point;
    secp256k1_ellswift_decode(curve.context(), &point, bytes.data());
    return x_of(curve, point);
}

std::expected<KeyPair, NoiseError> KeyPair::create(const Curve& curve, Secret<32> secret,
                                                   std::span<const std::uint8_t, 32> randomness) {
    EllSwift encoding;
    if (secp256k1_ellswift_create(curve.context(), encoding.bytes.data(), secret.expose().data(), randomness.data()) !=
        1)
        return std::unexpected(NoiseError::bad_key);
    return KeyPair{std::move(secret), encoding};
}

std::expected<KeyPair, NoiseError> KeyPair::with_encoding(const Curve& curve, Secret<32> secret,
                                                          const EllSwift& encoding) {
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(curve.context(), &point, secret.expose().data()) != 1 ||
        x_of(curve, point) != encoding.x_only(curve))
        return std::unexpected(NoiseError::bad_key);
    return KeyPair{std::move(secret), encoding};
}

std::expected<Secret<32>, NoiseError> KeyPair::ecdh(const Curve& curve, Role own_role, const EllSwift& theirs) const {
    const bool initiator = own_role == Role::initiator;
    const EllSwift& first = initiator ? encoding_ : theirs;
    const EllSwift& second = initiator ? theirs : encoding_;
    Secret<32> shared;
    if (secp256k1_ellswift_xdh(curve.context(), shared.expose().data(), first.bytes.data(), second.bytes.data(),
                               secret_.expose().data(), initiator ? 0 : 1, secp256k1_ellswift_xdh_hash_function_bip324,
                               nullptr) != 1)
        return std::unexpected(NoiseError::bad_key);
    return shared;
}

} // namespace noise
