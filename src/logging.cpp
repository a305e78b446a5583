#include "src/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <array>
#include <string>
#include <utility>

namespace role {

namespace {

struct LevelName {
    spdlog::level::level_enum level;
    std::string_view word;   // in the configuration
    std::string_view column; // in a line, right-aligned
};
constexpr std::array level_names{
    LevelName{spdlog::level::trace, "trace", "TRACE"}, LevelName{spdlog::level::debug, "debug", "DEBUG"},
    LevelName{spdlog::level::info, "info", " INFO"},   LevelName{spdlog::level::warn, "warn", " WARN"},
    LevelName{spdlog::level::err, "error", "ERROR"},
};

class LevelColumn final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
        for (const auto& name : level_names)
            if (name.level == line.level) out.append(name.column.begin(), name.column.end());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelColumn>(); }
};

std::vector<spdlog::sink_ptr> make_sinks(const LogSettings& settings) {
    std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stdout_color_sink_mt>()};
    if (settings.file) sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file->string()));
    return sinks;
}

} // namespace

std::optional<spdlog::level::level_enum> parse_log_level(std::string_view text) {
    for (const auto& name : level_names)
        if (name.word == text) return name.level;
    return std::nullopt;
}

Logging::Logging(const LogSettings& settings) : Logging{make_sinks(settings), settings.level} {}

Logging::Logging(std::vector<spdlog::sink_ptr> sinks, spdlog::level::level_enum level)
    : sinks_{std::move(sinks)},
      level_{level} {
    for (const auto& sink : sinks_) {
        auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
        formatter->add_flag<LevelColumn>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %^%*%$ %n: %v");
        sink->set_formatter(std::move(formatter));
    }
}

std::shared_ptr<spdlog::logger> Logging::part(std::string_view part) const {
    auto logger = std::make_shared<spdlog::logger>("storage_sv2::" + std::string{part}, sinks_.begin(), sinks_.end());
    logger->set_level(level_);
    logger->flush_on(spdlog::level::trace); // a crash must not take the lines that explain it
    return logger;
}

} // namespace role
