// A bounds-checked cursor over received bytes. It keeps its first error and gives zeros from then on, so that a
// decoder reads all its fields in a row and asks once at the end. All of it is inline: a share has 12 fields, each of a
// width that the compiler knows.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace protocol {

class Reader {
  public:
    explicit Reader(ByteView bytes) : rest_{bytes} {}

    // The next `size` bytes, valid as long as the bytes the reader was made of; empty after an error.
    ByteView take(std::size_t size) {
        if (error_) return {};
        if (size > rest_.size()) {
            fail(DecodeError::truncated);
            return {};
        }
        const ByteView taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    std::string_view take_text(std::size_t size) {
        const ByteView taken = take(size);
        const void* const text = taken.data();
        return {static_cast<const char*>(text), taken.size()};
    }
    // A little-endian integer of `width` <= 8 bytes.
    std::uint64_t take_integer(std::size_t width) {
        const ByteView bytes = take(width);
        if (bytes.empty()) return 0;
        const std::uint8_t* const first = bytes.data();
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{first[i]} << (8 * i);
        return value;
    }

    void fail(DecodeError error) {
        if (!error_) error_ = error;
    }
    [[nodiscard]] std::optional<DecodeError> error() const { return error_; }

    // What no field has read yet; after the last field of a message its TLV fields (SV2 specification 3.4.3).
    [[nodiscard]] ByteView rest() const { return rest_; }

  private:
    ByteView rest_;
    std::optional<DecodeError> error_;
};

} // namespace protocol
