#include "clients/cpp/ending.hpp"

#include "protocol/error_codes.hpp"

#include <algorithm>
#include <array>

namespace client {

Ending disconnected(const StreamError& error) {
    return {.code = std::string{ending_codes::disconnected}, .detail = error.describe()};
}

Ending broken_promise(std::string_view detail) {
    return {.code = std::string{ending_codes::broken_promise}, .detail = std::string{detail}};
}

bool is_final(const Ending& ending) {
    constexpr std::array passing{ending_codes::disconnected, ending_codes::stream_renewed, protocol::error_codes::busy,
                                 protocol::error_codes::shutting_down, protocol::error_codes::storage_unavailable};
    return std::ranges::find(passing, ending.code) == passing.end();
}

} // namespace client
