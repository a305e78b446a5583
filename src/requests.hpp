// The questions of the storage extension: those that a reader answers. CleanupOldShares is the writer's.
#pragma once

#include "protocol/storage_requests.hpp"

#include <variant>

namespace role {

using Request =
    std::variant<protocol::GetRecords, protocol::IsShareSeen, protocol::GetAccounting, protocol::GetChannelStats,
                 protocol::ListChannels, protocol::GetTotals, protocol::ListStreams, protocol::GetHealth,
                 protocol::GetBlocks, protocol::ListUsers, protocol::GetHours, protocol::ListDrift>;

} // namespace role
