// A bounds-checked cursor over received bytes. It keeps its first error and gives zeros from then on, so that a
// decoder reads all its fields in a row and asks once at the end. All of it is inline: a share has 12 fields, each of a
// width that the compiler knows.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"

#include <algorithm>
#include <array>
#include <bit>
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
    // A little-endian integer of `width` bytes.
    template <std::size_t width>
        requires(width > 0 && width <= sizeof(std::uint64_t))
    std::uint64_t take_integer() {
        const ByteView taken = take(width);
        if (taken.empty()) return 0;
        std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
        std::copy_n(taken.data(), width, bytes.begin());
        return little_endian(std::bit_cast<std::uint64_t>(bytes));
    }

    void fail(DecodeError error) {
        if (!error_) error_ = error;
        rest_ = {}; // so that nothing more is taken
    }
    [[nodiscard]] std::optional<DecodeError> error() const { return error_; }

    // What no field has read yet, nothing after an error; after the last field of a message its TLV fields (SV2
    // specification 3.4.3).
    [[nodiscard]] ByteView rest() const { return rest_; }

  private:
    ByteView rest_;
    std::optional<DecodeError> error_;
};

} // namespace protocol
