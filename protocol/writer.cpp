#include "protocol/writer.hpp"

namespace protocol {

void Writer::put_integer(std::uint64_t value, std::size_t width) {
    for (; width > 0; --width) {
        out_.push_back(static_cast<std::uint8_t>(value));
        value >>= 8;
    }
}

void Writer::fail(EncodeError error) {
    if (!error_) error_ = error;
}

} // namespace protocol
