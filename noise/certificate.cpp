#include "noise/certificate.hpp"

#include "noise/hash.hpp"

#include <algorithm>
#include <concepts>

namespace noise {

namespace {

constexpr std::size_t signed_size = 10; // of the 74 bytes, those before the signature

// Peers' clocks differ. Not in the specification; the reference implementation allows as much.
constexpr std::chrono::seconds leeway{10};

template <std::unsigned_integral T> void put(std::span<std::uint8_t, sizeof(T)> out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <std::unsigned_integral T> T get(std::span<const std::uint8_t, sizeof(T)> in) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | (T{in[i]} << (8 * i)));
    return value;
}

// What BIP340 signs: a plain SHA-256; the tag of SV2 04-Protocol-Security 4.5.3 is the one inside BIP340.
Hash digest(const Certificate& certificate, const XOnlyKey& static_key) {
    const auto bytes = certificate.encode();
    return sha256({std::span{bytes}.first<signed_size>(), static_key.bytes});
}

} // namespace

std::expected<Certificate, NoiseError> Certificate::sign(const Curve& curve, const SigningKey& authority,
                                                         const XOnlyKey& static_key, std::uint32_t valid_from,
                                                         std::uint32_t not_valid_after,
                                                         std::span<const std::uint8_t, 32> aux_rand) {
    Certificate certificate{.valid_from = valid_from, .not_valid_after = not_valid_after};
    const auto signature = authority.sign(curve, digest(certificate, static_key), aux_rand);
    if (!signature) return std::unexpected(signature.error());
    certificate.signature = *signature;
    return certificate;
}

Certificate Certificate::decode(std::span<const std::uint8_t, size> bytes) {
    Certificate certificate{.version = get<std::uint16_t>(bytes.subspan<0, 2>()),
                            .valid_from = get<std::uint32_t>(bytes.subspan<2, 4>()),
                            .not_valid_after = get<std::uint32_t>(bytes.subspan<6, 4>())};
    std::ranges::copy(bytes.subspan<signed_size>(), certificate.signature.begin());
    return certificate;
}

std::array<std::uint8_t, Certificate::size> Certificate::encode() const {
    std::array<std::uint8_t, size> bytes{};
    const std::span out{bytes};
    put(out.subspan<0, 2>(), version);
    put(out.subspan<2, 4>(), valid_from);
    put(out.subspan<6, 4>(), not_valid_after);
    std::ranges::copy(signature, out.subspan<signed_size>().begin());
    return bytes;
}

bool Certificate::verify(const Curve& curve, const XOnlyKey& authority, const XOnlyKey& static_key,
                         std::chrono::sys_seconds now) const {
    // 64-bit seconds: the leeway cannot wrap at either end of 32 bits.
    const std::chrono::sys_seconds first = std::chrono::sys_seconds{std::chrono::seconds{valid_from}} - leeway;
    const std::chrono::sys_seconds last = std::chrono::sys_seconds{std::chrono::seconds{not_valid_after}} + leeway;
    return first <= now && now <= last && verify_signature(curve, authority, digest(*this, static_key), signature);
}

} // namespace noise
