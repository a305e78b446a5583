// The questions of the storage extension.
#pragma once

#include "protocol/storage_requests.hpp"

#include <variant>

namespace role {

using Request =
    std::variant<protocol::GetShares, protocol::IsShareSeen, protocol::GetAccounting, protocol::GetChannelStats,
                 protocol::ListChannels, protocol::GetTotals, protocol::ListStreams, protocol::GetHealth>;

} // namespace role
