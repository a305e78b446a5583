// The bytes of a part of an answer.
#pragma once

#include "protocol/codec.hpp"

namespace role {

// For values that the store has made, which always fit their fields.
template <class T> protocol::Bytes encoded(const T& value) {
    return protocol::encode(value).value();
}

} // namespace role
