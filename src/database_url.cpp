#include "src/database_url.hpp"

#include <algorithm>

namespace role {

std::optional<std::string> database_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return std::nullopt;
    const std::string_view name = url.substr(0, scheme);
    if (name != "postgresql" && name != "postgres") return std::nullopt;
    if (std::ranges::any_of(url, [](char c) { return c <= ' ' || c == 0x7f; })) return std::nullopt;

    const std::string_view rest = url.substr(scheme + 3);
    const auto at = rest.find('@');
    // As libpq reads it: what lies before the first @ is who, if no path begins before.
    const bool names_a_user = at != std::string_view::npos && at < rest.find('/');
    if (names_a_user && rest.substr(0, at).find('?') != std::string_view::npos) return std::nullopt;
    const std::string_view place = names_a_user ? rest.substr(at + 1) : rest;
    const std::string_view told = place.substr(0, place.find('?'));
    if (told.find('@') != std::string_view::npos) return std::nullopt;
    return std::string{told};
}

} // namespace role
