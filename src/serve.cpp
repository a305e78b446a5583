#include "src/serve.hpp"

#include "noise/key_text.hpp"
#include "src/commit_queue.hpp"
#include "src/credentials_keeper.hpp"
#include "src/last_resort.hpp"
#include "src/open_store.hpp"
#include "src/retention_keeper.hpp"
#include "src/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace role {

namespace asio = boost::asio;

namespace {

// Both from the signal.
constexpr std::chrono::seconds connections_limit{8};
constexpr std::chrono::seconds stop_limit{10}; // the rest is for a store that does not answer

// Each connection takes a file descriptor, and the usual soft limit is lower than what the kernel would grant.
void allow_descriptors(std::size_t connections, spdlog::logger& log) {
    constexpr rlim_t reserve = 64; // log, key and store files, the listening socket
    const rlim_t needed = connections + reserve;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
    limit.rlim_cur = std::min(needed, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < needed)
        log.warn(
            "max_connections = {} needs {} file descriptors, and the limit is {}: raise it (ulimit -n, LimitNOFILE), "
            "or peers will wait unanswered",
            connections, needed, limit.rlim_cur);
}

// So that strangers who ask for many take no time from whoever stores. Linux keeps this number for each thread.
void put_behind_others(asio::thread_pool& pool) {
    constexpr int niceness = 10;
    asio::post(pool, [] { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness); });
}

void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(std::move(failure));
}

// What belongs to another role by now is only let go.
void close_store(storage::Store& store, bool is_superseded) {
    if (const auto closed = store.close(); !closed && !is_superseded)
        throw std::runtime_error{fmt::format("closing the store: {}", closed.error().detail)};
}

} // namespace

void serve(const Config& config, const noise::Curve& curve, noise::SigningKey authority, const ClientTable& clients,
           const Logging& logging) {
    const auto log = logging.part("server");
    log->info("authority public key {}", noise::public_key_text(authority.public_key()));
    asio::io_context io{1};
    asio::thread_pool handshakes{1}; // ends before `io`, to which what was computed goes back
    put_behind_others(handshakes);
    // From here on a signal ends the role in order, also while it waits for its store.
    asio::signal_set signals{io, SIGINT, SIGTERM};
    std::atomic<bool> is_stopping{false};
    std::function<void()> stop = [] {};
    signals.async_wait([&](const boost::system::error_code& cancelled, int signal) {
        if (cancelled) return;
        log->info("stopping on {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
        end_at_the_latest(stop_limit, log);
        is_stopping = true;
        stop();
    });
    auto [store, watermark] = open_store(config, io, is_stopping, logging.part("store"));
    if (!store) {
        log->info("stopped");
        return;
    }

    std::optional<std::string> superseded; // by whom, as far as the store knows
    const auto on_superseded = [&](const storage::StorageError& error) {
        asio::post(io, [&, detail = error.detail] {
            if (superseded) return;
            superseded = detail;
            log->error("another role has taken over the store: {}; this one ends", detail);
            end_at_the_latest(stop_limit, log);
            stop();
        });
    };
    const auto on_committed = [&watermark](const storage::Mark& mark) {
        if (watermark) watermark->write(mark);
    };
    CommitQueue queue{*store, {}, logging.part("store"), on_superseded, on_committed};
    TrustedClock clock{read_clocks()};
    CredentialsKeeper credentials{curve, std::move(authority), config.cert_validity};
    const ServerLimits limits{.connections = config.max_connections, .in_flight = config.max_in_flight};
    Server server{io, handshakes.get_executor(), curve, std::move(credentials), clients, *store, queue, clock, limits,
                  log};

    std::optional<RetentionKeeper> retention;
    if (config.max_share_history) {
        RetentionKeeper::Settings settings{.history = *config.max_share_history};
        if (config.cleanup_interval) settings.interval = *config.cleanup_interval;
        log->info("what is older than {} days is removed every {} h", settings.history.count(),
                  settings.interval.count());
        retention.emplace(io, *store, queue, clock, std::move(settings), logging.part("retention"));
    }

    asio::steady_timer stop_timer{io};
    stop = [&] {
        server.stop();
        if (retention) retention->stop();
        stop_timer.expires_after(connections_limit);
        stop_timer.async_wait([&](const boost::system::error_code& ended_in_time) {
            if (ended_in_time) return;
            log->warn("connections that did not end within {} s are cut", connections_limit.count());
            store->interrupt();
            io.stop();
        });
    };

    allow_descriptors(config.max_connections, *log);
    const auto address =
        server.listen({asio::ip::make_address(config.listen_address.address), config.listen_address.port});
    log->info("listening on {}", to_text(address));
    asio::co_spawn(io, server.run(), [&](std::exception_ptr failure) {
        rethrow(std::move(failure));
        stop_timer.cancel();
        signals.cancel();
    });
    if (retention) asio::co_spawn(io, retention->run(), rethrow);
    io.run();
    queue.stop();
    server.finish();
    on_committed(store->mark());
    close_store(*store, superseded.has_value());
    if (superseded) throw std::runtime_error{"ended because another role has taken over; started again, it stands by"};
    log->info("stopped");
}

} // namespace role
