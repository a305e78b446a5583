// What an operator's mistakes get: a message that says where, what, and what was expected, an exit code, and nothing
// touched.

#include "tests/end_to_end/scene.hpp"

#include <filesystem>
#include <sys/stat.h>

using namespace end_to_end;

namespace {

constexpr int usage = 2;
constexpr int failed = 1;

struct Ended {
    int exit_code;
    std::string output;
};

Ended run(const std::vector<std::string>& arguments, const support::RoleProcess::Environment& environment = {}) {
    support::RoleProcess process{arguments, environment};
    const int exit_code = process.wait_for_exit();
    return {exit_code, process.output()};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// Runs the role on this configuration; it must end with code 2 and say what was expected at which line.
void refused_config(const std::string& content, const std::string& place, const std::string& expected) {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, content);
    const auto ended = run({"--config", file.string(), "--state-directory", (folder.path() / "state").string()});
    INFO(ended.output);
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, file.string() + place));
    CHECK(contains(ended.output, expected));
    CHECK_FALSE(std::filesystem::exists(folder.path() / "state")); // nothing was begun
}

// Runs the role with this key file.
Ended run_with_key_file(const std::filesystem::path& folder, const std::filesystem::path& key_file) {
    const auto config = folder / "storage-config.toml";
    write_file(config, "listen_address = \"127.0.0.1:0\"\nauthority_secret_key_file = \"" + key_file.string() + "\"\n");
    return run({"-c", config.string(), "--state-directory", (folder / "state").string()});
}

} // namespace

TEST_CASE("a config with an unknown key is refused with its line and the known keys") {
    refused_config("cert_validity_sec = 60\nlisten_adress = \"127.0.0.1:1\"\n", ":2: unknown key listen_adress",
                   "known are listen_address");
    refused_config("[logging]\nlevel = \"info\"\ncolour = true\n", ":3: unknown key logging.colour", "logging.level");
    refused_config("[storage]\nbackend = \"sqlite\"\n", ":1: unknown key storage", "known are");
}

TEST_CASE("a config with a wrong type is refused with its line and what was expected") {
    refused_config("cert_validity_sec = \"60\"\n", ":1: cert_validity_sec: ", "expected a number of seconds");
    refused_config("\nlisten_address = 34274\n", ":2: listen_address: ", "expected an address and port");
    refused_config("logging = 7\n", ":1: logging: ", "expected a table, [logging]");
    refused_config("[logging]\nfile = [1]\n", ":2: logging.file: ", "expected the path of a file");
}

TEST_CASE("a config with an impossible address is refused with its line and what was expected") {
    for (const std::string address : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.256:1", "localhost:34274",
                                      "::1:34274", "[::1]", "127.0.0.1:-1", "127.0.0.1:34274x", ""}) {
        refused_config("listen_address = \"" + address + "\"\n", ":1: listen_address: expected an address and port",
                       "got ");
    }
}

TEST_CASE("a config with an impossible value is refused with its line and what was expected") {
    refused_config("cert_validity_sec = 0\n", ":1: cert_validity_sec: ", "from 1 to 4294967295, got 0");
    refused_config("cert_validity_sec = 4294967296\n", ":1: cert_validity_sec: ", "got 4294967296");
    refused_config("max_connections = -1\n", ":1: max_connections: ", "got -1");
    refused_config("[logging]\nlevel = \"loud\"\n", ":2: logging.level: ", "expected one of trace, debug");
    refused_config("authority_public_key = \"9bSX\"\n",
                   ":1: authority_public_key: ", "expected a public key in base58check");
}

TEST_CASE("a config that is no TOML, or not there, is refused with its place") {
    refused_config("listen_address = \n", ":1: ", "");
    refused_config("cert_validity_sec = 1\ncert_validity_sec = 2\n", ":2: ", "");
    const auto ended = run({"--config", "/nowhere/storage-config.toml"});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "/nowhere/storage-config.toml: cannot be read; expected a TOML file"));
}

TEST_CASE("a config that is a folder is no empty config") {
    const support::TemporaryFolder folder;
    const auto ended = run({"--config", folder.path().string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, folder.path().string() + ": cannot be read; expected a TOML file"));
}

TEST_CASE("a secret that is refused is not shown") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "authority_secret_key = \"mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2m\"\n");
    const auto ended = run({"--config", file.string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, ":1: authority_secret_key: expected a secret key in base58check"));
    CHECK_FALSE(contains(ended.output, "mkDLTBBR"));
}

TEST_CASE("a secret in the place of a public key is refused, and not shown either") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "authority_public_key = \"mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n\"\n");
    const auto ended = run({"--config", file.string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, ":1: authority_public_key: expected a public key in base58check"));
    CHECK_FALSE(contains(ended.output, "mkDLTBBR"));
}

TEST_CASE("a state directory in use ends the second role with code 1, and the first goes on") {
    Scene scene;
    const auto ended = run({"--listen", "127.0.0.1:0", "--state-directory", scene.folder.path().string()});
    CHECK(ended.exit_code == failed);
    CHECK(contains(ended.output, scene.folder.path().string() + " is in use by another role"));
    scene.check_others_go_on();
}

TEST_CASE("a state directory that others can write is refused with the command that mends it") {
    const support::TemporaryFolder folder;
    REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
    const auto ended = run({"--listen", "127.0.0.1:0", "--state-directory", folder.path().string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "chmod 700 " + folder.path().string()));
}

TEST_CASE("without any place for a state directory the role says what it needs") {
    const auto ended = run({"--listen", "127.0.0.1:0"}, {{"HOME", ""}});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "expected --state-directory, STATE_DIRECTORY or HOME"));
}

TEST_CASE("a wrong environment variable or option is refused by its name") {
    const auto variable = run({}, {{"STORAGE__CERT_VALIDITY_SEC", "soon"}});
    CHECK(variable.exit_code == usage);
    CHECK(contains(variable.output, "STORAGE__CERT_VALIDITY_SEC: cert_validity_sec: expected a number of seconds"));
    const auto unknown = run({}, {{"STORAGE__LOGGING__COLOUR", "1"}});
    CHECK(unknown.exit_code == usage);
    CHECK(contains(unknown.output, "unknown key STORAGE__LOGGING__COLOUR"));
    const auto option = run({"--listen", "nowhere"});
    CHECK(option.exit_code == usage);
    CHECK(contains(option.output, "--listen: listen_address: expected an address and port"));
    CHECK(run({"--nonsense"}).exit_code == usage);
    CHECK(run({"dance"}).exit_code == usage);
    CHECK(run({"keygen"}).exit_code == usage);
    CHECK(run({"keygen", "miner", "--out", "/tmp"}).exit_code == usage);
    CHECK(run({"--listen", "127.0.0.1:0", "keygen", "client", "--out", "/nowhere"}).exit_code == usage);
}

TEST_CASE("without an authority key any address but loopback is refused") {
    const support::TemporaryFolder folder;
    const auto ended = run({"--listen", "0.0.0.0:0", "--state-directory", folder.path().string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "listen_address is 0.0.0.0"));
    CHECK(contains(ended.output, "authority_secret_key_file"));
}

TEST_CASE("the key pair of SRI's examples is refused on any address but loopback") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "listen_address = \"0.0.0.0:0\"\n"
                     "authority_secret_key = \"mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n\"\n");
    const auto ended = run({"--config", file.string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "published with SRI's examples"));
}

TEST_CASE("authority keys that contradict each other are refused") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    const std::string secret = "authority_secret_key = \"mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n\"\n";
    SUBCASE("two secrets") {
        write_file(file, secret + "authority_secret_key_file = \"authority.secret\"\n");
        const auto ended = run({"--config", file.string()});
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, "both set"));
    }
    SUBCASE("the public key of another secret") {
        write_file(file, secret + "authority_public_key = \"9bDuixKmZqAJnrmP746n8zU1wyAQRrus7th9dxnkPg6RzQvCnan\"\n");
        const auto ended = run({"--config", file.string()});
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72"));
    }
    SUBCASE("a public key without a secret") {
        write_file(file, "authority_public_key = \"9bDuixKmZqAJnrmP746n8zU1wyAQRrus7th9dxnkPg6RzQvCnan\"\n");
        const auto ended = run({"--config", file.string()});
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, "without its secret"));
    }
}

TEST_CASE("a key file that is missing is refused by its name") {
    const support::TemporaryFolder folder;
    const auto ended = run_with_key_file(folder.path(), folder.path() / "missing.secret");
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, (folder.path() / "missing.secret").string() + ": cannot be read"));
}

TEST_CASE("a key file that is truncated is refused, and not a byte of it is shown") {
    const support::TemporaryFolder folder;
    CHECK(run({"keygen", "authority", "--out", folder.path().string()}).exit_code == 0);
    const auto file = folder.path() / "authority.secret";
    const std::string secret = first_line(file);
    for (const std::size_t kept : {secret.size() - 1, secret.size() / 2, std::size_t{1}, std::size_t{0}}) {
        write_file(file, secret.substr(0, kept));
        const auto ended = run_with_key_file(folder.path(), file);
        INFO(ended.output);
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, file.string() + ": holds no secret key"));
        if (kept > 8) CHECK_FALSE(contains(ended.output, secret.substr(0, 8)));
    }
}

TEST_CASE("a key file that others can read is refused with the command that mends it") {
    const support::TemporaryFolder folder;
    CHECK(run({"keygen", "authority", "--out", folder.path().string()}).exit_code == 0);
    const auto file = folder.path() / "authority.secret";
    for (const mode_t mode : {0640U, 0604U, 0620U}) {
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        const auto ended = run_with_key_file(folder.path(), file);
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, "open to others"));
        CHECK(contains(ended.output, "chmod 600 " + file.string()));
    }
}

TEST_CASE("a key file that is a folder is refused") {
    const support::TemporaryFolder folder;
    const auto ended = run_with_key_file(folder.path(), folder.path());
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "is no regular file"));
}

TEST_CASE("a port in use ends the second role with code 1, and the first goes on") {
    Scene scene;
    const auto ended = run({"--listen", "127.0.0.1:" + std::to_string(scene.port), "--state-directory",
                            (scene.folder.path() / "second").string()});
    CHECK(ended.exit_code == failed);
    CHECK(contains(ended.output, "127.0.0.1:" + std::to_string(scene.port)));
    CHECK(contains(ended.output, "Address already in use"));
    scene.check_others_go_on();
}

TEST_CASE("keygen never overwrites a key") {
    const support::TemporaryFolder folder;
    const auto first = run({"keygen", "client", "--out", folder.path().string()});
    CHECK(first.exit_code == 0);
    const auto secret = read_file(folder.path() / "client.secret");
    const auto second = run({"keygen", "client", "--out", folder.path().string()});
    CHECK(second.exit_code == failed);
    CHECK(contains(second.output, "client.secret: exists already"));
    CHECK(read_file(folder.path() / "client.secret") == secret);

    std::filesystem::remove(folder.path() / "client.secret");
    CHECK(run({"keygen", "client", "--out", folder.path().string()}).exit_code == failed); // the public half is there
    CHECK_FALSE(std::filesystem::exists(folder.path() / "client.secret"));
}

TEST_CASE("a log file that cannot be opened ends the role with code 1") {
    const support::TemporaryFolder folder;
    write_file(folder.path() / "file", "");
    const auto ended = run({"--log-file", (folder.path() / "file" / "log").string(), "--state-directory",
                            folder.path().string(), "--listen", "127.0.0.1:0"});
    CHECK(ended.exit_code == failed);
    CHECK(contains(ended.output, "log"));
}
