#include "protocol/reader.hpp"

namespace protocol {

ByteView Reader::take(std::size_t size) {
    if (error_) return {};
    if (size > rest_.size()) {
        fail(DecodeError::truncated);
        return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
}

std::uint64_t Reader::take_integer(std::size_t width) {
    std::uint64_t value = 0;
    unsigned shift = 0;
    for (const std::uint8_t byte : take(width)) {
        value |= std::uint64_t{byte} << shift;
        shift += 8;
    }
    return value;
}

void Reader::fail(DecodeError error) {
    if (!error_) error_ = error;
}

} // namespace protocol
