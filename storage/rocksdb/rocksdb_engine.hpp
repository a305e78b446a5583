// The log in a directory of RocksDB.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/keyed/key_values.hpp"

#include <filesystem>
#include <memory>

namespace storage {

// Makes the directory if it is missing or empty, not its folder. Beside it is `.lock`, which stays. Entries are read
// without their fingerprints.
Result<std::unique_ptr<Engine>> open_rocksdb(const std::filesystem::path& folder);

// What lies under it.
Result<std::unique_ptr<keyed::KeyValues>> open_rocksdb_values(const std::filesystem::path& folder);

} // namespace storage
