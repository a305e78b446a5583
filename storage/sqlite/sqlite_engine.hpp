// The log in a file of SQLite, readable with the sqlite3 shell while the role runs.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"

#include <filesystem>
#include <memory>

namespace storage {

// Makes the file if it is missing, not its folder. Beside it are `.lock`, which stays, and while it is open SQLite's
// `-wal` and `-shm`. Entries are read without their fingerprints.
Result<std::unique_ptr<Engine>> open_sqlite(const std::filesystem::path& file);

} // namespace storage
