// The role as a process, clients with keys of their own, and one honest client that must never notice what others do.
#pragma once

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "tests/end_to_end/client.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/role_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace end_to_end {

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

inline std::string first_line(const std::filesystem::path& path) {
    const std::string content = read_file(path);
    return content.substr(0, content.find('\n'));
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
    std::ofstream{path} << content;
}

// One [[client]] of clients.toml. `allow`: as there, without the brackets.
struct Entry {
    std::string identity;
    std::string allow;
    std::string pool;
};

struct Settings {
    std::string backend = "memory";
    std::vector<Entry> clients = {}; // none: the development preset, which takes any key
    support::RoleProcess::Environment environment = {};
};

// What outlives a role: its folder, and the keys of its clients.
struct Premises {
    support::TemporaryFolder folder;
    noise::Curve curve = client::make_curve();
    std::map<std::string, noise::SigningKey> keys;

    // Those that roles have left here: one for each data set that is kept.
    [[nodiscard]] std::vector<std::filesystem::path> watermarks() const {
        std::vector<std::filesystem::path> found;
        for (const auto& entry : std::filesystem::directory_iterator{folder.path()})
            if (entry.path().filename().string().starts_with("watermark-")) found.push_back(entry.path());
        return found;
    }
    // Of the only one.
    [[nodiscard]] std::filesystem::path watermark() const {
        const auto found = watermarks();
        REQUIRE(found.size() == 1);
        return found.front();
    }

    // Made when it is first asked for.
    const noise::SigningKey& key(const std::string& identity) {
        const auto known = keys.find(identity);
        if (known != keys.end()) return known->second;
        return keys.emplace(identity, noise::SigningKey::create(curve, client::random_secret()).value()).first->second;
    }
};

// A running role on a key of its own, with every log line on.
struct Role {
    std::shared_ptr<Premises> premises;
    std::string backend;
    const support::TemporaryFolder& folder = premises->folder;
    const noise::Curve& curve = premises->curve;
    support::RoleProcess process;
    std::uint16_t port;
    noise::XOnlyKey authority;

    // On the premises of a role that has ended, it is the same role started again.
    explicit Role(const Settings& settings = {}, std::shared_ptr<Premises> where = std::make_shared<Premises>())
        : premises{std::move(where)},
          backend{settings.backend},
          process{arguments(settings), with_level(settings.environment)},
          port{process.wait_for_port()},
          authority{noise::parse_public_key(curve, first_line(folder.path() / "authority.public")).value()} {
        REQUIRE(port != 0);
    }

    // A clean end, so that a sanitizer's report is not lost with a killed process.
    ~Role() {
        if (!process.has_ended()) CHECK(end(SIGTERM) == 0);
    }
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;

    int end(int signal) {
        process.signal(signal);
        return process.wait_for_exit();
    }

    [[nodiscard]] std::filesystem::path database() const {
        return folder.path() / ("stratum_storage." + (backend == "sqlite" ? "db" : backend));
    }

    support::Peer connect() const { return support::Peer{port}; }
    // A peer that has finished the handshake.
    void greet(support::Peer& peer) const { peer.handshake(curve, authority); }
    void negotiate(support::Peer& peer) const { support::negotiate(peer, curve, authority); }
    protocol::Authenticate proof(const support::Peer& peer, const std::string& identity,
                                 const protocol::Authenticate& claim) const {
        return support::proof(peer, curve, authority, premises->key(identity), claim);
    }

    Client enter(const std::string& identity, const protocol::Authenticate& claim) const {
        return enter(connect(), identity, claim);
    }
    // `stream_id` 0: only to ask.
    Client enter(const std::string& identity, std::uint64_t stream_id = 1) const {
        return enter(identity, support::claim(stream_id));
    }
    Client enter(support::Peer peer, const std::string& identity, const protocol::Authenticate& claim) const {
        negotiate(peer);
        peer.send(proof(peer, identity, claim));
        const auto success = peer.receive<protocol::AuthenticateSuccess>();
        return {std::move(peer), success};
    }

    // The line that tells the operator about this peer.
    bool logs(const support::Peer& peer, const std::string& what) {
        return process.wait_for_output("127.0.0.1:" + std::to_string(peer.local_port()) + ": " + what);
    }

  private:
    std::vector<std::string> arguments(const Settings& settings) const {
        std::vector<std::string> arguments{"--listen",  "127.0.0.1:0",   "--state-directory", folder.path().string(),
                                           "--backend", settings.backend};
        if (settings.clients.empty()) return arguments;
        const auto file = folder.path() / "clients.toml";
        {
            std::ofstream out{file};
            for (const auto& [identity, allow, pool] : settings.clients)
                out << "[[client]]\nidentity = \"" << identity << "\"\npublic_key = \""
                    << noise::public_key_text(premises->key(identity).public_key()) << "\"\nallow = [" << allow
                    << "]\npool = \"" << pool << "\"\n";
        }
        std::filesystem::permissions(file, std::filesystem::perms{0600});
        arguments.insert(arguments.end(), {"--clients", file.string()});
        return arguments;
    }

    static support::RoleProcess::Environment with_level(support::RoleProcess::Environment environment) {
        environment.emplace("STORAGE__LOGGING__LEVEL", "trace");
        return environment;
    }
};

struct Scene : Role {
    Client bystander = enter("bystander", 7);

    explicit Scene(Settings settings = {}, std::shared_ptr<Premises> where = std::make_shared<Premises>())
        : Role{with_honest_clients(std::move(settings)), std::move(where)} {}

    // The old client still stores, and so does a new one.
    void check_others_go_on() {
        CHECK_NOTHROW(store_as(bystander, "bystander"));
        CHECK_NOTHROW([&] {
            Client newcomer = enter("newcomer", ++strangers_);
            store_as(newcomer, "newcomer");
        }());
    }

  private:
    void store_as(Client& client, const std::string& channel_id) {
        const auto accepted = client.totals().shares_accepted;
        client.store({bytes_of(share(accepted + 1, channel_id))});
        CHECK(client.verdicts().empty());
        CHECK(client.totals().shares_accepted == accepted + 1);
    }

    static Settings with_honest_clients(Settings settings) {
        if (!settings.clients.empty())
            for (const std::string name : {"bystander", "newcomer"})
                settings.clients.push_back({name, R"("share.write", "query.own")", name});
        return settings;
    }

    std::uint64_t strangers_ = 0; // streams, one for each newcomer
};

// The backends that every role has.
inline const std::vector<std::string> backends{"memory", "sqlite"};

} // namespace end_to_end
