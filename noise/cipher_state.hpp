// Noise's CipherState (Noise 5.1) with ChaCha20-Poly1305: a key and the counter that makes each nonce unique.
// Encrypts in place: the last 16 bytes of what it calls `sealed` are the tag, the bytes before them the text.
#pragma once

#include "noise/error.hpp"
#include "noise/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

namespace noise {

inline constexpr std::size_t tag_size = 16;

class CipherState {
  public:
    explicit CipherState(Secret<32> key, std::uint64_t first_nonce = 0) : key_{std::move(key)}, nonce_{first_nonce} {}
    CipherState(const CipherState&) = delete;
    CipherState& operator=(const CipherState&) = delete;
    CipherState(CipherState&& other) noexcept;
    CipherState& operator=(CipherState&& other) noexcept;
    ~CipherState() = default;

    // Encrypts all but the last 16 bytes of `sealed` and writes the tag over these.
    [[nodiscard]] std::expected<void, NoiseError> encrypt(std::span<const std::uint8_t> associated,
                                                          std::span<std::uint8_t> sealed);

    // Returns the front of `sealed` that is the text. A failure is final: every later call fails with the same error.
    [[nodiscard]] std::expected<std::span<std::uint8_t>, NoiseError> decrypt(std::span<const std::uint8_t> associated,
                                                                             std::span<std::uint8_t> sealed);

    // Ends decryption with `error`, for a caller that noticed by other means that the peer went wrong.
    std::unexpected<NoiseError> fail(NoiseError error) {
        if (!failure_) failure_ = error; // the first one stays
        return std::unexpected(*failure_);
    }

    // How many more calls will find a nonce.
    [[nodiscard]] std::uint64_t remaining() const { return reserved_nonce - nonce_; }

    [[nodiscard]] const Secret<32>& key() const { return key_; }

  private:
    static constexpr std::uint64_t reserved_nonce = UINT64_MAX;

    Secret<32> key_;
    std::uint64_t nonce_;
    std::optional<NoiseError> failure_;
};

} // namespace noise
