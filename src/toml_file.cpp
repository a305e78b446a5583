#include "src/toml_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <ios>
#include <iterator>
#include <system_error>

namespace role {

std::expected<toml::table, std::string> read_toml(const std::filesystem::path& file, std::string_view expected) {
    std::error_code missing;
    std::ifstream in{file};
    if (std::filesystem::is_directory(file, missing) || !in.is_open()) // a folder opens, and reads as nothing
        return std::unexpected(fmt::format("{}: cannot be read; expected {}", file.string(), expected));
    try {
        const std::string content{std::istreambuf_iterator<char>{in}, {}};
        return toml::parse(content, file.string());
    } catch (const std::ios_base::failure& failure) {
        return std::unexpected(fmt::format("{}: cannot be read: {}", file.string(), failure.what()));
    } catch (const toml::parse_error& error) {
        return std::unexpected(fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
    }
}

} // namespace role
