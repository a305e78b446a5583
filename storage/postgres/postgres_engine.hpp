// The log in a schema of a PostgreSQL database, readable with psql while the role runs.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/fault.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace storage {

struct PostgresOptions {
    std::string url{};                 // NOLINT(readability-redundant-member-init): or g++ asks for it.
    std::chrono::seconds patience{30}; // with a server that is missing
    std::function<bool(std::string_view why)> goes_on_waiting = [](std::string_view) { return true; };
    // Asked around each exchange with the server, by name: connect, execute, copy, commit, ask. A fault is a connection
    // that is lost, before the server has heard of it or after it has carried it out.
    FaultHook faults = [](std::string_view, Moment) { return std::nullopt; };
};

// Makes what is missing in the schema that the url's search_path names, or else in storage_sv2. Waits for the server,
// and for another role that is active on the store. Entries are read without their fingerprints.
Result<std::unique_ptr<Engine>> open_postgres(const PostgresOptions& options);

} // namespace storage
