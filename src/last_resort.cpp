#include "src/last_resort.hpp"

#include <cstdlib>
#include <thread>
#include <utility>

namespace role {

void end_at_the_latest(std::chrono::milliseconds limit, std::shared_ptr<spdlog::logger> log) {
    std::thread{[limit, log = std::move(log)] {
        std::this_thread::sleep_for(limit);
        log->error("the store has not let go within {} s: ended without it",
                   std::chrono::duration<double>{limit}.count());
        log->flush();
        std::_Exit(EXIT_FAILURE);
    }}.detach();
}

} // namespace role
