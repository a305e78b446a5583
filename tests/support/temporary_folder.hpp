// A folder of its own for one test, removed with all it holds.
#pragma once

#include "examples/fresh_folder.hpp"

#include <filesystem>

namespace support {

class TemporaryFolder : public examples::FreshFolder {
  public:
    explicit TemporaryFolder(const std::filesystem::path& in = std::filesystem::temp_directory_path())
        : FreshFolder{in, "storage-sv2-test"} {}
};

} // namespace support
