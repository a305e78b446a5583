#include "clients/cpp/address.hpp"

#include <ranges>

namespace client {

std::optional<std::vector<Address>> parse_addresses(std::string_view text) {
    std::vector<Address> addresses;
    for (const auto part : std::views::split(text, ',')) {
        const std::string_view address{part.begin(), part.end()};
        const auto colon = address.rfind(':');
        if (colon == std::string_view::npos) return std::nullopt;
        std::string_view host = address.substr(0, colon);
        const std::string_view port = address.substr(colon + 1);
        if (host.starts_with('[') && host.ends_with(']'))
            host = host.substr(1, host.size() - 2);
        else if (host.find(':') != std::string_view::npos)
            return std::nullopt; // IPv6 without brackets: where is the port?
        if (host.empty() || port.empty()) return std::nullopt;
        addresses.push_back({.host = std::string{host}, .port = std::string{port}});
    }
    if (addresses.empty()) return std::nullopt;
    return addresses;
}

} // namespace client
