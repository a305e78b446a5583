#include "src/config.hpp"

#include "noise/key_text.hpp"
#include "src/database_url.hpp"
#include "src/retention.hpp"
#include "src/toml_file.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <sstream>
#include <utility>
#include <variant>

namespace role {

namespace {

using Value = std::variant<std::string, std::int64_t>;
enum class Type : std::uint8_t { text, integer }; // in the order of Value's alternatives

// One line of the configuration file. `set` returns false if the value is impossible.
struct Setting {
    std::string_view section; // empty: a flat key, as SRI's roles have them
    std::string_view key;
    Type type;
    std::string_view expected;
    bool is_secret; // a value that is refused is not shown: it may be a secret, even one in the wrong place
    bool (*set)(Config&, const noise::Curve&, const Value&);

    [[nodiscard]] std::string name() const {
        return section.empty() ? std::string{key} : fmt::format("{}.{}", section, key);
    }
};

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return std::nullopt; // IPv6 without brackets: where is the port?
    const std::string_view port = text.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (wrong != std::errc{} || end != port.data() + port.size()) return std::nullopt;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string{host}, error);
    if (error) return std::nullopt;
    return ListenAddress{.address = address.to_string(), .port = number, .is_loopback = address.is_loopback()};
}

const std::string& text(const Value& value) {
    return std::get<std::string>(value);
}

// Sets `target` if there is something to set it to.
bool assign(auto& target, auto&& parsed) {
    if (!parsed) return false;
    target = *std::forward<decltype(parsed)>(parsed);
    return true;
}

template <class Integer>
std::optional<Integer> in_range(const Value& value, std::int64_t lowest, std::int64_t highest) {
    const std::int64_t number = std::get<std::int64_t>(value);
    if (number < lowest || number > highest) return std::nullopt;
    return Integer(number);
}

std::optional<std::filesystem::path> non_empty_path(const Value& value) {
    if (text(value).empty()) return std::nullopt;
    return std::filesystem::path{text(value)};
}

std::optional<std::string> valid_database_url(const std::string& url) {
    if (!database_of(url)) return std::nullopt;
    return url;
}

std::optional<std::string> known_backend(const Value& value) {
    if (!std::ranges::any_of(storage::backends(),
                             [&](const storage::Backend& known) { return known.name == text(value); }))
        return std::nullopt;
    return text(value);
}

constexpr std::int64_t max_cert_validity = std::numeric_limits<std::uint32_t>::max(); // a certificate's times are U32

constexpr std::int64_t least_history = std::chrono::ceil<std::chrono::days>(duplicate_window).count();

constexpr std::array settings{
    Setting{"", "listen_address", Type::text, "an address and port such as \"127.0.0.1:34274\" or \"[::1]:34274\"",
            false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.listen_address, parse_listen_address(text(value)));
            }},
    Setting{"", "authority_public_key", Type::text, "a public key in base58check, as keygen prints it", true,
            [](Config& config, const noise::Curve& curve, const Value& value) {
                return assign(config.authority_public_key, noise::parse_public_key(curve, text(value)));
            }},
    Setting{"", "authority_secret_key", Type::text, "a secret key in base58check, as keygen writes it", true,
            [](Config& config, const noise::Curve& curve, const Value& value) {
                return assign(config.authority_secret_key, noise::parse_secret_key(curve, text(value)));
            }},
    Setting{"", "authority_secret_key_file", Type::text, "the path of a file that keygen wrote", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.authority_secret_key_file, non_empty_path(value));
            }},
    Setting{"", "cert_validity_sec", Type::integer, "a number of seconds from 1 to 4294967295", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.cert_validity, in_range<std::chrono::seconds>(value, 1, max_cert_validity));
            }},
    Setting{"", "max_connections", Type::integer, "a number from 1 to 1000000", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.max_connections, in_range<std::size_t>(value, 1, 1'000'000));
            }},
    Setting{"", "max_in_flight_bytes", Type::integer, "a number of bytes from 1048576 to 1099511627776", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.max_in_flight, in_range<std::size_t>(value, 1 << 20, std::int64_t{1} << 40));
            }},
    Setting{"", "clients_file", Type::text, "the path of a file of [[client]] entries", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.clients_file, non_empty_path(value));
            }},
    Setting{"storage", "backend", Type::text, "memory, sqlite, rocksdb, lmdb or postgres", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.store.backend, known_backend(value));
            }},
    Setting{"storage", "database_path", Type::text, "the path of a file or folder", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.store.database_path, non_empty_path(value));
            }},
    Setting{"storage", "database_url", Type::text,
            "a URL such as \"postgresql://user:password@host:5432/database\", with @, / and ? in names and passwords "
            "written as %40, %2F and %3F",
            true,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.store.database_url, valid_database_url(text(value)));
            }},
    Setting{"storage", "wait_for_database", Type::integer, "a number of seconds from 0 to 86400", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.store.patience, in_range<std::chrono::seconds>(value, 0, 86'400));
            }},
    Setting{"storage", "cleanup_interval_hours", Type::integer, "a number of hours from 1 to 8760", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.cleanup_interval, in_range<std::chrono::hours>(value, 1, 8760));
            }},
    Setting{"storage", "max_share_history_days", Type::integer,
            "a number of days from 3 to 36500 (duplicates are told from the shares of 72 hours)", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.max_share_history, in_range<std::chrono::days>(value, least_history, 36'500));
            }},
    Setting{"logging", "level", Type::text, "one of trace, debug, info, warn, error", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.log.level, parse_log_level(text(value)));
            }},
    Setting{"logging", "file", Type::text, "the path of a file", false,
            [](Config& config, const noise::Curve&, const Value& value) {
                return assign(config.log.file, non_empty_path(value));
            }},
};

const Setting* find(std::string_view section, std::string_view key) {
    const auto* const found = std::ranges::find_if(
        settings, [&](const Setting& setting) { return setting.section == section && setting.key == key; });
    return found == settings.end() ? nullptr : found;
}

bool is_section(std::string_view name) {
    return !name.empty() &&
           std::ranges::any_of(settings, [&](const Setting& setting) { return setting.section == name; });
}

std::string known_keys() {
    std::string names;
    for (const Setting& setting : settings) names += fmt::format("{}{}", names.empty() ? "" : ", ", setting.name());
    return names;
}

std::unexpected<ConfigError> unknown(std::string_view origin, std::string_view name) {
    return std::unexpected(fmt::format("{}: unknown key {}; known are {}", origin, name, known_keys()));
}

std::unexpected<ConfigError> wrong(std::string_view origin, const Setting& setting, const std::string& got) {
    const std::string expected = fmt::format("{}: {}: expected {}", origin, setting.name(), setting.expected);
    return std::unexpected(setting.is_secret ? expected : fmt::format("{}, got {}", expected, got));
}

ConfigResult apply(Config& config, const noise::Curve& curve, const Setting& setting, const Value& value,
                   const std::string& shown, std::string_view origin) {
    if (setting.set(config, curve, value)) return {};
    return wrong(origin, setting, shown);
}

// From the environment and the command line everything comes as text.
ConfigResult apply_text(Config& config, const noise::Curve& curve, const Setting& setting, const std::string& given,
                        std::string_view origin) {
    Value value = given;
    if (setting.type == Type::integer) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
        if (error != std::errc{} || end != given.data() + given.size()) return wrong(origin, setting, given);
        value = number;
    }
    return apply(config, curve, setting, value, fmt::format("\"{}\"", given), origin);
}

ConfigResult apply_node(Config& config, const noise::Curve& curve, const Setting& setting, const toml::node& node,
                        const std::string& origin) {
    std::ostringstream shown;
    node.visit([&](const auto& shown_node) { shown << shown_node; });
    if (setting.type == Type::text && node.is_string())
        return apply(config, curve, setting, node.as_string()->get(), shown.str(), origin);
    if (setting.type == Type::integer && node.is_integer())
        return apply(config, curve, setting, node.as_integer()->get(), shown.str(), origin);
    return wrong(origin, setting, shown.str());
}

ConfigResult apply_table(Config& config, const noise::Curve& curve, const toml::table& table, std::string_view section,
                         const std::filesystem::path& file) {
    for (const auto& [key, node] : table) {
        const std::string origin = fmt::format("{}:{}", file.string(), key.source().begin.line);
        if (section.empty() && node.is_table() && is_section(key.str())) {
            if (auto done = apply_table(config, curve, *node.as_table(), key.str(), file); !done) return done;
            continue;
        }
        if (section.empty() && is_section(key.str()))
            return std::unexpected(fmt::format("{}: {}: expected a table, [{}]", origin, key.str(), key.str()));
        const Setting* const setting = find(section, key.str());
        if (setting == nullptr)
            return unknown(origin, fmt::format("{}{}{}", section, section.empty() ? "" : ".", key.str()));
        if (auto done = apply_node(config, curve, *setting, node, origin); !done) return done;
    }
    return {};
}

} // namespace

ConfigResult apply_file(Config& config, const noise::Curve& curve, const std::filesystem::path& file) {
    const auto table = read_toml(file, "a TOML file");
    if (!table) return std::unexpected(table.error());
    return apply_table(config, curve, *table, "", file);
}

ConfigResult apply_environment(Config& config, const noise::Curve& curve, const char* const* environment) {
    constexpr std::string_view prefix = "STORAGE__";
    constexpr std::string_view database_url = "DATABASE_URL="; // of many programs; the role's own variable goes over it
    for (const char* const* variable = environment; *variable != nullptr; ++variable) {
        const std::string_view given{*variable};
        // Whose URL it is, and of what, matters only to a role that has been told to use it.
        if (given.starts_with(database_url) && given.size() > database_url.size())
            config.store.database_url = given.substr(database_url.size());
    }
    for (; *environment != nullptr; ++environment) {
        const std::string_view variable{*environment};
        if (!variable.starts_with(prefix)) continue;
        const auto equals = variable.find('=');
        const std::string name{variable.substr(0, equals)};
        const std::string value{equals == std::string_view::npos ? "" : variable.substr(equals + 1)};

        std::string key{std::string_view{name}.substr(prefix.size())};
        std::ranges::transform(key, key.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
        std::string section;
        if (const auto separator = key.find("__"); separator != std::string::npos) {
            section = key.substr(0, separator);
            key.erase(0, separator + 2);
        }
        const Setting* const setting = find(section, key);
        if (setting == nullptr) return unknown("environment", name);
        if (auto done = apply_text(config, curve, *setting, value, name); !done) return done;
    }
    return {};
}

ConfigResult apply_option(Config& config, const noise::Curve& curve, std::string_view key, const std::string& value,
                          std::string_view origin) {
    const auto dot = key.find('.');
    const Setting* const setting =
        dot == std::string_view::npos ? find("", key) : find(key.substr(0, dot), key.substr(dot + 1));
    if (setting == nullptr) return unknown(origin, key);
    return apply_text(config, curve, *setting, value, origin);
}

ConfigResult check_built(const storage::Backend& backend) {
    if (backend.missing.empty()) return {};
    return std::unexpected(
        fmt::format("storage.backend is {}, and this program was built without it: {}", backend.name, backend.missing));
}

ConfigResult check(const Config& config) {
    if (config.authority_secret_key && config.authority_secret_key_file)
        return std::unexpected("authority_secret_key and authority_secret_key_file are both set; expected one of them");
    if (config.authority_public_key && !config.authority_secret_key && !config.authority_secret_key_file)
        return std::unexpected("authority_public_key is set without its secret; expected authority_secret_key_file or "
                               "authority_secret_key beside it");
    if (config.cleanup_interval && !config.max_share_history)
        return std::unexpected("storage.cleanup_interval_hours is set without storage.max_share_history_days; expected "
                               "both, or nothing is ever too old");
    const auto backend = std::ranges::find(storage::backends(), config.store.backend, &storage::Backend::name);
    if (auto built = check_built(*backend); !built) return std::unexpected(built.error());
    if (config.store.backend != "postgres") return {};
    if (config.store.database_url.empty())
        return std::unexpected("storage.backend is postgres, and there is no database; expected DATABASE_URL in the "
                               "environment, or storage.database_url in a configuration file that only its owner can "
                               "read: postgresql://user:password@host:5432/database");
    if (!database_of(
            config.store.database_url)) // from the environment; that of the file was looked at when it was read
        return std::unexpected(fmt::format("DATABASE_URL: expected {}", find("storage", "database_url")->expected));
    return {};
}

} // namespace role
