// The questions whose answers come in pages.
#pragma once

#include "protocol/storage_requests.hpp"
#include "src/problem.hpp"
#include "storage/store.hpp"

namespace role {

Answer<protocol::GetRecordsSuccess> ask(const storage::Store& store, const protocol::GetRecords& request);
Answer<protocol::GetBlocksSuccess> ask(const storage::Store& store, const protocol::GetBlocks& request);
Answer<protocol::GetHoursSuccess> ask(const storage::Store& store, const protocol::GetHours& request);
Answer<protocol::ListChannelsSuccess> ask(const storage::Store& store, const protocol::ListChannels& request);
Answer<protocol::ListUsersSuccess> ask(const storage::Store& store, const protocol::ListUsers& request);
Answer<protocol::ListDriftSuccess> ask(const storage::Store& store, const protocol::ListDrift& request);
Answer<protocol::ListStreamsSuccess> ask(const storage::Store& store, const protocol::ListStreams& request);

} // namespace role
