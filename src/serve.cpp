#include "src/serve.hpp"

#include "noise/key_text.hpp"
#include "src/commit_queue.hpp"
#include "src/credentials_keeper.hpp"
#include "src/last_resort.hpp"
#include "src/retention_keeper.hpp"
#include "src/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace role {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds stop_limit{10};
constexpr std::chrono::seconds store_limit{5}; // after that, for a store that does not answer

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

std::unique_ptr<storage::Store> open_store(const Config& config, spdlog::logger& log) {
    storage::StoreConfig where = config.store;
    if (where.database_path.empty()) where.database_path = config.state_directory / "stratum_storage.db";
    auto store = storage::open(where);
    if (!store)
        throw std::runtime_error{fmt::format("the store: {}: {}", to_text(store.error().kind), store.error().detail)};
    const auto data_set = (*store)->data_set();
    if ((*store)->durability() == protocol::Durability::is_volatile)
        log.warn("backend {}: nothing is kept when the role ends; for that, set storage.backend", where.backend);
    log.info("backend {}, data set {:016x}, generation {}, {} records", where.backend, data_set.id, data_set.generation,
             (*store)->position());
    return *std::move(store);
}

void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(std::move(failure));
}

void close_store(storage::Store& store) {
    if (const auto closed = store.close(); !closed)
        throw std::runtime_error{fmt::format("closing the store: {}", closed.error().detail)};
}

} // namespace

void serve(const Config& config, const noise::Curve& curve, noise::SigningKey authority, const ClientTable& clients,
           const Logging& logging) {
    const auto log = logging.part("server");
    log->info("authority public key {}", noise::public_key_text(authority.public_key()));
    const auto store = open_store(config, *logging.part("store"));

    asio::io_context io{1};
    CommitQueue queue{*store, {}, logging.part("store")};
    Server server{io,
                  curve,
                  CredentialsKeeper{curve, std::move(authority), config.cert_validity},
                  clients,
                  *store,
                  queue,
                  ServerLimits{.connections = config.max_connections, .in_flight = config.max_in_flight},
                  log};

    std::optional<RetentionKeeper> retention;
    if (config.max_share_history) {
        RetentionKeeper::Settings settings{.history = *config.max_share_history};
        if (config.cleanup_interval) settings.interval = *config.cleanup_interval;
        log->info("what is older than {} days is removed every {} h", settings.history.count(),
                  settings.interval.count());
        retention.emplace(io, *store, queue, std::move(settings), logging.part("retention"));
    }

    asio::signal_set signals{io, SIGINT, SIGTERM}; // before the line that tells others that we are here
    asio::steady_timer stop_timer{io};
    signals.async_wait([&](const boost::system::error_code& cancelled, int signal) {
        if (cancelled) return;
        log->info("stopping on {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
        end_at_the_latest(stop_limit + store_limit, log);
        server.stop();
        if (retention) retention->stop();
        stop_timer.expires_after(stop_limit);
        stop_timer.async_wait([&](const boost::system::error_code& ended_in_time) {
            if (ended_in_time) return;
            log->warn("connections that did not end within {} s are cut", stop_limit.count());
            store->interrupt();
            io.stop();
        });
    });

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
    close_store(*store);
    log->info("stopped");
}

} // namespace role
