// A whole backend: a journal file of all that was ever written, over the memory engine, which answers whatever is
// asked. docs/adding-a-backend.md takes it apart.
#pragma once

#include "storage/engine.hpp"

#include <filesystem>
#include <memory>

namespace examples {

// Makes the file if it is missing. One process has it at a time. The file only grows, also when old records are taken
// out, and everything in it is in memory, too: a backend for production has more to do.
storage::Result<std::unique_ptr<storage::Engine>> open_journal(const std::filesystem::path& file);

} // namespace examples
