// The mirror of Reader: appends encodings to a buffer and keeps its first error.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace protocol {

class Writer {
  public:
    // Appends to `out`, which must outlive the writer. After an error its content is of no use.
    explicit Writer(Bytes& out) : out_{out} {}

    void put(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void put_text(std::string_view text) { out_.insert(out_.end(), text.begin(), text.end()); }
    // A little-endian integer of `width` <= 8 bytes.
    void put_integer(std::uint64_t value, std::size_t width);

    void fail(EncodeError error);
    [[nodiscard]] std::optional<EncodeError> error() const { return error_; }

  private:
    Bytes& out_;
    std::optional<EncodeError> error_;
};

} // namespace protocol
