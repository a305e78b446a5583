// The log in a file of LMDB.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/keyed/key_values.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>

namespace storage {

// Makes the file if it is missing, not its folder. Beside it are `.lock`, which stays, and LMDB's `-lock`. The file
// grows by itself, up to `most_bytes`. Entries are read without their fingerprints.
Result<std::unique_ptr<Engine>> open_lmdb(const std::filesystem::path& file,
                                          std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max());

// What lies under it.
Result<std::unique_ptr<keyed::KeyValues>> open_lmdb_values(const std::filesystem::path& file, std::uint64_t most_bytes);

} // namespace storage
