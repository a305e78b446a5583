// The backend that the environment names as STORE_BACKEND.
#include "storage/open.hpp"
#include "tests/conformance/backend.hpp"

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

namespace conformance {

namespace {

// A schema of its own for each folder; nothing where there is no server.
std::string schema_in_database(const std::filesystem::path& folder) {
    const char* const url = std::getenv("DATABASE_URL");
    if (url == nullptr) return {};
    std::string text = url;
    text += text.find('?') == std::string::npos ? '?' : '&';
    return text.append("options=-csearch_path%3Ds").append(std::to_string(std::hash<std::string>{}(folder.native())));
}

} // namespace

storage::Result<std::unique_ptr<storage::Store>> open_store(const std::filesystem::path& folder,
                                                            storage::Position save_interval) {
    const char* const backend = std::getenv("STORE_BACKEND");
    if (backend == nullptr) throw std::runtime_error{"STORE_BACKEND names no backend"};
    auto store = storage::open({.backend = backend,
                                .database_path = folder / "store",
                                .database_url = schema_in_database(folder),
                                .save_interval = save_interval});
    if (store && (*store)->backend() != backend) throw std::runtime_error{"another backend was opened"};
    return store;
}

} // namespace conformance
