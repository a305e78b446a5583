// A TOML file as it stands, or where it is wrong.
#pragma once

#include <toml++/toml.h>

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

namespace role {

// The error names the file, with its line if it has one. `expected`: what kind of file that should be.
std::expected<toml::table, std::string> read_toml(const std::filesystem::path& file, std::string_view expected);

} // namespace role
