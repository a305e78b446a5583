#include "protocol/writer.hpp"

#include <array>

namespace protocol {

namespace {

// Enough for most records, which begin with an integer: a buffer that grew with the fields would be copied for each
// few.
constexpr std::size_t first_capacity = 256;

} // namespace

void Writer::put_integer(std::uint64_t value, std::size_t width) {
    if (out_.capacity() == 0) out_.reserve(first_capacity);
    std::array<std::uint8_t, sizeof value> bytes{};
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(value);
        value >>= 8;
    }
    put({bytes.data(), width});
}

void Writer::fail(EncodeError error) {
    if (!error_) error_ = error;
}

} // namespace protocol
