// The backend under test: what the suite is linked with says which. built_in.cpp is that for the backends that the
// environment can name; who has one of their own writes this function for it.
#pragma once

#include "storage/error.hpp"
#include "storage/store.hpp"

#include <filesystem>
#include <memory>

namespace conformance {

// The store that is in the folder, made if there is none yet. A volatile one is new each time.
storage::Result<std::unique_ptr<storage::Store>> open_store(const std::filesystem::path& folder,
                                                            storage::Position save_interval);

} // namespace conformance
