// What is particular to a store in LMDB's file: how it grows, what becomes of it when it is cut short.
#include "storage/keyed/keys.hpp"
#include "storage/lmdb/lmdb_engine.hpp"
#include "tests/storage/keyed/scene.hpp"

#include <fcntl.h>
#include <lmdb.h>

#include <csignal>
#include <limits>
#include <thread>

namespace keyed_tests {

const std::string_view name = "lmdb";

storage::Result<std::unique_ptr<Engine>> open_engine(const fs::path& path) {
    return storage::open_lmdb(path);
}

storage::Result<std::unique_ptr<KeyValues>> open_values(const fs::path& path) {
    return storage::open_lmdb_values(path, std::numeric_limits<std::uint64_t>::max());
}

void change_version(const fs::path& path, int version) {
    const std::string key(1, static_cast<char>(storage::keyed::RowKind::store));
    static std::string row; // as it is in a store of ours
    if (row.empty()) row = content(*values(path), Table::rows).at(key);
    row[4] = static_cast<char>(version);
    MDB_env* environment = nullptr;
    REQUIRE(mdb_env_create(&environment) == 0);
    REQUIRE(mdb_env_set_maxdbs(environment, 4) == 0);
    REQUIRE(mdb_env_set_mapsize(environment, fs::file_size(path)) == 0);
    REQUIRE(mdb_env_open(environment, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
    MDB_txn* transaction = nullptr;
    REQUIRE(mdb_txn_begin(environment, nullptr, 0, &transaction) == 0);
    MDB_dbi rows = 0;
    REQUIRE(mdb_dbi_open(transaction, "rows", 0, &rows) == 0);
    MDB_val name{.mv_size = key.size(), .mv_data = const_cast<char*>(key.data())};
    MDB_val value{.mv_size = row.size(), .mv_data = row.data()};
    REQUIRE(mdb_put(transaction, rows, &name, &value, 0) == 0);
    REQUIRE(mdb_txn_commit(transaction) == 0);
    mdb_env_close(environment);
}

} // namespace keyed_tests

using namespace keyed_tests;

namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

// A database of LMDB that has nothing to do with this program.
void make_foreign(const fs::path& file) {
    MDB_env* environment = nullptr;
    REQUIRE(mdb_env_create(&environment) == 0);
    REQUIRE(mdb_env_open(environment, file.c_str(), MDB_NOSUBDIR, 0600) == 0);
    MDB_txn* transaction = nullptr;
    REQUIRE(mdb_txn_begin(environment, nullptr, 0, &transaction) == 0);
    MDB_dbi main = 0;
    REQUIRE(mdb_dbi_open(transaction, nullptr, 0, &main) == 0);
    MDB_val text{.mv_size = 4, .mv_data = const_cast<char*>("rows")};
    REQUIRE(mdb_put(transaction, main, &text, &text, 0) == 0);
    REQUIRE(mdb_txn_commit(transaction) == 0);
    mdb_env_close(environment);
}

} // namespace

TEST_CASE("a file of another program is refused, and nothing of it or beside it is changed") {
    Scene scene;
    SUBCASE("text") {
        std::ofstream{scene.file} << "hello";
    }
    SUBCASE("zeros") {
        std::ofstream{scene.file} << std::string(8192, '\0');
    }
    SUBCASE("a database of LMDB") {
        make_foreign(scene.file);
    }
    const auto before = files_in(scene.folder.path());
    check_refused(scene.file, Kind::foreign, "of another program");
    CHECK(files_in(scene.folder.path()) == before);
}

TEST_CASE("a directory is no place for a store, an empty file is one") {
    Scene scene;
    check_refused(scene.folder.path(), Kind::unusable, "is a directory");
    std::ofstream{scene.file}.close();
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("what a killed creation left is no hindrance") {
    Scene scene;
    std::ofstream{fs::path{scene.file} += ".new"} << "half a store";
    std::ofstream{fs::path{scene.file} += ".new-lock"} << "its lock";
    CHECK(head(*open(scene.file)) == 0);
    CHECK(files_in(scene.folder.path()).size() == 3); // with the two locks
}

TEST_CASE("a file that was cut short is told with both its sizes, and is whole again when it is brought back") {
    Scene scene;
    {
        const auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 20'000).take()));
        REQUIRE(engine->close());
    }
    const std::string whole = files_in(scene.folder.path()).at(scene.file.filename());
    SUBCASE("by half") {
        fs::resize_file(scene.file, whole.size() / 2);
        check_refused(scene.file, Kind::corrupt,
                      "it was cut short: " + std::to_string(whole.size() / 2) + " bytes are");
    }
    SUBCASE("to a few bytes") {
        fs::resize_file(scene.file, 1000);
        check_refused(scene.file, Kind::corrupt, "its beginning is damaged");
    }
    std::ofstream{scene.file, std::ios::binary} << whole;
    const auto engine = open(scene.file);
    CHECK(head(*engine) == 20'000);
    check_whole(*engine);
}

TEST_CASE("a file that is cut short while it is open ends the process with a word of which, and what to do") {
    Scene scene;
    const fs::path told = scene.folder.path() / "told";
    const int code = in_child([&] {
        const int out = ::open(told.c_str(), O_WRONLY | O_CREAT, 0600);
        if (dup2(out, STDERR_FILENO) < 0) return 97;
        const auto engine = open_engine(scene.file);
        if (!engine) return 96;
        Log log{**engine};
        if (!(*engine)->write(log.add_shares(1, 20'000).take())) return 95; // the file has grown
        fs::resize_file(scene.file, 16'384);
        return (*engine)->read(1, end_of_numbers, end_of_numbers) ? 94 : 93;
    });
    CHECK(code == 1);
    const std::string text = files_in(scene.folder.path()).at("told");
    CAPTURE(text);
    CHECK(text.starts_with("storage-sv2: " + scene.file.native() + ": the file was cut short while it was open"));
    CHECK(text.find("bring the whole file back from a backup") != std::string::npos);
    check_refused(scene.file, Kind::corrupt, "it was cut short");
}

TEST_CASE("a signal that has to do with another file goes where it would have gone") {
    Scene scene;
    const int code = in_child([&] {
        std::signal(SIGBUS, SIG_DFL); // sanitizers have a handler of their own
        const auto engine = open_engine(scene.file);
        return engine ? raise(SIGBUS) : 96;
    });
    CHECK(code == -SIGBUS);
}

TEST_CASE("the file grows by itself while it is read, and nothing is lost by it") {
    Scene scene;
    auto engine = open(scene.file);
    const auto before = fs::file_size(scene.file);
    std::atomic<bool> has_ended = false;
    std::atomic<int> failures = 0;
    std::thread reader{[&] {
        while (!has_ended) {
            const auto entries = engine->read(1, end_of_numbers, 100);
            if (!entries) ++failures;
        }
    }};
    Log log{*engine};
    bool is_written = true;
    for (int i = 0; i < 30; ++i) is_written = is_written && engine->write(log.add_shares(1, 2000).take());
    has_ended = true;
    reader.join();
    CHECK(is_written);
    CHECK(failures == 0);
    CHECK(fs::file_size(scene.file) >= before + 8 * mebibyte);
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == 60'000);
    check_whole(*engine);
}

TEST_CASE("a store at its limit says so, keeps what it has, and goes on when records are taken out") {
    Scene scene;
    auto opened = storage::open_lmdb(scene.file, 8 * mebibyte);
    REQUIRE(opened);
    auto engine = *std::move(opened);
    Log log{*engine};
    std::vector<Transaction> written;
    storage::Result<void> last;
    Transaction late;
    while (last) {
        late = log.add_shares(1, 1000).take();
        last = engine->write(late);
        if (last) written.push_back(late);
    }
    REQUIRE(written.size() > 5);
    CHECK(kind(last) == Kind::full);
    CHECK(last.error().detail.find("it may not have more than 8388608 bytes") != std::string::npos);
    CHECK(fs::file_size(scene.file) == 8 * mebibyte);
    CHECK(kind(engine->write(late)) == Kind::full);
    CHECK(head(*engine) == written.size() * 1000);
    check_whole(*engine);

    Log remover{*engine}; // small steps, as a clean-up takes
    for (std::size_t i = 0; i < written.size(); ++i) {
        for (std::size_t first = 0; first < 1000; first += 100) {
            const auto begin = written[i].entries.begin() + static_cast<std::ptrdiff_t>(first);
            REQUIRE(engine->write(remover.take_out({begin, begin + 100}).take()));
        }
    }
    CHECK(all(*engine).empty());
    CHECK(engine->write(remover.add_shares(1, 1000).take()));
    CHECK(fs::file_size(scene.file) == 8 * mebibyte);
}

TEST_CASE("readers between two questions keep nothing: what is written over and over needs no more room") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    for (int i = 0; i < 3; ++i) REQUIRE(engine->write(log.add_shares(1, 1000).take()));
    REQUIRE(all(*engine).size() == 3000); // by a reader that stays
    for (int i = 0; i < 10; ++i) REQUIRE(engine->write(log.derive({1}, Bytes(1000, 1)).take()));
    const auto before = fs::file_size(scene.file);
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(engine->write(log.derive({1}, Bytes(10'000, 1)).take()));
        if (i % 100 == 0) CHECK(engine->find(1, 1));
    }
    CHECK(fs::file_size(scene.file) == before);
}

TEST_CASE("a process that was killed while it read the file keeps nothing either") {
    const Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    const auto write_over = [&](int times) {
        for (int i = 0; i < times; ++i) REQUIRE(engine->write(log.derive({1}, Bytes(10'000, 1)).take()));
    };
    write_over(10);
    const auto before = fs::file_size(scene.file);
    const int code = in_child([&] {
        MDB_env* environment = nullptr;
        MDB_txn* transaction = nullptr;
        if (mdb_env_create(&environment) != 0) return 97;
        if (mdb_env_open(environment, scene.file.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600) != 0) return 96;
        if (mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction) != 0) return 95;
        return raise(SIGKILL);
    });
    REQUIRE(code == -SIGKILL);
    write_over(2000);
    CHECK(fs::file_size(scene.file) == before);
}
