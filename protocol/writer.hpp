// The mirror of Reader, inline as it is: makes encodings one behind the other, and keeps its first error.
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
#include <utility>

namespace protocol {

class Writer {
  public:
    Writer() = default;
    // Goes on behind what is there.
    explicit Writer(Bytes begun) : room_{std::move(begun)}, used_{room_.size()} {}

    void put(ByteView bytes) { std::copy_n(bytes.data(), bytes.size(), next(bytes.size())); }
    void put_text(std::string_view text) {
        const void* const bytes = text.data();
        put({static_cast<const std::uint8_t*>(bytes), text.size()});
    }
    // A little-endian integer of `width` bytes.
    template <std::size_t width>
        requires(width <= sizeof(std::uint64_t))
    void put_integer(std::uint64_t value) {
        const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof value>>(little_endian(value));
        std::copy_n(bytes.begin(), width, next(width));
    }

    void fail(EncodeError error) {
        if (!error_) error_ = error;
    }
    // After an error, what is written is of no use.
    [[nodiscard]] std::optional<EncodeError> error() const { return error_; }

    // Valid until the next call of another member.
    [[nodiscard]] ByteView written() const { return ByteView{room_}.first(used_); }
    [[nodiscard]] Bytes take() && {
        room_.resize(used_);
        return std::move(room_);
    }
    // From the beginning again, in the same memory.
    void clear() {
        used_ = 0;
        error_.reset();
    }

  private:
    // Enough for most records: a buffer that grew with the fields would be copied for each few.
    static constexpr std::size_t first_size = 256;

    std::uint8_t* next(std::size_t size) {
        if (room_.size() - used_ < size) grow(size);
        std::uint8_t* const begin = room_.data() + used_;
        used_ += size;
        return begin;
    }
    [[gnu::noinline]] void grow(std::size_t size) {
        room_.resize(std::max({first_size, 2 * room_.size(), used_ + size}));
    }

    Bytes room_; // longer than what is written: a field costs a comparison then, not a call
    std::size_t used_ = 0;
    std::optional<EncodeError> error_;
};

} // namespace protocol
