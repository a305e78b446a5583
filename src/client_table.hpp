// Who may connect, and what each key may do: clients.toml. A file that is wrong in anything is refused as a whole.
#pragma once

#include "noise/curve.hpp"
#include "noise/keys.hpp"
#include "src/config.hpp"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace role {

struct Client {
    std::string identity;          // whose streams are whose
    std::string pool;              // whose shares are duplicates of each other; several clients may share one
    std::uint32_t permissions = 0; // protocol::permit_...

    bool operator==(const Client&) const = default;
};

class ClientTable {
  public:
    // Refuses a file that others than its owner can write.
    static std::expected<ClientTable, ConfigError> read(const std::filesystem::path& file, const noise::Curve& curve);

    // The development preset: any key, under its own name, with every permission but admin.
    static ClientTable open_to_all();

    [[nodiscard]] std::optional<Client> find(const noise::XOnlyKey& key) const;

  private:
    std::map<std::array<std::uint8_t, 32>, Client> clients_;
    bool is_open_to_all_ = false;
};

} // namespace role
