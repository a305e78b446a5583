// Where a role listens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace client {

struct Address {
    std::string host; // a name or an address
    std::string port; // a number or a service name

    bool operator==(const Address&) const = default;
};

// `HOST:PORT,HOST:PORT`, in this order; an IPv6 address stands in brackets. Nothing if it is anything else.
std::optional<std::vector<Address>> parse_addresses(std::string_view text);

} // namespace client
