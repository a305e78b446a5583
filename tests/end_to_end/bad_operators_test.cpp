// What an operator's mistakes get: a message that says where, what, and what was expected, an exit code, and nothing
// touched.

#include "tests/end_to_end/scene.hpp"

#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <sys/stat.h>

using namespace end_to_end;

namespace {

constexpr int usage = 2;
constexpr int failed = 1;

struct Ended {
    int exit_code;
    std::string output;
};

Ended run(const std::vector<std::string>& arguments, const support::RoleProcess::Environment& environment = {},
          const support::RoleProcess::Surroundings& surroundings = {}) {
    support::RoleProcess process{arguments, environment, surroundings};
    const int exit_code = process.wait_for_exit();
    return {exit_code, process.output()};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

bool is_built(const std::string& backend) {
    return !contains(run({"--help"}).output, backend + " (not in this program");
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

const std::string one_key = "public_key = \"9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72\"\n";
const std::string other_key = "public_key = \"9bDuixKmZqAJnrmP746n8zU1wyAQRrus7th9dxnkPg6RzQvCnan\"\n";
const std::string client_head = "[[client]]\nidentity = \"a-pool\"\n";
const std::string may_write = "allow = [\"share.write\"]\n";

Ended run_with_clients(const support::TemporaryFolder& folder, const std::filesystem::path& file) {
    return run({"--listen", "127.0.0.1:0", "--clients", file.string(), "--state-directory", folder.path().string()});
}

// Runs the role on this clients.toml; it must end with code 2 and say what was expected at which line.
void refused_clients(const std::string& content, const std::string& place, const std::string& expected) {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "clients.toml";
    write_file(file, content);
    REQUIRE(::chmod(file.c_str(), 0600) == 0);
    const auto ended = run_with_clients(folder, file);
    INFO(ended.output);
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, file.string() + place));
    CHECK(contains(ended.output, expected));
}

// Runs the role on this database; it must end with code 1 and say what is wrong with which path.
void refused_database(const std::filesystem::path& database, const std::filesystem::path& named,
                      const std::string& reason, const support::RoleProcess::Surroundings& surroundings = {},
                      const std::string& backend = "sqlite") {
    const support::TemporaryFolder state;
    const auto ended = run({"--listen", "127.0.0.1:0", "--backend", backend, "--database-path", database.string(),
                            "--state-directory", state.path().string()},
                           {}, surroundings);
    INFO(ended.output);
    CHECK(ended.exit_code == failed);
    CHECK(contains(ended.output, named.string() + ": "));
    CHECK(contains(ended.output, reason));
    CHECK_FALSE(contains(ended.output, "listening on"));
}

std::set<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) files.insert(entry.path());
    return files;
}

// The same, of a file that is not to be touched, and beside which nothing is to be left.
void refused_untouched(const std::filesystem::path& database, const std::string& reason) {
    const auto content = read_file(database);
    const auto files = files_in(database.parent_path());
    refused_database(database, database, reason);
    CHECK(read_file(database) == content);
    CHECK(files_in(database.parent_path()) == files);
}

// A store that a role has made and left, with 4 bytes of its header replaced (SQLite file format 1.3: user_version is
// at 60, application_id at 68).
std::filesystem::path store_with(const support::TemporaryFolder& folder, std::size_t offset, const std::string& bytes) {
    const auto database = folder.path() / "a-store.db";
    {
        support::RoleProcess role{{"--listen", "127.0.0.1:0", "--backend", "sqlite", "--database-path",
                                   database.string(), "--state-directory", (folder.path() / "state").string()}};
        REQUIRE(role.wait_for_port() != 0);
        role.signal(SIGTERM);
        REQUIRE(role.wait_for_exit() == 0);
    }
    auto content = read_file(database);
    REQUIRE(content.size() > offset + bytes.size());
    write_file(database, content.replace(offset, bytes.size(), bytes));
    std::filesystem::remove(database.string() + ".lock");
    return database;
}

// The same over the other backends that have files. Of a folder, the files in it.
std::map<std::filesystem::path, std::string> contents_of(const std::filesystem::path& place) {
    if (!std::filesystem::is_directory(place)) return {{place, read_file(place)}};
    std::map<std::filesystem::path, std::string> contents;
    for (const auto& file : files_in(place)) contents.emplace(file, read_file(file));
    return contents;
}

const std::vector<std::string> keyed_backends{"rocksdb", "lmdb"};

// A store with some records, which a role has made and left.
std::filesystem::path left_store(const support::TemporaryFolder& folder, const std::string& backend) {
    const auto premises = std::make_shared<Premises>();
    std::filesystem::path made;
    {
        Role role{{.backend = backend}, premises};
        role.enter("stores").store(shares(1, 100));
        made = role.database();
    }
    const auto database = folder.path() / "a-store";
    std::filesystem::rename(made, database);
    return database;
}

// The file whose name has this in it.
std::filesystem::path file_in(const std::filesystem::path& folder, std::string_view part) {
    for (const auto& file : files_in(folder))
        if (contains(file.filename().string(), part)) return file;
    FAIL("no such file");
    return {};
}

// Another backend's, which must be left as it is, and beside which nothing is to be left.
void refused_untouched(const std::string& backend, const std::filesystem::path& database,
                       const std::filesystem::path& named, const std::string& reason) {
    const auto contents = contents_of(database);
    const auto files = files_in(database.parent_path());
    refused_database(database, named, reason, {}, backend);
    CHECK(contents_of(database) == contents);
    CHECK(files_in(database.parent_path()) == files);
}

} // namespace

TEST_CASE("a config with an unknown key is refused with its line and the known keys") {
    refused_config("cert_validity_sec = 60\nlisten_adress = \"127.0.0.1:1\"\n", ":2: unknown key listen_adress",
                   "known are listen_address");
    refused_config("[logging]\nlevel = \"info\"\ncolour = true\n", ":3: unknown key logging.colour", "logging.level");
    refused_config("[storage]\nbackends = \"sqlite\"\n", ":2: unknown key storage.backends", "storage.backend");
    refused_config("[store]\nbackend = \"sqlite\"\n", ":1: unknown key store", "known are");
}

TEST_CASE("a config with a wrong type is refused with its line and what was expected") {
    refused_config("cert_validity_sec = \"60\"\n", ":1: cert_validity_sec: ", "expected a number of seconds");
    refused_config("\nlisten_address = 34274\n", ":2: listen_address: ", "expected an address and port");
    refused_config("logging = 7\n", ":1: logging: ", "expected a table, [logging]");
    refused_config("[logging]\nfile = [1]\n", ":2: logging.file: ", "expected the path of a file");
    refused_config("storage = \"sqlite\"\n", ":1: storage: ", "expected a table, [storage]");
    refused_config("[storage]\nbackend = true\n",
                   ":2: storage.backend: ", "expected memory, sqlite, rocksdb, lmdb or postgres");
    refused_config("[storage]\ndatabase_path = 1\n",
                   ":2: storage.database_path: ", "expected the path of a file or folder");
    refused_config("[storage]\nmax_share_history_days = \"30\"\n",
                   ":2: storage.max_share_history_days: ", "expected a number of days");
    refused_config("clients_file = []\n", ":1: clients_file: ", "expected the path of a file");
    refused_config("max_in_flight_bytes = \"1 MiB\"\n", ":1: max_in_flight_bytes: ", "expected a number of bytes");
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
    refused_config("max_in_flight_bytes = 1048575\n", ":1: max_in_flight_bytes: ", "from 1048576 to");
    refused_config("clients_file = \"\"\n", ":1: clients_file: ", "expected the path of a file");
    refused_config("[storage]\nbackend = \"mysql\"\n",
                   ":2: storage.backend: expected memory, sqlite, rocksdb, lmdb or postgres", "got 'mysql'");
    refused_config("[storage]\ndatabase_path = \"\"\n",
                   ":2: storage.database_path: ", "expected the path of a file or folder");
    refused_config("[storage]\ncleanup_interval_hours = 0\n", ":2: storage.cleanup_interval_hours: ", "got 0");
    refused_config("[storage]\nmax_share_history_days = 36501\n", ":2: storage.max_share_history_days: ", "got 36501");
    refused_config("[storage]\nmax_share_history_days = 2\n", ":2: storage.max_share_history_days: ",
                   "from 3 to 36500 (duplicates are told from the shares of 72 hours), got 2");
    refused_config("[logging]\nlevel = \"loud\"\n", ":2: logging.level: ", "expected one of trace, debug");
    refused_config("authority_public_key = \"9bSX\"\n",
                   ":1: authority_public_key: ", "expected a public key in base58check");
}

TEST_CASE("an interval of cleanups without an age from which on is refused: nothing would ever be removed") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "[storage]\ncleanup_interval_hours = 24\n");
    const auto ended = run({"--config", file.string(), "--state-directory", (folder.path() / "state").string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "cleanup_interval_hours is set without storage.max_share_history_days"));
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
    CHECK(contains(ended.output, scene.folder.path().string() +
                                     " is in use by another role: stop that one, or name another --state-directory"));
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
    const auto backend = run({"--backend", "mysql"});
    CHECK(backend.exit_code == usage);
    CHECK(contains(backend.output, "--backend: storage.backend: expected memory, sqlite, rocksdb, lmdb or postgres"));
    const auto preset = run({"--preset", "nonsense"});
    CHECK(preset.exit_code == usage);
    CHECK(contains(preset.output, "--preset"));
    CHECK(contains(preset.output, "development"));
    CHECK(run({"--nonsense"}).exit_code == usage);
    CHECK(run({"dance"}).exit_code == usage);
    CHECK(run({"keygen"}).exit_code == usage);
    CHECK(run({"keygen", "miner", "--out", "/tmp"}).exit_code == usage);
    CHECK(run({"--listen", "127.0.0.1:0", "keygen", "client", "--out", "/nowhere"}).exit_code == usage);
}

TEST_CASE("a backend that this program was built without is refused with how to get it, before anything is begun") {
    const std::string help = run({"--help"}).output;
    for (const std::string backend : {"rocksdb", "lmdb", "postgres"}) {
        CAPTURE(backend);
        CHECK(contains(help, backend));
        if (is_built(backend)) continue; // nothing to refuse
        const support::TemporaryFolder folder;
        const auto state = folder.path() / "state";
        const auto ended = run({"--backend", backend, "--state-directory", state.string()});
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output,
                       "storage.backend is " + backend + ", and this program was built without it: install "));
        CHECK(contains(ended.output, "-D" + backend + "=enabled"));
        CHECK_FALSE(std::filesystem::exists(state));
    }
}

TEST_CASE("at its start the role says which backends it has") {
    const Role role;
    CHECK(contains(role.process.output(), "backends built: memory, sqlite"));
}

TEST_CASE("a time to wait for a database that is none is refused by its name") {
    const auto ended = run({"--wait-for-database", "-1"});
    CHECK(ended.exit_code == usage);
    CHECK(
        contains(ended.output, "--wait-for-database: storage.wait_for_database: expected a number of seconds from 0"));
    CHECK(contains(run({}, {{"STORAGE__STORAGE__WAIT_FOR_DATABASE", "soon"}}).output, "got soon"));
}

TEST_CASE("a database's URL that is none is refused by its place, and not shown: it may hold a password") {
    const std::string url = "postgresql://user:sec@ret@db.example/shares"; // %40 was meant
    const auto expected = "expected a URL such as \"postgresql://user:password@host:5432/database\"";
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "[storage]\ndatabase_url = \"" + url + "\"\n");
    std::vector<Ended> all{run({"--config", file.string()}), run({}, {{"STORAGE__STORAGE__DATABASE_URL", url}})};
    if (is_built("postgres")) {
        all.push_back(run({"--backend", "postgres"}, {{"DATABASE_URL", url}}));
        CHECK(contains(all.back().output, "DATABASE_URL: expected a URL"));
    }
    for (const Ended& ended : all) {
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, expected));
        CHECK_FALSE(contains(ended.output, "sec"));
    }
    CHECK(contains(all.front().output, file.string() + ":2: storage.database_url: "));
}

TEST_CASE("postgres without a database is refused with what to set") {
    if (!is_built("postgres")) return;
    for (const support::RoleProcess::Environment& environment :
         {support::RoleProcess::Environment{}, {{"DATABASE_URL", ""}}}) {
        const auto ended = run({"--backend", "postgres"}, environment);
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, "expected DATABASE_URL in the environment, or storage.database_url"));
    }
}

TEST_CASE("a database server that is missing is waited for as long as was said, and its password is in no line") {
    if (!is_built("postgres")) return;
    const support::TemporaryFolder folder;
    const support::RoleProcess::Environment environment{{"DATABASE_URL", "postgresql://user:sEcReT@127.0.0.1:1/shares"},
                                                        {"STORAGE__LOGGING__LEVEL", "trace"}};
    const std::vector<std::string> arguments{"--listen",           "127.0.0.1:0",       "--backend",
                                             "postgres",           "--state-directory", folder.path().string(),
                                             "--wait-for-database"};
    auto shortly = arguments;
    shortly.emplace_back("1");
    const auto ended = run(shortly, environment);
    CHECK(ended.exit_code == failed);
    CHECK(contains(ended.output, "not open yet: "));
    CHECK(contains(ended.output, "port 1 failed"));
    CHECK_FALSE(contains(ended.output, "listening on"));
    CHECK_FALSE(contains(ended.output, "sEcReT"));

    for (const int signal : {SIGTERM, SIGINT}) {
        auto for_long = arguments;
        for_long.emplace_back("3600");
        support::RoleProcess waiting{for_long, environment};
        REQUIRE(waiting.wait_for_output("not open yet: "));
        waiting.signal(signal);
        CHECK(waiting.wait_for_exit() == 0);
        CHECK(contains(waiting.output(), "stopped"));
        CHECK_FALSE(contains(waiting.output(), "sEcReT"));
    }
}

TEST_CASE("without an authority key any address but loopback is refused") {
    const support::TemporaryFolder folder;
    const auto ended = run({"--listen", "0.0.0.0:0", "--state-directory", folder.path().string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "listen_address is 0.0.0.0"));
    CHECK(contains(ended.output, "authority_secret_key_file"));
}

TEST_CASE("without a clients file any address but loopback is refused") {
    const support::TemporaryFolder folder;
    CHECK(run({"keygen", "authority", "--out", folder.path().string()}).exit_code == 0);
    const auto file = folder.path() / "storage-config.toml";
    write_file(file, "listen_address = \"0.0.0.0:0\"\nauthority_secret_key_file = \"" +
                         (folder.path() / "authority.secret").string() + "\"\n");
    const auto ended = run({"--config", file.string(), "--state-directory", (folder.path() / "state").string()});
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, "listen_address is 0.0.0.0"));
    CHECK(contains(ended.output, "clients_file"));
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
    CHECK(contains(ended.output,
                   "Address already in use; another program listens there, or has or had a connection from there"));
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

TEST_CASE("a clients file with an unknown key is refused with its line and the known keys") {
    refused_clients(client_head + one_key + may_write + "colour = \"red\"\n", ":5: unknown key client.colour",
                    "known are identity");
    refused_clients("clients = 1\n", ":1: unknown key clients", "expected [[client]]");
    refused_clients("[client]\nidentity = \"a-pool\"\n", ":1: ", "expected [[client]]");
}

TEST_CASE("a clients file with a wrong type is refused with its line and what was expected") {
    refused_clients("[[client]]\nidentity = 7\n" + one_key + may_write, ":2: client.identity: ", "expected 1 to 64");
    refused_clients(client_head + "public_key = 7\n" + may_write, ":3: client.public_key: ", "expected a public key");
    refused_clients(client_head + one_key + "allow = \"share.write\"\n",
                    ":4: client.allow: ", "expected a list of share.write");
    refused_clients(client_head + one_key + may_write + "pool = [\"a\"]\n", ":5: client.pool: ", "expected 1 to 64");
}

TEST_CASE("a client without one of its fields is refused with its line and what was expected") {
    refused_clients("[[client]]\n" + one_key + may_write, ":1: client.identity is missing", "expected 1 to 64");
    refused_clients(client_head + may_write, ":1: client.public_key is missing", "expected a public key");
    refused_clients(client_head + one_key, ":1: client.allow is missing", "expected a list of share.write");
    refused_clients("# nobody\n", ": ", "no [[client]] in it");
}

TEST_CASE("a client with an impossible value is refused with its line and what was expected") {
    auto mistyped = one_key;
    mistyped[mistyped.size() - 3] = '3';
    refused_clients(client_head + mistyped + may_write, ":3: client.public_key: ", "expected a public key");
    refused_clients(client_head + one_key + "allow = [\"share.write\", \"share.read\"]\n",
                    ":4: client.allow: ", "query.own");
    refused_clients(client_head + one_key + "allow = []\n", ":4: client.allow: ", "expected a list of share.write");
    refused_clients("[[client]]\nidentity = \"a pool\"\n" + one_key + may_write,
                    ":2: client.identity: ", "letters, digits");
    refused_clients("[[client]\n", ":1: ", "");
}

TEST_CASE("clients that contradict each other are refused with the line of the later one") {
    refused_clients(client_head + one_key + may_write + "[[client]]\nidentity = \"another\"\n" + one_key + may_write,
                    ":5: ", "stands in the file already");
    refused_clients(client_head + one_key + may_write + client_head + other_key + may_write + "pool = \"another\"\n",
                    ":5: ", "is in pool a-pool and in pool another");
}

TEST_CASE("a secret in the place of a client's public key is refused, and not shown") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "clients.toml";
    write_file(file, client_head + "public_key = \"mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n\"\n" + may_write);
    REQUIRE(::chmod(file.c_str(), 0600) == 0);
    const auto ended = run_with_clients(folder, file);
    CHECK(ended.exit_code == usage);
    CHECK(contains(ended.output, file.string() + ":3: client.public_key: expected a public key"));
    CHECK_FALSE(contains(ended.output, "mkDLTBBR"));
}

TEST_CASE("a clients file that others can write is refused") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "clients.toml";
    write_file(file, client_head + one_key + may_write);
    for (const mode_t mode : {0620U, 0602U}) {
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        const auto ended = run_with_clients(folder, file);
        CHECK(ended.exit_code == usage);
        CHECK(contains(ended.output, file.string() + ": others than its owner can write it"));
    }
}

TEST_CASE("a clients file that is missing, or a folder, is refused by its name") {
    const support::TemporaryFolder folder;
    const auto missing = run_with_clients(folder, folder.path() / "missing.toml");
    CHECK(missing.exit_code == usage);
    CHECK(contains(missing.output, (folder.path() / "missing.toml").string() + ": cannot be read"));
    const auto file_is_folder = run_with_clients(folder, folder.path());
    CHECK(file_is_folder.exit_code == usage);
    CHECK(contains(file_is_folder.output, folder.path().string() + ": cannot be read"));
}

TEST_CASE("a database of a newer version is refused and not touched") {
    const support::TemporaryFolder folder;
    refused_untouched(store_with(folder, 60, std::string("\x7f\xff\xff\xff", 4)),
                      "has schema version 2147483647; this program reads and writes 3: run the version that wrote it, "
                      "or name another database_path, this one is left as it is");
}

TEST_CASE("a database of an older version is refused and not touched") {
    const support::TemporaryFolder folder;
    refused_untouched(store_with(folder, 60, std::string(4, '\0')),
                      "has schema version 0; this program reads and writes 3: run the version that wrote it, or name "
                      "another database_path, this one is left as it is");
}

TEST_CASE("a file that is no store of ours is refused and not touched") {
    const support::TemporaryFolder folder;
    const std::string refusal = "of another program: name another database_path, this one is left as it is";
    SUBCASE("a text") {
        write_file(folder.path() / "letter.txt", "Dear customer,\nwe have received your shares.\n");
        refused_untouched(folder.path() / "letter.txt", refusal);
    }
    SUBCASE("the SQLite database of another program") {
        refused_untouched(store_with(folder, 68, std::string(4, '\0')), refusal);
    }
}

TEST_CASE("a store that is damaged is refused with what to do, and nothing in it is changed") {
    const support::TemporaryFolder folder;
    std::filesystem::path database;
    SUBCASE("in what its tables are called, behind the header") {
        database = store_with(folder, 100, std::string(4096 - 100, '\xff'));
    }
    SUBCASE("in what they hold") {
        database = store_with(folder, 4096, std::string(std::size_t{32} * 4096, '\xff'));
    }
    const auto content = read_file(database);
    refused_database(database, database, "; the file is damaged: move it and its -wal away, and bring back a backup");
    CHECK(read_file(database) == content);
}

TEST_CASE("a row that was changed is not given out, and the log names its file; all else is stored and served") {
    const auto premises = std::make_shared<Premises>();
    std::filesystem::path database;
    {
        Role role{{.backend = "sqlite"}, premises};
        auto labelled = share(2, "2.2.2.2");
        labelled.label.text = "as it was";
        auto client = role.enter("stores");
        client.store({bytes_of(share(1)), bytes_of(labelled)});
        database = role.database();
    }
    std::string content = read_file(database);
    const auto row = content.find("as it was");
    REQUIRE(row != std::string::npos);
    write_file(database, content.replace(row, 9, "as it is "));

    Scene scene{{.backend = "sqlite"}, premises};
    auto client = scene.enter("stores");
    auto page = all_of(protocol::RecordKind::share, "2.2.2.2");
    page.request_id = 1;
    client.peer.send(page);
    const auto error = client.receive<protocol::Error>();
    CHECK(error.code.text == "storage-unavailable");
    CHECK(contains(error.detail.text, "record at position 2: its checksum does not hold"));
    CHECK(client.stored_shares().size() == 1);
    const std::string told = "damaged: record at position 2: its checksum does not hold, in " + database.string();
    CHECK(scene.process.wait_for_output("what is stored is " + told));
    const auto health = client.ask<protocol::GetHealthSuccess>(protocol::GetHealth{});
    CHECK(health.is_healthy); // it stores
    CHECK(told.starts_with(health.error_message.text));
    CHECK(contains(health.error_message.text, "position 2"));
    scene.check_others_go_on();
}

TEST_CASE("a place where no database can be is refused by its name") {
    const support::TemporaryFolder folder;
    write_file(folder.path() / "file", "a file\n");
    refused_database(folder.path() / "missing" / "a.db", folder.path() / "missing", "no such folder");
    refused_database(folder.path() / "file" / "a.db", folder.path() / "file", "ot a "); // directory, or folder
    refused_database(folder.path(), folder.path(), "is a directory");
    REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
    refused_database(folder.path() / "pipe", folder.path() / "pipe", "not a regular file");
    refused_database("/proc/a.db", "/proc/a.db.lock", "No such file"); // where nobody can make a file, root included
    std::filesystem::create_symlink(folder.path() / "gone" / "a.db", folder.path() / "link");
    refused_database(folder.path() / "link", folder.path() / "link", "a link that leads nowhere");
    CHECK(read_file(folder.path() / "file") == "a file\n");
}

TEST_CASE(
    "a folder that may not be written, entered or read is refused by its name, and the file in it stays as it is") {
    const support::TemporaryFolder folder;
    const auto database = store_with(folder, 0, "");
    const auto content = read_file(database);
    const auto other = folder.path() / "another.db";
    for (const mode_t mode : {0500U, 0400U, 0U}) {
        CAPTURE(mode);
        REQUIRE(::chmod(folder.path().c_str(), mode) == 0);
        for (const auto& path : {database, other}) {
            const std::filesystem::path named = mode == 0500U ? path.string() + ".lock" : path.string();
            refused_database(path, named, "Permission denied; let the role's user read and write it and its folder",
                             {.heeds_permissions = true});
        }
        REQUIRE(::chmod(folder.path().c_str(), 0700) == 0);
        CHECK(read_file(database) == content);
        CHECK_FALSE(std::filesystem::exists(other));
    }
}

TEST_CASE(
    "on a full disk no store is made or opened; the role says where to make room, and starts once there is some") {
    constexpr std::size_t too_few = std::size_t{16} * 1024; // bytes
    const std::string advice = "; make room on its disk";
    const support::TemporaryFolder folder;
    const auto database = store_with(folder, 0, "");
    const auto content = read_file(database);
    refused_database(database, database, "File too large)" + advice, {.max_file_size = too_few});
    CHECK(read_file(database) == content);

    const auto other = folder.path() / "another.db";
    const auto files = files_in(folder.path());
    refused_database(other, other.string() + ".new", "File too large)" + advice, {.max_file_size = too_few});
    auto left = files_in(folder.path());
    CHECK(left.erase(other.string() + ".lock") == 1);
    CHECK(left == files);

    const support::TemporaryFolder state;
    for (const auto& path : {database, other}) {
        support::RoleProcess role{{"--listen", "127.0.0.1:0", "--backend", "sqlite", "--database-path", path.string(),
                                   "--state-directory", state.path().string()}};
        CHECK(role.wait_for_port() != 0);
    }
}

TEST_CASE("a second role on the same store ends with code 1, whatever name it has for it, and the first goes on") {
    Scene scene{{.backend = "sqlite"}};
    scene.enter("stores").store(shares(1, 3));
    const std::string held = "held by another role: stop that one, or name another database_path";
    refused_database(scene.database(), scene.database().string() + ".lock", held);

    const support::TemporaryFolder elsewhere;
    std::filesystem::create_symlink(scene.database(), elsewhere.path() / "link.db");
    refused_database(elsewhere.path() / "link.db", scene.database().string() + ".lock", held);
    std::filesystem::create_directory_symlink(scene.folder.path(), elsewhere.path() / "folder");
    refused_database(elsewhere.path() / "folder" / "stratum_storage.db", scene.database().string() + ".lock", held);
    scene.check_others_go_on();
    CHECK(scene.enter("stores").totals().shares_accepted == 3);

    scene.process.signal(SIGTERM);
    REQUIRE(scene.process.wait_for_exit() == 0);
    support::RoleProcess next{{"--listen", "127.0.0.1:0", "--backend", "sqlite", "--database-path",
                               scene.database().string(), "--state-directory", elsewhere.path().string()}};
    CHECK(next.wait_for_port() != 0);
}

TEST_CASE("a database of another program is refused by rocksdb and lmdb too, and not touched") {
    const std::string refusal = "of another program: name another database_path, this one is left as it is";
    for (const auto& backend : keyed_backends) {
        CAPTURE(backend);
        if (!is_built(backend)) continue;
        const support::TemporaryFolder folder;
        const auto database = folder.path() / "photographs";
        if (backend == "rocksdb") {
            std::filesystem::create_directory(database);
            write_file(database / "CURRENT", "MANIFEST-000001\n");
        } else {
            write_file(database, std::string(8192, 'x'));
        }
        refused_untouched(backend, database, database, refusal);
    }
}

TEST_CASE("a database of a newer version is refused by rocksdb and lmdb too, and not touched") {
    for (const auto& backend : keyed_backends) {
        CAPTURE(backend);
        if (!is_built(backend)) continue;
        const support::TemporaryFolder folder;
        const auto database = left_store(folder, backend);
        if (backend == "rocksdb") {
            write_file(database / "storage-sv2", "a store of storage-sv2, schema version 9\n");
        } else { // each row that says whose it is: the version is behind that
            std::string content = read_file(database);
            for (auto at = content.find("S2VS"); at != std::string::npos; at = content.find("S2VS", at + 1))
                content[at + 4] = 9;
            write_file(database, content);
        }
        refused_untouched(backend, database, database,
                          "has schema version 9; this program reads and writes 2: run the version that wrote it, or "
                          "name another database_path, this one is left as it is");
    }
}

TEST_CASE("a database of rocksdb or lmdb that is damaged or cut short is refused with what to bring back") {
    for (const auto& backend : keyed_backends) {
        CAPTURE(backend);
        if (!is_built(backend)) continue;
        const support::TemporaryFolder folder;
        const auto database = left_store(folder, backend);
        if (backend == "rocksdb") {
            const auto manifest = file_in(database, "MANIFEST");
            std::string content = read_file(manifest);
            content[content.size() / 2] ^= 1;
            write_file(manifest, content);
            refused_database(database, database, manifest.filename().string(), {}, backend);
            refused_database(database, database, "; the store is damaged: bring back the file that is named here", {},
                             backend);
        } else {
            std::filesystem::resize_file(database, 16'384);
            refused_database(database, database, "it was cut short: 16384 bytes are there of ", {}, backend);
            refused_database(database, database, "; bring the whole file back from a backup", {}, backend);
        }
    }
}

TEST_CASE("a second role on the same database of rocksdb or lmdb ends with code 1, and the first goes on") {
    for (const auto& backend : keyed_backends) {
        CAPTURE(backend);
        if (!is_built(backend)) continue;
        Scene scene{{.backend = backend}};
        scene.enter("stores").store(shares(1, 3));
        refused_database(scene.database(), scene.database().string() + ".lock",
                         "held by another role: stop that one, or name another database_path", {}, backend);
        scene.check_others_go_on();
        CHECK(scene.enter("stores").totals().shares_accepted == 3);
    }
}

TEST_CASE("a file of lmdb that is cut short while the role runs ends the role with a word; brought back, it has all") {
    if (!is_built("lmdb")) return;
    const auto premises = std::make_shared<Premises>();
    constexpr std::uint64_t acknowledged = 20'000;
    {
        Role role{{.backend = "lmdb"}, premises};
        auto client = role.enter("stores");
        for (std::uint64_t first = 1; first < acknowledged; first += 1000) client.store(shares(first, first + 999));
        const std::string whole = read_file(role.database());
        std::filesystem::resize_file(role.database(), 16'384);
        client.send(shares(acknowledged + 1, acknowledged + 1));
        CHECK(role.process.wait_for_exit() == failed);
        CHECK(contains(role.process.output(), "storage-sv2: " + role.database().string() +
                                                  ": the file was cut short while it was open, or its disk cannot be "
                                                  "read; the role ends here"));
        CHECK(contains(role.process.output(), "bring the whole file back from a backup, and start again.\n"));
        client.read_until_closed();
        CHECK(client.durable() == acknowledged);
        write_file(role.database(), whole);
    }
    Role role{{.backend = "lmdb"}, premises};
    auto client = role.enter("stores");
    CHECK(client.granted.durable_sequence == acknowledged);
    CHECK(client.totals().shares_accepted == acknowledged);
}
