// The mirror of Reader, inline as it is: appends encodings to a buffer and keeps its first error.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace protocol {

class Writer {
  public:
    // Appends to `out`, which must outlive the writer. After an error its content is of no use.
    explicit Writer(Bytes& out) : out_{out} {
        if (out_.capacity() == 0) out_.reserve(first_capacity);
    }

    void put(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void put_text(std::string_view text) {
        const void* const bytes = text.data();
        put({static_cast<const std::uint8_t*>(bytes), text.size()});
    }
    // A little-endian integer of `width` <= 8 bytes.
    void put_integer(std::uint64_t value, std::size_t width) {
        std::array<std::uint8_t, sizeof value> bytes{};
        for (std::size_t i = 0; i < width; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
        put({bytes.data(), width});
    }

    void fail(EncodeError error) {
        if (!error_) error_ = error;
    }
    [[nodiscard]] std::optional<EncodeError> error() const { return error_; }

  private:
    // Enough for most records: a buffer that grew with the fields would be copied for each few.
    static constexpr std::size_t first_capacity = 256;

    Bytes& out_;
    std::optional<EncodeError> error_;
};

} // namespace protocol
