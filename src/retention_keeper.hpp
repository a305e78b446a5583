// Carries out what Retention advises: looks at the clocks every minute, wishes the removal of the writer, and logs what
// came of it.
#pragma once

#include "src/commit_queue.hpp"
#include "src/retention.hpp"
#include "storage/store.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/logger.h>

#include <chrono>
#include <functional>
#include <memory>

namespace role {

class RetentionKeeper {
  public:
    struct Settings {
        std::chrono::hours interval{24};
        std::chrono::days history{0};
        std::function<Clocks()> clocks = read_clocks;
        std::chrono::milliseconds tick{std::chrono::minutes{1}};
    };

    // `store`, `queue` and `clock` must outlive it; `queue` writes to `store`.
    RetentionKeeper(boost::asio::io_context& io, const storage::Store& store, CommitQueue& queue, TrustedClock& clock,
                    Settings settings, std::shared_ptr<spdlog::logger> log);

    // Until stop(), which may be called once this has begun.
    boost::asio::awaitable<void> run();
    void stop();

  private:
    void act(const Retention::Advice& advice);
    void clean_up(storage::Milliseconds older_than);

    const storage::Store& store_;
    CommitQueue& queue_;
    Settings settings_;
    std::shared_ptr<spdlog::logger> log_;
    Retention retention_;
    boost::asio::steady_timer timer_;
    bool is_stopping_ = false;
};

} // namespace role
