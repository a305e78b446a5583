// The backend that the environment names as STORE_BACKEND.
#include "storage/open.hpp"
#include "tests/conformance/backend.hpp"

#include <cstdlib>
#include <stdexcept>

namespace conformance {

storage::Result<std::unique_ptr<storage::Store>> open_store(const std::filesystem::path& folder,
                                                            storage::Position save_interval) {
    const char* const backend = std::getenv("STORE_BACKEND");
    if (backend == nullptr) throw std::runtime_error{"STORE_BACKEND names no backend"};
    auto store = storage::open({.backend = backend, .database_path = folder / "store", .save_interval = save_interval});
    if (store && (*store)->backend() != backend) throw std::runtime_error{"another backend was opened"};
    return store;
}

} // namespace conformance
