// The conformance suite over the backend that the examples show.
#include "examples/journal_engine.hpp"
#include "storage/log_store.hpp"
#include "tests/conformance/backend.hpp"

namespace conformance {

storage::Result<std::unique_ptr<storage::Store>> open_store(const std::filesystem::path& folder,
                                                            storage::Position save_interval) {
    auto engine = examples::open_journal(folder / "journal");
    if (!engine) return std::unexpected(engine.error());
    return storage::LogStore::open(*std::move(engine), save_interval);
}

} // namespace conformance
