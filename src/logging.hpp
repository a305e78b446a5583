// Log lines as SRI's roles write them (the Rust `tracing` default), so that one reader understands all roles:
//   2026-05-05T14:27:24.755141Z  INFO storage_sv2::server: listening on 127.0.0.1:34274
#pragma once

#include <spdlog/common.h>
#include <spdlog/logger.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace role {

struct LogSettings {
    spdlog::level::level_enum level = spdlog::level::info;
    std::optional<std::filesystem::path> file; // beside standard output; its folder is made if missing
};

// trace, debug, info, warn or error.
std::optional<spdlog::level::level_enum> parse_log_level(std::string_view text);

class Logging {
  public:
    // Standard output, in colour where that is a terminal, and the file. Throws spdlog::spdlog_ex if the file cannot be
    // opened.
    explicit Logging(const LogSettings& settings);
    // Into the given sinks.
    Logging(std::vector<spdlog::sink_ptr> sinks, spdlog::level::level_enum level);

    // A logger for one part of the role; `part` stands in its lines as storage_sv2::part.
    [[nodiscard]] std::shared_ptr<spdlog::logger> part(std::string_view part) const;

  private:
    std::vector<spdlog::sink_ptr> sinks_;
    spdlog::level::level_enum level_;
};

} // namespace role
