// Stores by the name of their backend.
#pragma once

#include "storage/error.hpp"
#include "storage/store.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace storage {

struct StoreConfig {
    std::string backend;
    // NOLINTBEGIN(readability-redundant-member-init): or g++ asks for them wherever a config is written.
    std::filesystem::path database_path{}; // of those that have files
    std::string database_url{};            // of those that have a server; may hold a password
    std::string place{};                   // what to call it when it is damaged; empty: nothing
    // NOLINTEND(readability-redundant-member-init)
    Position save_interval = 100'000;  // records between saves of what the log adds up to
    std::chrono::seconds patience{30}; // with a server that is missing
    // Called at least each second while opening waits, for a server or for the role that has the store, with what it
    // waits for. It gives up, with `unavailable`, when this says no.
    std::function<bool(std::string_view why)> goes_on_waiting = [](std::string_view) { return true; };
};

// The store, made if there is none yet. A backend that is unknown or not built is `unusable`.
Result<std::unique_ptr<Store>> open(const StoreConfig& config);

struct Backend {
    std::string_view name;
    std::string_view missing; // how to get it, if this program was built without it; else empty
};

// All that open() knows.
std::span<const Backend> backends();

} // namespace storage
