#include "clients/cpp/randomness.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace client {

void fill_random(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t filled = getrandom(bytes.data(), bytes.size(), 0);
        if (filled >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(filled));
        } else if (errno != EINTR) {
            throw std::system_error{errno, std::generic_category(), "getrandom"};
        }
    }
}

std::array<std::uint8_t, 32> random_bytes() {
    std::array<std::uint8_t, 32> bytes;
    fill_random(bytes);
    return bytes;
}

noise::Secret<32> random_secret() {
    noise::Secret<32> secret;
    fill_random(secret.expose());
    return secret;
}

noise::Curve make_curve() {
    return noise::Curve::create(random_bytes());
}

noise::KeyPair make_key_pair(const noise::Curve& curve) {
    for (;;) // ends at once, but for 1 try in 2^128
        if (auto pair = noise::KeyPair::create(curve, random_secret(), random_bytes())) return *std::move(pair);
}

} // namespace client
