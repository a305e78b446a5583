// A bounds-checked cursor over received bytes. It keeps its first error and gives zeros from then on, so that a
// decoder reads all its fields in a row and asks once at the end.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace protocol {

class Reader {
  public:
    explicit Reader(ByteView bytes) : rest_{bytes} {}

    // The next `size` bytes, valid as long as the bytes the reader was made of; empty after an error.
    ByteView take(std::size_t size);
    // A little-endian integer of `width` <= 8 bytes.
    std::uint64_t take_integer(std::size_t width);

    void fail(DecodeError error);
    [[nodiscard]] std::optional<DecodeError> error() const { return error_; }

    // What no field has read yet; after the last field of a message its TLV fields (SV2 specification 3.4.3).
    [[nodiscard]] ByteView rest() const { return rest_; }

  private:
    ByteView rest_;
    std::optional<DecodeError> error_;
};

} // namespace protocol
