#include "storage/open.hpp"

#include "storage/log_store.hpp"
#include "storage/memory/memory_engine.hpp"
#include "storage/sqlite/sqlite_engine.hpp"

#include <algorithm>
#include <array>

namespace storage {

namespace {

// The only place that names the backends.
struct Backend {
    std::string_view name;
    Result<std::unique_ptr<Engine>> (*open)(const StoreConfig& config);
};
constexpr std::array known{
    Backend{
        .name = "memory",
        .open = [](const StoreConfig&) -> Result<std::unique_ptr<Engine>> { return std::make_unique<MemoryEngine>(); }},
    Backend{.name = "sqlite", .open = [](const StoreConfig& config) { return open_sqlite(config.database_path); }},
};

} // namespace

Result<std::unique_ptr<Store>> open(const StoreConfig& config) {
    const auto* const backend = std::ranges::find(known, config.backend, &Backend::name);
    if (backend == known.end()) {
        std::string detail{"no backend is named '"};
        detail.append(config.backend).append("'; there are:");
        for (const auto name : backends()) detail.append(" ").append(name);
        return std::unexpected(StorageError{.kind = StorageError::Kind::unusable, .detail = std::move(detail)});
    }
    auto engine = backend->open(config);
    if (!engine) return std::unexpected(std::move(engine).error());
    return LogStore::open(*std::move(engine), config.save_interval);
}

std::vector<std::string_view> backends() {
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const Backend& backend : known) names.push_back(backend.name);
    return names;
}

} // namespace storage
