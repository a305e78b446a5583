// What a request gets: its answer, or an Error that leaves the session open. Runs on a reader thread.
#pragma once

#include "protocol/primitives.hpp"
#include "src/commit_queue.hpp"
#include "src/requests.hpp"
#include "storage/store.hpp"

#include <string_view>

namespace role {

// A plaintext frame. `state`: what health is told from besides the store itself.
protocol::Bytes answer(const storage::Store& store, const StoreState& state, const Request& request);

// The frame of an Error for this request.
protocol::Bytes refuse_request(const Request& request, std::string_view code, std::string_view detail);

} // namespace role
