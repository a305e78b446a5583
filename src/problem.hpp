// Why a request gets an Error instead of its answer, and the checks that many requests share.
#pragma once

#include "protocol/error_codes.hpp"
#include "storage/error.hpp"

#include <fmt/format.h>

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace role {

struct Problem {
    std::string_view code; // one of protocol::error_codes
    std::string detail;
};
template <class T> using Answer = std::expected<T, Problem>;

inline std::unexpected<Problem> invalid_request(std::string detail) {
    return std::unexpected(Problem{protocol::error_codes::invalid_request, std::move(detail)});
}

inline std::unexpected<Problem> invalid_cursor(std::string detail) {
    detail.append(": begin with the first page");
    return std::unexpected(Problem{protocol::error_codes::invalid_cursor, std::move(detail)});
}

inline std::unexpected<Problem> failed(const storage::StorageError& error) {
    return std::unexpected(Problem{protocol::error_codes::storage_unavailable,
                                   fmt::format("{}: {}", storage::to_text(error.kind), error.detail)});
}

Answer<void> check_range(const auto& request) {
    if (request.start && request.end && *request.start > *request.end) return invalid_request("start lies after end");
    return {};
}

Answer<void> check_channel(const auto& request) {
    if (request.channel_id.text.empty()) return invalid_request("channel_id is empty");
    return {};
}

} // namespace role
