#include "storage/open.hpp"

#include "storage/lmdb/lmdb_engine.hpp"
#include "storage/log_store.hpp"
#include "storage/memory/memory_engine.hpp"
#include "storage/missing.hpp"
#include "storage/postgres/postgres_engine.hpp"
#include "storage/rocksdb/rocksdb_engine.hpp"
#include "storage/sqlite/sqlite_engine.hpp"

#include <algorithm>
#include <array>

namespace storage {

namespace {

using EngineResult = Result<std::unique_ptr<Engine>>;
using Opener = EngineResult (*)(const StoreConfig& config);

// Generic lambdas only: those of engines that are missing are not compiled, and never called.
template <const std::string_view& missing> constexpr Opener unless_missing(auto open) {
    if constexpr (missing.empty()) return open;
    return nullptr;
}

// The only places that name the backends: what they are, and below in the same order how they are opened.
constexpr std::array known{
    Backend{.name = "memory", .missing = {}},
    Backend{.name = "sqlite", .missing = {}},
    Backend{.name = "rocksdb", .missing = missing::rocksdb},
    Backend{.name = "lmdb", .missing = missing::lmdb},
    Backend{.name = "postgres", .missing = missing::postgres},
};
constexpr std::array<Opener, known.size()> openers{
    [](const StoreConfig&) -> EngineResult { return std::make_unique<MemoryEngine>(); },
    [](const StoreConfig& config) { return open_sqlite(config.database_path); },
    unless_missing<missing::rocksdb>([](const auto& config) { return open_rocksdb(config.database_path); }),
    unless_missing<missing::lmdb>([](const auto& config) { return open_lmdb(config.database_path); }),
    unless_missing<missing::postgres>([](const auto& config) {
        return open_postgres(
            {.url = config.database_url, .patience = config.patience, .goes_on_waiting = config.goes_on_waiting});
    }),
};

std::unexpected<StorageError> unusable(std::string detail) {
    return std::unexpected(StorageError{.kind = StorageError::Kind::unusable, .detail = std::move(detail)});
}

} // namespace

Result<std::unique_ptr<Store>> open(const StoreConfig& config) {
    const auto* const backend = std::ranges::find(known, config.backend, &Backend::name);
    if (backend == known.end()) {
        std::string detail{"no backend is named '"};
        detail.append(config.backend).append("'; there are:");
        for (const Backend& other : known) detail.append(" ").append(other.name);
        return unusable(std::move(detail));
    }
    if (!backend->missing.empty()) {
        std::string detail{"this program was built without "};
        detail.append(backend->name).append(": ").append(backend->missing);
        return unusable(std::move(detail));
    }
    auto engine = openers[static_cast<std::size_t>(backend - known.begin())](config);
    if (!engine) return std::unexpected(std::move(engine).error());
    return LogStore::open(*std::move(engine), config.save_interval, config.place);
}

std::span<const Backend> backends() {
    return known;
}

} // namespace storage
