// What a request gets: its answer, or an Error that leaves the session open. Runs on a reader thread.
#pragma once

#include "protocol/primitives.hpp"
#include "src/commit_queue.hpp"
#include "src/requests.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <string_view>

namespace role {

// A plaintext frame. `state`: what health is told from besides the store itself.
protocol::Bytes answer(const storage::Store& store, const StoreState& state, const Request& request);

// The frame that tells what became of CleanupOldShares.
protocol::Bytes answer_cleanup(std::uint32_t request_id, const storage::Result<std::uint64_t>& removed_shares);

// The frame of an Error for the request of this number.
protocol::Bytes refuse_request(std::uint32_t request_id, std::string_view code, std::string_view detail);

} // namespace role
