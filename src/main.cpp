// The command line: builds everything, runs it, and turns what happened into an exit code.
// 0 done; 1 failed at run time; 2 wrong command line or configuration.

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "src/authority.hpp"
#include "src/client_table.hpp"
#include "src/config.hpp"
#include "src/key_file.hpp"
#include "src/logging.hpp"
#include "src/serve.hpp"
#include "src/state_directory.hpp"
#include "storage/open.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <expected>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct ServeOptions {
    std::optional<std::string> config;
    std::optional<std::string> listen;
    std::optional<std::string> log_file;
    std::optional<std::string> state_directory;
    std::optional<std::string> preset;
    std::optional<std::string> backend;
    std::optional<std::string> database_path;
    std::optional<std::string> wait_for_database;
    std::optional<std::string> clients;
};

struct KeygenOptions {
    std::string kind;
    std::string out;
};

// Those that this program was built without, too.
std::string backends_in_words() {
    std::string words{"where records are kept, one of"};
    for (const storage::Backend& backend : storage::backends()) {
        words.append(" ").append(backend.name);
        if (!backend.missing.empty()) words.append(" (not in this program: ").append(backend.missing).append(")");
    }
    return words.append(" [memory]");
}

void add_serve_options(CLI::App& app, ServeOptions& options) {
    app.add_option("-c,--config", options.config, "TOML file with the role's settings")->type_name("FILE");
    app.add_option("--preset", options.preset, "settings to start from [development, the only one yet]")
        ->type_name("NAME")
        ->check(CLI::IsMember({"development"}));
    app.add_option("--backend", options.backend, backends_in_words())->type_name("NAME");
    app.add_option(
           "--database-path", options.database_path,
           "the database's file or folder, for sqlite, rocksdb and lmdb [stratum_storage.db, .rocksdb or .lmdb in "
           "the state directory]; that of postgres is in $DATABASE_URL or storage.database_url, and no option, "
           "since everybody on the machine can read a command line, and it may hold a password")
        ->type_name("P");
    app.add_option(
           "--wait-for-database", options.wait_for_database,
           "how long to wait for a database server that is missing [30]; while another role is active it waits on")
        ->type_name("SECONDS");
    app.add_option("--clients", options.clients,
                   "clients.toml: who may connect [on loopback any key, elsewhere required]")
        ->type_name("FILE");
    app.add_option("--listen", options.listen,
                   "address and port to listen on [127.0.0.1:34274]; port 0 picks a free one")
        ->type_name("ADDR:PORT");
    app.add_option("-f,--log-file", options.log_file, "write the log to this file too")->type_name("FILE");
    app.add_option("--state-directory", options.state_directory,
                   "the role's own files [$STATE_DIRECTORY, else ~/.local/state/storage-sv2]")
        ->type_name("DIR");
}

int usage_error(std::string_view what) {
    std::cerr << "storage-sv2: " << what << '\n';
    return exit_usage;
}

// Empty if there is none.
std::filesystem::path default_state_directory() {
    if (const char* given = std::getenv("STATE_DIRECTORY"); given != nullptr && *given != '\0') return given;
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
        return std::filesystem::path{home} / ".local/state/storage-sv2";
    return {};
}

std::expected<role::Config, role::ConfigError> load_config(const ServeOptions& options, const noise::Curve& curve,
                                                           const char* const* environment) {
    role::Config config;
    role::ConfigResult done;
    if (options.config) done = role::apply_file(config, curve, *options.config);
    if (done) done = role::apply_environment(config, curve, environment);
    const std::array given{
        std::tuple{&options.listen, "listen_address", "--listen"},
        std::tuple{&options.log_file, "logging.file", "--log-file"},
        std::tuple{&options.backend, "storage.backend", "--backend"},
        std::tuple{&options.database_path, "storage.database_path", "--database-path"},
        std::tuple{&options.wait_for_database, "storage.wait_for_database", "--wait-for-database"},
        std::tuple{&options.clients, "clients_file", "--clients"},
    };
    for (const auto& [value, key, option] : given)
        if (done && *value) done = role::apply_option(config, curve, key, **value, option);
    if (done) done = role::check(config);
    if (!done) return std::unexpected(done.error());
    config.state_directory = default_state_directory();
    if (options.state_directory) config.state_directory = *options.state_directory;
    if (config.state_directory.empty())
        return std::unexpected("no state directory: expected --state-directory, STATE_DIRECTORY or HOME");
    return config;
}

std::expected<role::ClientTable, role::ConfigError> load_clients(const role::Config& config, const noise::Curve& curve,
                                                                 spdlog::logger& log) {
    if (config.clients_file) return role::ClientTable::read(*config.clients_file, curve);
    if (!config.listen_address.is_loopback)
        return std::unexpected("listen_address is " + config.listen_address.address +
                               ": without clients_file the role listens on loopback addresses only");
    log.info("no clients_file is configured: development preset, any client key is taken, loopback only");
    return role::ClientTable::open_to_all();
}

int serve(const ServeOptions& options, const char* const* environment) {
    const noise::Curve curve = client::make_curve();
    auto config = load_config(options, curve, environment);
    if (!config) return usage_error(config.error());
    const auto state = role::StateDirectory::open(config->state_directory);
    if (!state) {
        std::cerr << "storage-sv2: " << state.error().message << '\n';
        return state.error().is_in_use ? exit_failed : exit_usage;
    }
    const role::Logging logging{config->log};
    auto authority = role::load_authority(*config, curve, *logging.part("config"));
    if (!authority) return usage_error(authority.error());
    const auto clients = load_clients(*config, curve, *logging.part("config"));
    if (!clients) return usage_error(clients.error());
    try {
        role::serve(*config, curve, *std::move(authority), *clients, logging);
    } catch (const std::exception& failure) {
        logging.part("server")->error("{}", failure.what());
        return exit_failed;
    }
    return EXIT_SUCCESS;
}

int keygen(const KeygenOptions& options) {
    const noise::Curve curve = client::make_curve();
    const auto key = role::write_new_key_pair(curve, options.out, options.kind);
    if (!key) {
        std::cerr << "storage-sv2: " << key.error() << '\n';
        return exit_failed;
    }
    std::cout << noise::public_key_text(*key) << '\n';
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv, char** environment) {
    std::signal(SIGPIPE, SIG_IGN); // a reader of our log that goes away must not end the role
    std::signal(SIGXFSZ, SIG_IGN); // a file at its size limit is a full disk: an error, not an end

    CLI::App app{"storage-sv2: the Stratum V2 role that stores shares, accounting and blocks", "storage-sv2"};
    app.set_version_flag("--version", "storage-sv2 " STORAGE_SV2_VERSION);
    app.require_subcommand(0, 1); // none: serve

    ServeOptions serve_options;
    add_serve_options(app, serve_options);
    auto* const serve_command = app.add_subcommand("serve", "run the role (what no command does too)");
    add_serve_options(*serve_command, serve_options);

    KeygenOptions keygen_options;
    auto* const keygen_command = app.add_subcommand("keygen", "make a key pair and print its public key");
    keygen_command->add_option("kind", keygen_options.kind, "authority (the role's) or client (a pool's)")
        ->required()
        ->check(CLI::IsMember({"authority", "client"}));
    keygen_command->add_option("--out", keygen_options.out, "folder for KIND.secret and KIND.public; made if missing")
        ->required()
        ->type_name("DIR");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : exit_usage;
    }
    if (keygen_command->parsed() && app.count_all() > keygen_command->count_all() + 1)
        return usage_error("keygen takes its own options only");

    try {
        return keygen_command->parsed() ? keygen(keygen_options) : serve(serve_options, environment);
    } catch (const std::exception& failure) {
        std::cerr << "storage-sv2: " << failure.what() << '\n';
        return exit_failed;
    }
}
