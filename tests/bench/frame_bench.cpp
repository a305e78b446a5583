// What one frame of 64 payload bytes costs: a message encoded and encrypted, decrypted and decoded. Prints the median
// of many batches in nanoseconds. No test: scripts/bench runs it beside SRI's codec.

#include "noise/opener.hpp"
#include "noise/sealer.hpp"
#include "protocol/catalogue.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

// 4 + 1 + 18 + 1 + 40 bytes.
const protocol::Error message{.request_id = 1, .code = {"unexpected-message"}, .detail = {std::string(40, 'x')}};

bool send_and_receive(noise::Sealer& sealer, noise::Opener& opener) {
    auto wire = protocol::encode_frame(message).value();
    sealer.seal(wire).value();
    const std::span<std::uint8_t> bytes{wire};
    const auto header =
        protocol::decode_header(opener.open_header(bytes.first<noise::encrypted_header_size>()).value());
    const auto payload = opener.open_payload(bytes.subspan(noise::encrypted_header_size)).value();
    return header.payload_size == 64 && protocol::decode_any(header, payload).has_value();
}

} // namespace

int main() {
    constexpr int batches = 41;
    constexpr int frames = 20'000;
    const std::array<std::uint8_t, 32> key{1, 2, 3};
    noise::Sealer sealer{noise::CipherState{noise::Secret<32>{key}}};
    noise::Opener opener{noise::CipherState{noise::Secret<32>{key}}};

    std::vector<double> nanoseconds;
    for (int batch = 0; batch < batches; ++batch) {
        const auto start = std::chrono::steady_clock::now();
        for (int frame = 0; frame < frames; ++frame)
            if (!send_and_receive(sealer, opener)) return EXIT_FAILURE;
        const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
        nanoseconds.push_back(taken.count() / frames);
    }
    std::ranges::nth_element(nanoseconds, nanoseconds.begin() + batches / 2);
    std::cout << "storage_sv2_frame_64_ns=" << static_cast<int>(nanoseconds[batches / 2]) << '\n';
    return EXIT_SUCCESS;
}
