// The file of a store: found, held against other roles, known to be one of ours.
#pragma once

#include "storage/error.hpp"
#include "storage/place.hpp"

#include <filesystem>

namespace storage::sqlite {

// The store's file, made if it is missing or empty, in a folder that exists. What is no store of ours is not touched.
Result<Place> claim(const std::filesystem::path& file);

} // namespace storage::sqlite
