// The role as its operator sees it: start, log, keys, limits, certificate renewal, stop.

#include "tests/end_to_end/scene.hpp"
#include "tests/support/hex.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <thread>

using namespace end_to_end;
using namespace protocol;

namespace {

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

} // namespace

TEST_CASE("--version and --help answer and end with code 0") {
    support::RoleProcess version{{"--version"}};
    CHECK(version.wait_for_exit() == 0);
    CHECK(std::regex_match(version.output(), std::regex{R"(storage-sv2 \d+\.\d+\.\d+(-dev)?\n)"}));
    support::RoleProcess help{{"--help"}};
    CHECK(help.wait_for_exit() == 0);
    for (const char* option : {"--config", "--listen", "--log-file", "--state-directory", "serve", "keygen"})
        CHECK(help.output().find(option) != std::string::npos);
}

TEST_CASE("keygen writes both halves in SRI's text form, the secret for its owner alone, and prints the public one") {
    for (const std::string kind : {"authority", "client"}) {
        const support::TemporaryFolder folder;
        support::RoleProcess process{{"keygen", kind, "--out", (folder.path() / "new" / "keys").string()}};
        REQUIRE(process.wait_for_exit() == 0);
        const auto keys = folder.path() / "new" / "keys";
        CHECK(process.output() == first_line(keys / (kind + ".public")) + "\n");
        CHECK(mode_of(keys) == 0700);
        CHECK(mode_of(keys / (kind + ".secret")) == 0600);

        const auto curve = client::make_curve();
        auto secret = noise::parse_secret_key(curve, first_line(keys / (kind + ".secret")));
        REQUIRE(secret.has_value());
        const auto key = noise::SigningKey::create(curve, *std::move(secret));
        CHECK(noise::parse_public_key(curve, first_line(keys / (kind + ".public"))) == key->public_key());
    }
}

TEST_CASE("the development preset makes an authority key, says so, and keeps it") {
    const support::TemporaryFolder folder;
    std::set<std::string> keys;
    for (int start = 0; start < 2; ++start) {
        support::RoleProcess process{
            {"--listen", "127.0.0.1:0", "--state-directory", (folder.path() / "state").string()}};
        REQUIRE(process.wait_for_port() != 0);
        CHECK(process.output().find("development preset") != std::string::npos);
        CHECK(process.output().find("INFO storage_sv2::store: backend memory, memory, volatile, data set ") !=
              std::string::npos);
        const std::string public_key = first_line(folder.path() / "state" / "authority.public");
        CHECK(process.output().find("authority public key " + public_key) != std::string::npos);
        keys.insert(public_key);
    }
    CHECK(keys.size() == 1);
    CHECK(mode_of(folder.path() / "state") == 0700);
    CHECK(mode_of(folder.path() / "state" / "authority.secret") == 0600);
}

TEST_CASE("the state directory is taken from STATE_DIRECTORY, else from the home") {
    const support::TemporaryFolder folder;
    SUBCASE("STATE_DIRECTORY") {
        support::RoleProcess process{{"--listen", "127.0.0.1:0"}, {{"STATE_DIRECTORY", folder.path() / "given"}}};
        REQUIRE(process.wait_for_port() != 0);
        CHECK(std::filesystem::exists(folder.path() / "given" / "authority.secret"));
    }
    SUBCASE("HOME") {
        support::RoleProcess process{{"--listen", "127.0.0.1:0"}, {{"STATE_DIRECTORY", ""}, {"HOME", folder.path()}}};
        REQUIRE(process.wait_for_port() != 0);
        CHECK(std::filesystem::exists(folder.path() / ".local/state/storage-sv2/authority.secret"));
    }
}

TEST_CASE("file < environment < command line, and `serve` is what no command does") {
    const support::TemporaryFolder folder;
    support::RoleProcess keygen{{"keygen", "authority", "--out", folder.path().string()}};
    REQUIRE(keygen.wait_for_exit() == 0);
    const auto in_folder = [&](const std::string& name) { return "\"" + (folder.path() / name).string() + "\"\n"; };
    const std::string public_key = "\"" + first_line(folder.path() / "authority.public") + "\"\n";
    write_file(folder.path() / "clients.toml",
               "[[client]]\nidentity = \"a-pool\"\npublic_key = " + public_key + "allow = [\"share.write\"]\n");
    REQUIRE(::chmod((folder.path() / "clients.toml").c_str(), 0600) == 0);
    const auto file = folder.path() / "storage-config.toml";
    std::ofstream{file} << "# every key that exists\n"
                        << "listen_address = \"127.0.0.1:1\"\n"
                        << "authority_public_key = " << public_key
                        << "authority_secret_key_file = " << in_folder("authority.secret") << "cert_validity_sec = 60\n"
                        << "max_connections = 10\n"
                        << "max_in_flight_bytes = 1048576\n"
                        << "clients_file = " << in_folder("clients.toml") << "[storage]\n"
                        << "backend = \"memory\"\n"
                        << "database_path = " << in_folder("from-file.db") << "cleanup_interval_hours = 5\n"
                        << "max_share_history_days = 40\n"
                        << "[logging]\n"
                        << "level = \"error\"\n"
                        << "file = " << in_folder("from-file.log");
    support::RoleProcess process{
        {"serve", "-c", file.string(), "--listen", "[::1]:0", "--database-path", (folder.path() / "role.db").string(),
         "-f", (folder.path() / "logs" / "role.log").string(), "--state-directory", (folder.path() / "state").string()},
        {{"STORAGE__LISTEN_ADDRESS", "127.0.0.1:2"},
         {"STORAGE__LOGGING__LEVEL", "debug"},
         {"STORAGE__STORAGE__BACKEND", "sqlite"},
         {"STORAGE__STORAGE__DATABASE_PATH", folder.path() / "from-environment.db"}}};
    CHECK(process.wait_for_output("INFO storage_sv2::server: listening on [::1]:"));
    process.signal(SIGTERM);
    CHECK(process.wait_for_exit() == 0); // a line is in the file no sooner than on standard output
    CHECK(read_file(folder.path() / "logs" / "role.log").find("listening on [::1]:") != std::string::npos);
    CHECK(process.output().find("role.db, local, data set ") != std::string::npos);
    CHECK(process.output().find("what is older than 40 days is removed every 5 h") != std::string::npos);
    CHECK(std::filesystem::exists(folder.path() / "role.db"));
    for (const char* const name : {"from-file.log", "from-file.db", "from-environment.db"})
        CHECK_FALSE(std::filesystem::exists(folder.path() / name));
}

TEST_CASE("an empty configuration is one that leaves every default") {
    const support::TemporaryFolder folder;
    write_file(folder.path() / "empty.toml", "");
    support::RoleProcess process{{"-c", (folder.path() / "empty.toml").string(), "--listen", "127.0.0.1:0",
                                  "--state-directory", (folder.path() / "state").string()}};
    CHECK(process.wait_for_port() != 0);
}

TEST_CASE("the reference's storage-config.toml works as it is, in the working directory") {
    const support::TemporaryFolder folder;
    const support::TemporaryFolder state;
    write_file(folder.path() / "storage-config.toml", R"([storage]
backend = "sqlite"
database_path = "./stratum_storage.db"
cleanup_interval_hours = 24
max_share_history_days = 30

[logging]
level = "info"
file = "./logs/storage.log"
)");
    support::RoleProcess process{{"-c", "storage-config.toml", "--listen", "127.0.0.1:0"},
                                 {{"STATE_DIRECTORY", state.path()}},
                                 {.working_directory = folder.path()}};
    REQUIRE(process.wait_for_port() != 0);
    CHECK(std::filesystem::exists(folder.path() / "stratum_storage.db"));
    process.signal(SIGTERM);
    CHECK(process.wait_for_exit() == 0);
    CHECK(read_file(folder.path() / "logs" / "storage.log").find("listening on ") != std::string::npos);
}

TEST_CASE("the configuration that configs/ offers starts as it is, and names every key there is") {
    const support::TemporaryFolder folder;
    const std::filesystem::path offered = std::filesystem::path{std::getenv("CONFIGS")} / "development.toml";
    support::RoleProcess process{
        {"-c", offered.string(), "--listen", "127.0.0.1:0", "--state-directory", folder.path().string()}};
    CHECK(process.wait_for_port() != 0);

    write_file(folder.path() / "wrong.toml", "nonsense = 1\n");
    support::RoleProcess refused{{"-c", (folder.path() / "wrong.toml").string()}};
    CHECK(refused.wait_for_exit() == 2);
    const auto& output = refused.output(); // "...; known are listen_address, ..., logging.file"
    std::istringstream known{output.substr(output.find("known are ") + 10)};
    for (std::string key; std::getline(known >> std::ws, key, ',');) {
        key = key.substr(key.find('.') + 1);
        key = key.substr(0, key.find('\n'));
        INFO(key);
        CHECK(read_file(offered).find(key + " = ") != std::string::npos);
    }
}

TEST_CASE("every log line has the form of SRI's tracing default") {
    Scene scene;
    {
        auto peer = scene.connect();
        scene.greet(peer);
        peer.send(support::request_storage_extension());
        CHECK(scene.logs(peer, "refused"));
    }
    scene.process.signal(SIGTERM);
    CHECK(scene.process.wait_for_exit() == 0);
    const std::regex form{
        R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (TRACE|DEBUG| INFO| WARN|ERROR) storage_sv2::\w+: .+)"};
    std::istringstream lines{scene.process.output()};
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        INFO(line);
        CHECK(std::regex_match(line, form));
    }
    CHECK(count > 5);
}

TEST_CASE("no secret is logged, whatever peers do and at every level") {
    Scene scene;
    {
        auto peer = scene.connect();
        scene.negotiate(peer);
        peer.send(support::setup_connection());
        CHECK(scene.logs(peer, "refused"));
    }
    scene.process.signal(SIGTERM);
    CHECK(scene.process.wait_for_exit() == 0);
    const std::string text = first_line(scene.folder.path() / "authority.secret");
    const auto secret = noise::parse_secret_key(scene.curve, text);
    REQUIRE(secret.has_value());
    CHECK(scene.process.output().find(text) == std::string::npos);
    CHECK(scene.process.output().find(support::to_hex(secret->expose())) == std::string::npos);
}

TEST_CASE("SIGINT and SIGTERM stop it: clients are told to reconnect, code 0") {
    for (const int signal : {SIGINT, SIGTERM}) {
        Scene scene;
        auto silent = scene.connect();
        auto greeted = scene.connect();
        scene.greet(greeted);
        auto negotiated = scene.connect();
        scene.negotiate(negotiated);
        scene.process.signal(signal);
        CHECK(scene.bystander.receive<Reconnect>() == Reconnect{});
        CHECK(scene.bystander.peer.is_closed());
        CHECK(negotiated.receive<Reconnect>() == Reconnect{});
        CHECK(negotiated.is_closed());
        CHECK(greeted.is_closed()); // no message of the server's is due before SetupConnection
        CHECK(silent.is_closed());
        CHECK(scene.process.wait_for_exit() == 0);
        const auto& output = scene.process.output();
        CHECK(output.ends_with("storage_sv2::server: stopped\n"));
    }
}

TEST_CASE("a signal at the very moment of the ready line stops it cleanly") {
    for (int attempt = 0; attempt < 20; ++attempt) {
        const support::TemporaryFolder folder;
        support::RoleProcess process{{"--listen", "127.0.0.1:0", "--state-directory", folder.path().string()}};
        REQUIRE(process.wait_for_output("listening on"));
        process.signal(SIGTERM);
        CHECK(process.wait_for_exit() == 0);
        CHECK(process.output().ends_with("storage_sv2::server: stopped\n"));
    }
}

TEST_CASE("a stop while peers are in the middle of their first messages is clean, again and again") {
    for (int attempt = 0; attempt < 20; ++attempt) {
        Role role;
        std::vector<support::Peer> peers;
        for (int i = 0; i < 8; ++i) {
            auto& peer = peers.emplace_back(role.port);
            peer.handshake(role.curve, role.authority);
            peer.send(support::setup_connection());
        }
        for (auto& peer : peers) peer.send(support::request_storage_extension());
        role.process.signal(SIGTERM);
        peers.clear();
        CHECK(role.process.wait_for_exit() == 0);
        CHECK(role.process.output().find("are cut") == std::string::npos);
    }
}

TEST_CASE("a client that keeps its side open does not hold up the stop") {
    Scene scene; // its bystander neither reads nor closes
    scene.process.signal(SIGTERM);
    CHECK(scene.process.wait_for_exit() == 0);
}

TEST_CASE("more connections than the system grants descriptors for are a warning at the start") {
    const support::TemporaryFolder folder;
    support::RoleProcess process{
        {"--listen", "127.0.0.1:0", "--state-directory", folder.path().string()}, {}, {.max_descriptors = 128}};
    REQUIRE(process.wait_for_port() != 0);
    CHECK(process.output().find("max_connections = 1024 needs 1088 file descriptors, and the limit is 128") !=
          std::string::npos);
}

TEST_CASE("above the connection limit the newest is closed, and a place that comes free is used") {
    Role role{{.environment = {{"STORAGE__MAX_CONNECTIONS", "2"}}}};
    auto first = role.enter("first");
    {
        auto second = role.connect();
        role.negotiate(second);
        auto third = role.connect();
        CHECK(third.is_closed());
        CHECK(role.process.wait_for_output("closed, all 2 connections are in use"));
    }
    // Once the role has noticed that the second left, there is room again.
    const auto until = std::chrono::steady_clock::now() + support::patience;
    bool is_served = false;
    while (!is_served && std::chrono::steady_clock::now() < until) {
        auto next = role.connect();
        next.send_bytes(std::vector<std::uint8_t>(noise::act1_size));
        is_served = next.receive_bytes(noise::act2_size).has_value();
    }
    CHECK(is_served);
    CHECK_NOTHROW(first.ping());
}

TEST_CASE("with a validity of 2 s certificates are renewed over 10 s, always valid, and no session is touched") {
    Role role{{.environment = {{"STORAGE__CERT_VALIDITY_SEC", "2"}}}};
    auto veteran = role.enter("veteran");

    std::set<std::array<std::uint8_t, 32>> static_keys;
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < std::chrono::seconds{10}) {
        auto peer = role.connect();
        const auto before = now();
        const auto finished = peer.handshake(role.curve, role.authority);
        // Strictly inside its time, without the leeway of 10 s that an initiator grants.
        CHECK(finished.certificate.valid_from <= before.time_since_epoch().count());
        CHECK(finished.certificate.not_valid_after >= before.time_since_epoch().count());
        CHECK(finished.certificate.not_valid_after <= now().time_since_epoch().count() + 2);
        static_keys.insert(finished.static_key.bytes);
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
    CHECK(static_keys.size() >= 2); // a renewal a second, however many of them we saw
    CHECK(static_keys.size() <= 12);

    CHECK_NOTHROW(veteran.store(shares(1, 3))); // still served, by the keys of its own handshake
}
