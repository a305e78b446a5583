// The role as a process, and one honest client that has negotiated and must never notice what others do.
#pragma once

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/role_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <string>

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

// A running role on a key of its own, with every log line on.
struct Role {
    support::TemporaryFolder folder;
    noise::Curve curve = client::make_curve();
    support::RoleProcess process;
    std::uint16_t port;
    noise::XOnlyKey authority;

    explicit Role(support::RoleProcess::Environment environment = {})
        : process{{"--listen", "127.0.0.1:0", "--state-directory", folder.path().string()}, with_level(environment)},
          port{process.wait_for_port()},
          authority{noise::parse_public_key(curve, first_line(folder.path() / "authority.public")).value()} {
        REQUIRE(port != 0);
    }

    // A clean end, so that a sanitizer's report is not lost with a killed process.
    ~Role() {
        if (process.has_ended()) return;
        process.signal(SIGTERM);
        CHECK(process.wait_for_exit() == 0);
    }
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;

    support::Peer connect() const { return support::Peer{port}; }

  private:
    static support::RoleProcess::Environment with_level(support::RoleProcess::Environment environment) {
        environment.emplace("STORAGE__LOGGING__LEVEL", "trace");
        return environment;
    }
};

struct Scene : Role {
    support::Peer bystander{port};

    Scene() { support::negotiate(bystander, curve, authority); }

    // A peer that has finished the handshake.
    void greet(support::Peer& peer) const { peer.handshake(curve, authority); }
    void negotiate(support::Peer& peer) const { support::negotiate(peer, curve, authority); }

    // The line that tells the operator about this peer.
    bool logs(const support::Peer& peer, const std::string& what) {
        return process.wait_for_output("127.0.0.1:" + std::to_string(peer.local_port()) + ": " + what);
    }

    // The old client is still served, and a new one can come.
    void check_others_go_on() {
        support::Peer newcomer{port};
        CHECK_NOTHROW(negotiate(newcomer));
        bystander.send(support::request_storage_extension()); // its one answer in this phase proves that it is served
        CHECK(bystander.receive<protocol::Error>().code.text == "unexpected-message");
    }
};

} // namespace end_to_end
