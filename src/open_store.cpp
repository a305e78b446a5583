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

// What `call` returns or throws, while `io` runs.
template <class Call> auto beside(asio::io_context& io, Call call) {
    std::packaged_task<decltype(call())()> task{std::move(call)};
    auto answer = task.get_future();
    const auto work = asio::make_work_guard(io);
    const std::jthread opener{[&] {
        task();
        asio::post(io, [&io] { io.stop(); });
    }};
    io.run();
    io.restart();
    return answer.get();
}

// Throws std::runtime_error if the store has lost what it had when the watermark was written.
Watermark check_watermark(const storage::Store& store, const std::filesystem::path& state_directory,
                          const std::shared_ptr<spdlog::logger>& log) {
    const storage::Mark mark = store.mark();
    auto watermark = Watermark::open(state_directory, mark.data_set.id, log);
    if (!watermark) throw std::runtime_error{fmt::format("{}; move it away to start without", watermark.error())};
    const auto& found = watermark->found();
    if (!found) {
        std::string others;
        for (const auto& other : other_watermarks(*watermark))
            others.append(others.empty() ? "" : ", ").append(other.string());
        if (!others.empty())
            log->warn("data set {:016x} is new to this state directory, which knows others: {}; is this the right "
                      "database?",
                      mark.data_set.id, others);
        return *std::move(watermark);
    }
    const auto fit = store.compare(*found);
    const std::string file = watermark->file().string();
    if (!fit)
        throw std::runtime_error{
            fmt::format("the store, compared with {}: {}: {}", file, to_text(fit.error().kind), fit.error().detail)};
    if (*fit == storage::MarkFit::fits) return *std::move(watermark);
    const bool is_behind = *fit == storage::MarkFit::behind;
    throw std::runtime_error{
        fmt::format("the store {}: data set {:016x} is at generation {}, position {}, and {} knows it at generation "
                    "{}, position {}{}. Put back the database that was there, with all of its files; or, if the loss "
                    "is accepted, move {} away",
                    is_behind ? "has lost what was acknowledged" : "has another history", mark.data_set.id,
                    mark.data_set.generation, mark.position, file, found->data_set.generation, found->position,
                    is_behind ? "" : ", with other records up to there", file)};
}

} // namespace

std::string in_words(std::span<const storage::Backend> backends) {
    std::string built;
    std::string left_out;
    for (const auto& [name, missing] : backends)
        if (missing.empty())
            built.append(built.empty() ? "backends built: " : ", ").append(name);
        else
            left_out.append("; left out: ").append(name).append(" (").append(missing).append(")");
    return built.append(left_out);
}

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

OpenedStore open_store(const Config& config, asio::io_context& io, const std::atomic<bool>& is_stopping,
                       const std::shared_ptr<spdlog::logger>& log) {
    log->info("{}", in_words(storage::backends()));
    storage::StoreConfig where = config.store;
    where.place = settle_place(where, config.state_directory);
    WaitLog waits;
    where.goes_on_waiting = [&](std::string_view why) {
        if (waits.is_due(why, WaitLog::Clock::now())) log->warn("not open yet: {}", why);
        return !is_stopping;
    };
    auto store = beside(io, [&where] { return storage::open(where); });
    if (is_stopping) {
        if (store) (void)(*store)->close(); // nothing was written that could be lost
        return {};
    }
    if (!store)
        throw std::runtime_error{fmt::format("the store: {}: {}", to_text(store.error().kind), store.error().detail)};
    const auto data_set = (*store)->data_set();
    const bool is_volatile = (*store)->durability() == protocol::Durability::is_volatile;
    if (is_volatile)
        log->warn("backend {}: nothing is kept when the role ends; for that, set storage.backend", where.backend);
    log->info("backend {}, {}, {}, data set {:016x}, generation {}, {} records", where.backend, where.place,
              to_text((*store)->durability()), data_set.id, data_set.generation, (*store)->position());
    OpenedStore opened{.store = *std::move(store), .watermark = {}};
    if (is_volatile) return opened;
    opened.watermark.emplace(beside(io, [&] { return check_watermark(*opened.store, config.state_directory, log); }));
    opened.watermark->write(opened.store->mark());
    if (is_stopping) {
        (void)opened.store->close();
        return {};
    }
    return opened;
}

} // namespace role
