// Stores by the name of their backend.
#pragma once

#include "storage/error.hpp"
#include "storage/store.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace storage {

struct StoreConfig {
    std::string backend;
    std::filesystem::path database_path; // of those that have files
    Position save_interval = 100'000;    // records between saves of what the log adds up to
};

// The store, made if there is none yet. An unknown backend is `unusable`.
Result<std::unique_ptr<Store>> open(const StoreConfig& config);

// The names open() knows.
std::vector<std::string_view> backends();

} // namespace storage
