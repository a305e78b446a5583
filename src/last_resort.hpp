// The end of a process that cannot end by itself.
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <memory>

namespace role {

// Ends the process with EXIT_FAILURE after `limit`, if it has not ended by then. A disk that hangs must not keep the
// role for ever: whatever was acknowledged is durable, and the rest is sent again.
void end_at_the_latest(std::chrono::milliseconds limit, std::shared_ptr<spdlog::logger> log);

} // namespace role
