#include "src/retention_keeper.hpp"

#include "clients/cpp/as_values.hpp"

#include <fmt/chrono.h>

#include <cstdint>
#include <string>
#include <utility>

namespace role {

namespace asio = boost::asio;

namespace {

std::string to_text(storage::Milliseconds time) {
    const std::chrono::sys_seconds seconds{std::chrono::seconds{time / 1000}};
    return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

} // namespace

RetentionKeeper::RetentionKeeper(asio::io_context& io, const storage::Store& store, CommitQueue& queue,
                                 TrustedClock& clock, Settings settings, std::shared_ptr<spdlog::logger> log)
    : store_{store},
      queue_{queue},
      settings_{std::move(settings)},
      log_{std::move(log)},
      retention_{settings_.interval, settings_.history, settings_.clocks(), clock},
      timer_{io} {}

asio::awaitable<void> RetentionKeeper::run() {
    while (!is_stopping_) {
        timer_.expires_after(settings_.tick);
        co_await timer_.async_wait(client::as_values);
        if (!is_stopping_) act(retention_.tick(settings_.clocks(), store_.health().last_commit));
    }
}

void RetentionKeeper::stop() {
    is_stopping_ = true;
    timer_.cancel();
}

void RetentionKeeper::act(const Retention::Advice& advice) {
    if (advice.warning) {
        switch (*advice.warning) {
        case Retention::Warning::clocks_parted:
            log_->warn(
                "the wall clock has jumped: nothing is removed by age until it is set right; if it is right now, "
                "restart the role");
            break;
        case Retention::Warning::wall_is_behind:
            log_->warn(
                "the wall clock stands before the last commit: nothing is removed by age until it has passed it");
            break;
        }
    }
    if (advice.older_than) clean_up(*advice.older_than);
}

void RetentionKeeper::clean_up(storage::Milliseconds older_than) {
    // Called on the writer thread, perhaps when we are gone.
    queue_.clean_up(older_than, [log = log_, older_than](const storage::Result<std::uint64_t>& removed) {
        if (removed)
            log->info("removed {} shares that had come before {}", *removed, to_text(older_than));
        else
            log->warn("what had come before {} is not removed, or not all of it: {}: {}", to_text(older_than),
                      storage::to_text(removed.error().kind), removed.error().detail);
    });
}

} // namespace role
