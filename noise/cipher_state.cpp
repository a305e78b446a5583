#include "noise/cipher_state.hpp"

#include <array>

namespace noise {

namespace {

using Nonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_IETF_NPUBBYTES>;

// 32 zero bits, then the counter in little-endian (Noise 12.3).
Nonce encode(std::uint64_t counter) {
    Nonce nonce{};
    for (std::size_t i = 0; i < sizeof counter; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
    return nonce;
}

} // namespace

// A cipher that was moved away holds a key of zeros: without nonces it cannot be used by mistake.
CipherState::CipherState(CipherState&& other) noexcept
    : key_{std::move(other.key_)},
      nonce_{std::exchange(other.nonce_, reserved_nonce)},
      failure_{other.failure_} {}

CipherState& CipherState::operator=(CipherState&& other) noexcept {
    if (this != &other) {
        key_ = std::move(other.key_);
        nonce_ = std::exchange(other.nonce_, reserved_nonce);
        failure_ = other.failure_;
    }
    return *this;
}

std::expected<void, NoiseError> CipherState::encrypt(std::span<const std::uint8_t> associated,
                                                     std::span<std::uint8_t> sealed) {
    if (sealed.size() < tag_size) return std::unexpected(NoiseError::bad_length);
    if (nonce_ == reserved_nonce) return std::unexpected(NoiseError::nonce_exhausted);
    const auto text = sealed.first(sealed.size() - tag_size);
    const auto tag = sealed.last<tag_size>();
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(text.data(), tag.data(), nullptr, text.data(), text.size(),
                                                       associated.data(), associated.size(), nullptr,
                                                       encode(nonce_).data(), key_.expose().data());
    ++nonce_;
    return {};
}

std::expected<std::span<std::uint8_t>, NoiseError> CipherState::decrypt(std::span<const std::uint8_t> associated,
                                                                        std::span<std::uint8_t> sealed) {
    if (failure_) return std::unexpected(*failure_);
    if (sealed.size() < tag_size) return fail(NoiseError::bad_length);
    if (nonce_ == reserved_nonce) return fail(NoiseError::nonce_exhausted);
    const auto text = sealed.first(sealed.size() - tag_size);
    const auto tag = sealed.last<tag_size>();
    if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(text.data(), nullptr, text.data(), text.size(), tag.data(),
                                                           associated.data(), associated.size(), encode(nonce_).data(),
                                                           key_.expose().data()) != 0)
        return fail(NoiseError::bad_tag);
    ++nonce_;
    return text;
}

} // namespace noise
