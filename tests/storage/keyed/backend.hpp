// What a suite over one key-value store brings along for keyed_test.cpp.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/keyed/key_values.hpp"

#include <filesystem>
#include <memory>
#include <string_view>

namespace keyed_tests {

extern const std::string_view name;
storage::Result<std::unique_ptr<storage::Engine>> open_engine(const std::filesystem::path& path);
storage::Result<std::unique_ptr<storage::keyed::KeyValues>> open_values(const std::filesystem::path& path);
// Has the closed store say that it is of this version of the schema, below 10.
void change_version(const std::filesystem::path& path, int version);

} // namespace keyed_tests
