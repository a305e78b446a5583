#pragma once

#include <expected>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace examples {

// For a program that cannot go on without: the value, or an exception with the error's text.
template <class T> T must(std::expected<T, std::string> result) {
    if (!result) throw std::runtime_error{result.error()};
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

} // namespace examples
