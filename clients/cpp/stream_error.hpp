// Why an encrypted stream cannot go on.
#pragma once

#include "noise/error.hpp"
#include "protocol/frame.hpp"

#include <boost/system/error_code.hpp>

#include <expected>
#include <string>
#include <variant>

namespace client {

// A frame refused from its header alone; none of its payload was read.
struct FrameTooLarge {
    protocol::FrameHeader header;
};

struct StreamError {
    std::variant<boost::system::error_code, noise::NoiseError, FrameTooLarge> cause;

    [[nodiscard]] std::string describe() const;
};

template <class T> using Result = std::expected<T, StreamError>;

} // namespace client
