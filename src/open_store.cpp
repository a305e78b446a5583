#include "src/open_store.hpp"

#include "src/database_url.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

namespace role {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::minutes reminder{1};

// Where the records are, for the operator; and where they go if nobody has said it.
std::string settle_place(storage::StoreConfig& store, const std::filesystem::path& state_directory) {
    if (store.backend == "memory") return "memory";
    if (store.backend == "postgres") return database_of(store.database_url).value_or("");
    if (store.database_path.empty())
        store.database_path =
            state_directory / fmt::format("stratum_storage.{}", store.backend == "sqlite" ? "db" : store.backend);
    return store.database_path.string();
}

std::string_view to_text(protocol::Durability durability) {
    switch (durability) {
    case protocol::Durability::is_volatile: return "volatile";
    case protocol::Durability::local: return "local";
    case protocol::Durability::replicated: return "replicated";
    }
    return "";
}

void log_backends(spdlog::logger& log) {
    std::string built;
    for (const storage::Backend& backend : storage::backends())
        if (backend.missing.empty()) built.append(built.empty() ? "" : ", ").append(backend.name);
    log.info("backends built: {}", built);
}

storage::Result<std::unique_ptr<storage::Store>> open_beside(asio::io_context& io, const storage::StoreConfig& config) {
    std::packaged_task<storage::Result<std::unique_ptr<storage::Store>>()> task{
        [&config] { return storage::open(config); }};
    auto opened = task.get_future();
    const auto work = asio::make_work_guard(io);
    const std::jthread opener{[&] {
        task();
        asio::post(io, [&io] { io.stop(); });
    }};
    io.run();
    io.restart();
    return opened.get();
}

} // namespace

bool WaitLog::is_due(std::string_view why, Clock::time_point now) {
    const auto told = told_.find(why);
    if (told == told_.end()) {
        told_.emplace(why, now);
        return true;
    }
    if (now - told->second < reminder) return false;
    told->second = now;
    return true;
}

std::unique_ptr<storage::Store> open_store(const Config& config, asio::io_context& io,
                                           const std::atomic<bool>& is_stopping, spdlog::logger& log) {
    log_backends(log);
    storage::StoreConfig where = config.store;
    const std::string place = settle_place(where, config.state_directory);
    WaitLog waits;
    where.goes_on_waiting = [&](std::string_view why) {
        if (waits.is_due(why, WaitLog::Clock::now())) log.warn("not open yet: {}", why);
        return !is_stopping;
    };
    auto store = open_beside(io, where);
    if (is_stopping) {
        if (store) (void)(*store)->close(); // nothing was written that could be lost
        return nullptr;
    }
    if (!store)
        throw std::runtime_error{fmt::format("the store: {}: {}", to_text(store.error().kind), store.error().detail)};
    const auto data_set = (*store)->data_set();
    if ((*store)->durability() == protocol::Durability::is_volatile)
        log.warn("backend {}: nothing is kept when the role ends; for that, set storage.backend", where.backend);
    log.info("backend {}, {}, {}, data set {:016x}, generation {}, {} records", where.backend, place,
             to_text((*store)->durability()), data_set.id, data_set.generation, (*store)->position());
    return *std::move(store);
}

} // namespace role
