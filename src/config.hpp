// What the operator can set, and where it comes from: file < environment (STORAGE__KEY, STORAGE__SECTION__KEY) <
// command line. A key that is unknown, of the wrong type or impossible is refused with its place and what was expected.
#pragma once

#include "noise/curve.hpp"
#include "noise/keys.hpp"
#include "noise/secret.hpp"
#include "src/logging.hpp"
#include "storage/open.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace role {

// An IPv4 or IPv6 address; port 0 picks a free one.
struct ListenAddress {
    std::string address;
    std::uint16_t port = 0;
    bool is_loopback = false;
};

struct Config {
    ListenAddress listen_address{.address = "127.0.0.1", .port = 34274, .is_loopback = true};
    std::optional<noise::XOnlyKey> authority_public_key;
    std::optional<noise::Secret<32>> authority_secret_key;
    std::optional<std::filesystem::path> authority_secret_key_file;
    std::chrono::seconds cert_validity{3600};
    std::size_t max_connections = 1024;
    std::size_t max_in_flight = std::size_t{128} * 1024 * 1024; // bytes
    std::optional<std::filesystem::path> clients_file;
    storage::StoreConfig store{.backend = "memory"};
    std::optional<std::chrono::hours> cleanup_interval; // 24 hours if only the next is set
    std::optional<std::chrono::days> max_share_history; // everything is kept without it
    LogSettings log;
    std::filesystem::path state_directory;
};

// Where it is, which key, what was expected. Never a secret.
using ConfigError = std::string;
using ConfigResult = std::expected<void, ConfigError>;

// Each layer goes over what the layers before it have set.
ConfigResult apply_file(Config& config, const noise::Curve& curve, const std::filesystem::path& file);
// `environment` as the third argument of main(): NAME=value, a null pointer at the end.
ConfigResult apply_environment(Config& config, const noise::Curve& curve, const char* const* environment);
// One setting by the name it has in the file; `origin` names the option in errors.
ConfigResult apply_option(Config& config, const noise::Curve& curve, std::string_view key, const std::string& value,
                          std::string_view origin);

// That this program has the backend; or how to get it.
ConfigResult check_built(const storage::Backend& backend);

// What is wrong with the configuration as a whole.
ConfigResult check(const Config& config);

} // namespace role
