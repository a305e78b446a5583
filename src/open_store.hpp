// Opens the role's store while the role can already be stopped: a database server may be missing, and another role may
// be active for as long as it likes.
#pragma once

#include "src/config.hpp"
#include "src/watermark.hpp"
#include "storage/open.hpp"
#include "storage/store.hpp"

#include <boost/asio/io_context.hpp>
#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace role {

// Which of them this program has, and how to get the others.
std::string in_words(std::span<const storage::Backend> backends);

// Which reasons for waiting are worth a line in the log: each when it is new, and once a minute.
class WaitLog {
  public:
    using Clock = std::chrono::steady_clock;

    bool is_due(std::string_view why, Clock::time_point now);

  private:
    std::map<std::string, Clock::time_point, std::less<>> told_; // when last
};

struct OpenedStore {
    std::unique_ptr<storage::Store> store;
    std::optional<Watermark> watermark; // none of a volatile store: nothing of it can be lost
};

// Runs `io` meanwhile, so that a handler of its signals can set `is_stopping`; then it gives up waiting, and returns no
// store. Throws std::runtime_error if the store cannot be opened, or is not what its watermark says that it was.
OpenedStore open_store(const Config& config, boost::asio::io_context& io, const std::atomic<bool>& is_stopping,
                       const std::shared_ptr<spdlog::logger>& log);

} // namespace role
