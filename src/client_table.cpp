#include "src/client_table.hpp"

#include "noise/key_text.hpp"
#include "protocol/storage_messages.hpp"
#include "src/toml_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace role {

namespace {

namespace fs = std::filesystem;

struct Permission {
    std::string_view name;
    std::uint32_t bit;
};
constexpr std::array permissions{
    Permission{"share.write", protocol::permit_share_write}, Permission{"block.write", protocol::permit_block_write},
    Permission{"job.write", protocol::permit_job_write},     Permission{"query.own", protocol::permit_query_own},
    Permission{"query.all", protocol::permit_query_all},     Permission{"admin", protocol::permit_admin},
};

std::string permission_names() {
    std::string names;
    for (const Permission& permission : permissions)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", permission.name);
    return names;
}

// Names end up in logs, file names and other people's tools.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
}

// One [[client]] and where it stands.
class Entry {
  public:
    Entry(const toml::table& table, const fs::path& file, const noise::Curve& curve)
        : table_{table},
          file_{file},
          curve_{curve} {}

    [[nodiscard]] std::unexpected<ConfigError> wrong(std::string_view what) const { return wrong_at(table_, what); }

    [[nodiscard]] std::expected<std::pair<noise::XOnlyKey, Client>, ConfigError> read() const {
        for (const auto& [key, node] : table_)
            if (key.str() != "identity" && key.str() != "public_key" && key.str() != "allow" && key.str() != "pool")
                return wrong_at(
                    node, fmt::format("unknown key client.{}; known are identity, public_key, allow, pool", key.str()));
        Client client;
        auto identity = name("identity");
        if (!identity) return std::unexpected(identity.error());
        client.identity = *std::move(identity);
        client.pool = client.identity;
        if (table_.contains("pool")) {
            auto pool = name("pool");
            if (!pool) return std::unexpected(pool.error());
            client.pool = *std::move(pool);
        }
        const auto* const key_text = table_.get_as<std::string>("public_key");
        const auto key = key_text == nullptr ? std::nullopt : parse(key_text->get());
        if (!key) return wrong_in("public_key", "a public key in base58check, as keygen prints it");
        auto allowed = allow();
        if (!allowed) return std::unexpected(allowed.error());
        client.permissions = *allowed;
        return std::pair{*key, std::move(client)};
    }

  private:
    [[nodiscard]] std::unexpected<ConfigError> wrong_at(const toml::node& node, std::string_view what) const {
        return std::unexpected(fmt::format("{}:{}: {}", file_.string(), node.source().begin.line, what));
    }
    [[nodiscard]] std::unexpected<ConfigError> wrong_in(std::string_view key, std::string_view expected) const {
        const toml::node* const node = table_.get(key);
        return wrong_at(node == nullptr ? table_ : *node,
                        fmt::format("client.{}{}: expected {}", key, node == nullptr ? " is missing" : "", expected));
    }

    [[nodiscard]] std::optional<noise::XOnlyKey> parse(std::string_view text) const {
        const auto key = noise::parse_public_key(curve_, text);
        return key ? std::optional{*key} : std::nullopt;
    }

    [[nodiscard]] std::expected<std::string, ConfigError> name(std::string_view key) const {
        const auto* const text = table_.get_as<std::string>(key);
        if (text == nullptr || !is_name(text->get()))
            return wrong_in(key, "1 to 64 letters, digits, dots, underscores and hyphens");
        return text->get();
    }

    [[nodiscard]] std::expected<std::uint32_t, ConfigError> allow() const {
        const std::string expected = fmt::format("a list of {}", permission_names());
        const auto* const list = table_.get_as<toml::array>("allow");
        if (list == nullptr || list->empty()) return wrong_in("allow", expected);
        std::uint32_t bits = 0;
        for (const toml::node& node : *list) {
            const auto* const name = node.as_string();
            const auto* const found = std::ranges::find_if(permissions, [&](const Permission& permission) {
                return name != nullptr && name->get() == permission.name;
            });
            if (found == permissions.end()) return wrong_in("allow", expected);
            bits |= found->bit;
        }
        return bits;
    }

    const toml::table& table_;
    const fs::path& file_;
    const noise::Curve& curve_;
};

// Whoever can write it can let anyone in.
ConfigResult check_rights(const fs::path& file) {
    std::error_code error;
    const auto rights = fs::status(file, error).permissions();
    if (error) return std::unexpected(fmt::format("{}: cannot be read: {}", file.string(), error.message()));
    if ((rights & (fs::perms::group_write | fs::perms::others_write)) != fs::perms::none)
        return std::unexpected(
            fmt::format("{}: others than its owner can write it; expected mode 0600", file.string()));
    return {};
}

} // namespace

std::expected<ClientTable, ConfigError> ClientTable::read(const fs::path& file, const noise::Curve& curve) {
    if (auto fine = check_rights(file); !fine) return std::unexpected(fine.error());
    const auto content = read_toml(file, "a TOML file of [[client]]");
    if (!content) return std::unexpected(content.error());
    for (const auto& [key, node] : *content)
        if (key.str() != "client" || !node.is_array_of_tables())
            return std::unexpected(fmt::format("{}:{}: unknown key {}; expected [[client]]", file.string(),
                                               key.source().begin.line, key.str()));
    ClientTable table;
    const auto* const list = content->get_as<toml::array>("client");
    if (list == nullptr) return std::unexpected(fmt::format("{}: no [[client]] in it", file.string()));
    for (const toml::node& node : *list) {
        const Entry entry{*node.as_table(), file, curve};
        auto read = entry.read();
        if (!read) return std::unexpected(read.error());
        auto& [key, client] = *read;
        for (const auto& [other_key, other] : table.clients_)
            if (other.identity == client.identity && other.pool != client.pool)
                return entry.wrong(fmt::format("client {} is in pool {} and in pool {}; expected one pool",
                                               client.identity, other.pool, client.pool));
        if (!table.clients_.emplace(key.bytes, std::move(client)).second)
            return entry.wrong("this public_key stands in the file already");
    }
    return table;
}

ClientTable ClientTable::open_to_all() {
    ClientTable table;
    table.is_open_to_all_ = true;
    return table;
}

std::optional<Client> ClientTable::find(const noise::XOnlyKey& key) const {
    if (is_open_to_all_) {
        const std::string name = noise::public_key_text(key);
        return Client{.identity = name,
                      .pool = name,
                      .permissions = protocol::permit_share_write | protocol::permit_block_write |
                                     protocol::permit_job_write | protocol::permit_query_own |
                                     protocol::permit_query_all};
    }
    const auto found = clients_.find(key.bytes);
    return found == clients_.end() ? std::nullopt : std::optional{found->second};
}

} // namespace role
