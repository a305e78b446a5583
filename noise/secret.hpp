// Bytes that must not outlive their use: wiped by the destructor, by a move and by reassignment, so that no early
// return leaves a key in memory. Neither copyable nor printable; whoever reads them has to say expose().
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace noise {

template <std::size_t N> class Secret {
  public:
    Secret() = default;
    explicit Secret(std::span<const std::uint8_t, N> bytes) { std::ranges::copy(bytes, bytes_.begin()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept : bytes_{other.bytes_} { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            other.wipe();
        }
        return *this;
    }
    ~Secret() { wipe(); }

    [[nodiscard]] std::span<std::uint8_t, N> expose() { return bytes_; }
    [[nodiscard]] std::span<const std::uint8_t, N> expose() const { return bytes_; }

  private:
    void wipe() noexcept { sodium_memzero(bytes_.data(), N); }

    std::array<std::uint8_t, N> bytes_{};
};

} // namespace noise
