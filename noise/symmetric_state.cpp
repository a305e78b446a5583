#include "noise/symmetric_state.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace noise {

namespace {

// Longer than a hash, so h and ck start as the hash of the name (Noise 5.2).
Hash hash_of_name() {
    constexpr std::string_view name = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256";
    std::array<std::uint8_t, name.size()> bytes{};
    std::ranges::copy(name, bytes.begin());
    return sha256({bytes});
}

} // namespace

SymmetricState::SymmetricState() : hash_{hash_of_name()}, chaining_key_{hash_} {
    mix_hash({}); // the prologue, which is empty
}

void SymmetricState::mix_hash(std::span<const std::uint8_t> data) {
    hash_ = sha256({hash_, data});
}

void SymmetricState::mix_key(const Secret<32>& input_key_material) {
    auto [chaining_key, key] = hkdf(chaining_key_, input_key_material.expose());
    chaining_key_ = std::move(chaining_key);
    cipher_.emplace(std::move(key));
}

std::expected<void, NoiseError> SymmetricState::encrypt_and_hash(std::span<std::uint8_t> payload) {
    if (cipher_) {
        if (auto encrypted = cipher_->encrypt(hash_, payload); !encrypted) return encrypted;
    }
    mix_hash(payload);
    return {};
}

std::expected<std::span<std::uint8_t>, NoiseError> SymmetricState::decrypt_and_hash(std::span<std::uint8_t> payload) {
    if (!cipher_) {
        mix_hash(payload);
        return payload;
    }
    const Hash with_sealed = sha256({hash_, payload}); // decryption overwrites what goes into the hash
    auto text = cipher_->decrypt(hash_, payload);
    if (text) hash_ = with_sealed;
    return text;
}

CipherPair SymmetricState::split() const {
    auto [first, second] = hkdf(chaining_key_, {});
    return {.initiator_to_responder = CipherState{std::move(first)},
            .responder_to_initiator = CipherState{std::move(second)}};
}

} // namespace noise
