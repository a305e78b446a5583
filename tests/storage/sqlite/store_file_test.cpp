#include "storage/sqlite/database.hpp"
#include "tests/storage/sqlite/scene.hpp"

#include <array>
#include <fstream>
#include <sys/stat.h>

using namespace sqlite_scene;
using storage::sqlite::Database;
using storage::sqlite::Use;

TEST_CASE("a new store is empty, has a data set of its own and a file for its owner alone") {
    Scene scene;
    const auto engine = open(scene.file);
    CHECK(engine->name() == "sqlite");
    CHECK(engine->durability() == protocol::Durability::local);
    const auto contents = engine->load();
    REQUIRE(contents);
    CHECK(contents->data_set.id != 0);
    CHECK(contents->fingerprint_key != std::array<std::uint8_t, 16>{});
    CHECK(contents->head.term == 0);
    CHECK(contents->head.position == 0);
    CHECK(contents->head.chain == storage::ChainLink{});
    CHECK(contents->streams.empty());
    CHECK(all(*engine).empty());
    struct stat status{};
    REQUIRE(stat(scene.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    const auto other = open(scene.folder.path() / "other.db");
    CHECK(other->load()->data_set.id != contents->data_set.id);
    CHECK(other->load()->fingerprint_key != contents->fingerprint_key);
}

TEST_CASE("every table is STRICT, and records of each kind are rows whose id is their position") {
    Scene scene;
    const auto engine = open(scene.file);
    Prompt prompt{scene.file};
    const std::string tables = "FROM pragma_table_list AS t WHERE schema = 'main' AND type = 'table'";
    CHECK(prompt.run("SELECT name " + tables + " AND NOT strict AND name NOT LIKE 'sqlite_%'").empty());
    CHECK(prompt.run("SELECT name " + tables +
                     " AND NOT wr AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) AS c WHERE c.name = 'position' "
                     "AND c.pk = 1 AND c.type = 'INTEGER') ORDER BY name") ==
          "acknowledgments\nblock_statuses\nblocks\ndeclared_jobs\ndeletions\nrefused_records\nreports\nshares\n"
          "solutions\n");
}

TEST_CASE("a connection for reading writes nothing") {
    Scene scene;
    const auto engine = open(scene.file);
    const auto reader = Database::open(scene.file, Use::read);
    REQUIRE(reader);
    CHECK((*reader)->execute("SELECT * FROM head"));
    CHECK_FALSE((*reader)->execute("UPDATE head SET term = 7"));
    CHECK(Prompt{scene.file}.run("SELECT term FROM head") == "0\n");
}

TEST_CASE("a name without a folder is in the current one") {
    Scene scene;
    const fs::path before = fs::current_path();
    fs::current_path(scene.folder.path());
    const auto engine = open_sqlite("./store.db");
    fs::current_path(before);
    REQUIRE(engine);
    CHECK(fs::exists(scene.file));
    const auto contents = (*engine)->load(); // opens another connection, from elsewhere
    CHECK(contents);
}

TEST_CASE("an empty file becomes a store") {
    Scene scene;
    std::ofstream{scene.file}.close();
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("a store is opened once at a time, by whatever name") {
    Scene scene;
    auto engine = open(scene.file);
    CHECK(error_of_opening(scene.file) == Kind::in_use);
    fs::create_symlink(scene.file, scene.folder.path() / "link.db");
    CHECK(error_of_opening(scene.folder.path() / "link.db") == Kind::in_use);
    CHECK(error_of_opening(scene.folder.path() / "." / "link.db") == Kind::in_use);
    Log log{*engine};
    CHECK(engine->write(log.add_shares(1, 1).take()));
    REQUIRE(engine->close());
    CHECK(head(*open(scene.folder.path() / "link.db")) == 1);
}

TEST_CASE("a file of another program is refused, and nothing of it or beside it is changed") {
    Scene scene;
    SUBCASE("text") {
        std::ofstream{scene.file} << "hello";
    }
    SUBCASE("a page of zeros") {
        std::ofstream{scene.file} << std::string(4096, '\0');
    }
    SUBCASE("a database of SQLite") {
        Prompt{scene.file}.run("CREATE TABLE shares (x); INSERT INTO shares VALUES (1)");
    }
    SUBCASE("one with a write-ahead journal") {
        Prompt{scene.file}.run("PRAGMA journal_mode = WAL; CREATE TABLE shares (x)");
    }
    const auto before = files_in(scene.folder.path());
    CHECK(error_of_opening(scene.file) == Kind::foreign);
    CHECK(files_in(scene.folder.path()) == before);
}

TEST_CASE("a file of another program that is open there is refused, and not changed") {
    Scene scene;
    Prompt prompt{scene.file};
    prompt.run(
        "PRAGMA journal_mode = WAL; CREATE TABLE shares (x); PRAGMA wal_checkpoint; INSERT INTO shares VALUES (1)");
    const auto before = files_in(scene.folder.path());
    CHECK(before.size() == 3);
    CHECK(error_of_opening(scene.file) == Kind::foreign);
    CHECK(files_in(scene.folder.path()) == before);
}

TEST_CASE("a store of another schema is refused with both versions") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    Prompt{scene.file}.run("PRAGMA user_version = 27");
    const auto newer = open_sqlite(scene.file);
    REQUIRE(kind(newer) == Kind::newer_schema);
    CHECK(newer.error().detail.find("27") != std::string::npos);
    CHECK(newer.error().detail.find(" 3") != std::string::npos);
    CHECK(newer.error().detail.find(scene.file.native()) != std::string::npos);
    for (const char* const older : {"PRAGMA user_version = 2", "PRAGMA user_version = 0"}) {
        Prompt{scene.file}.run(older);
        CHECK(error_of_opening(scene.file) == Kind::older_schema);
    }
    Prompt{scene.file}.run("PRAGMA user_version = 3");
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("a path where no store can be is refused with the reason") {
    Scene scene;
    const auto detail = [](const fs::path& file) {
        const auto engine = open_sqlite(file);
        REQUIRE(kind(engine) == Kind::unusable);
        return engine.error().detail;
    };
    CHECK(detail(scene.folder.path() / "missing" / "store.db").find("missing: no such folder") != std::string::npos);
    std::ofstream{scene.folder.path() / "text"} << "x";
    CHECK(detail(scene.folder.path() / "text" / "store.db").find("ot a ") != std::string::npos);
    CHECK(detail(scene.folder.path()).find("directory") != std::string::npos);
    fs::create_symlink(scene.folder.path() / "nowhere", scene.folder.path() / "link.db");
    CHECK(detail(scene.folder.path() / "link.db").find("link") != std::string::npos);
    REQUIRE(mkfifo((scene.folder.path() / "pipe").c_str(), 0600) == 0);
    CHECK(detail(scene.folder.path() / "pipe").find("regular") != std::string::npos);
}

TEST_CASE("a folder that cannot be written, entered or read, and a file without rights, are refused with the reason") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    fs::permissions(scene.file, fs::perms{0400});
    const auto refused = [](const fs::path& file) {
        return in_child([&] {
            if (geteuid() == 0 && setuid(65534) != 0) return 2;
            const auto engine = open_sqlite(file);
            if (engine) return 3;
            if (engine.error().kind != Kind::unusable) return 4;
            return engine.error().detail.find("ermission") == std::string::npos ? 5 : 0;
        });
    };
    for (const fs::perms folder : {fs::perms{0555}, fs::perms{0444}, fs::perms{}}) {
        CAPTURE(static_cast<unsigned>(folder));
        fs::permissions(scene.folder.path(), folder);
        CHECK(refused(scene.folder.path() / "new.db") == 0);
        CHECK(refused(scene.file) == 0);
    }
    fs::permissions(scene.folder.path(), fs::perms{0700});
}

TEST_CASE("a journal whose database is gone is not taken for that of a new store") {
    Scene scene;
    {
        const auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 5).take()));
        fs::copy(fs::path{scene.file} += "-wal", scene.folder.path() / "kept");
    }
    fs::remove(scene.file);
    fs::rename(scene.folder.path() / "kept", fs::path{scene.file} += "-wal");
    CHECK(error_of_opening(scene.file) == Kind::unusable);
    CHECK(fs::exists(fs::path{scene.file} += "-wal"));
}

TEST_CASE("what a killed creation left is no hindrance") {
    Scene scene;
    std::ofstream{fs::path{scene.file} += ".new"} << "half a store";
    std::ofstream{fs::path{scene.file} += ".new-journal"} << "half a journal";
    const auto engine = open(scene.file);
    CHECK(head(*engine) == 0);
    CHECK_FALSE(fs::exists(fs::path{scene.file} += ".new"));
}

namespace {

// A store with shares, closed; its content.
std::string closed_store(const fs::path& file) {
    const auto engine = open(file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 200).take()));
    REQUIRE(engine->close());
    return files_in(file.parent_path()).at(file.filename());
}

void write_file(const fs::path& file, const std::string& content) {
    std::ofstream{file, std::ios::binary} << content;
}

// What opening the store and reading all of it gives.
storage::Result<std::vector<LogEntry>> read_all(const fs::path& file) {
    const auto engine = open_sqlite(file);
    if (!engine) return std::unexpected(engine.error());
    const auto contents = (*engine)->load();
    if (!contents) return std::unexpected(contents.error());
    return (*engine)->read(1, end_of_numbers, end_of_numbers);
}

} // namespace

TEST_CASE("a file with damaged pages is told by its name, and is whole again when its pages are") {
    Scene scene;
    const std::string whole = closed_store(scene.file);
    std::string damaged = whole;
    SUBCASE("every page but the first") {
        std::fill(damaged.begin() + 4096, damaged.end(), '\xff');
    }
    SUBCASE("the first, behind its header") {
        std::fill(damaged.begin() + 100, damaged.begin() + 4096, '\xff');
    }
    SUBCASE("cut short") {
        damaged.resize(damaged.size() / 4096 / 2 * 4096);
    }
    SUBCASE("cut short in the middle of the first page") {
        damaged.resize(1000);
    }
    write_file(scene.file, damaged);
    const auto entries = read_all(scene.file);
    CHECK(kind(entries) == Kind::corrupt);
    CHECK(entries.error().detail.find(scene.file.native()) != std::string::npos);
    CHECK(
        entries.error().detail.ends_with("; the file is damaged: move it and its -wal away, and bring back a backup"));
    write_file(scene.file, whole);
    CHECK(positions(read_all(scene.file)).size() == 200);
}

TEST_CASE("a store that another program keeps locked is told by its name, and opens when it is let go") {
    Scene scene;
    closed_store(scene.file);
    {
        Prompt prompt{scene.file};
        prompt.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
        const auto entries = read_all(scene.file);
        CHECK(kind(entries) == Kind::unavailable);
        CHECK(entries.error().detail.find(scene.file.native()) != std::string::npos);
        CHECK(entries.error().detail.ends_with("; another program has it locked: end what that does with it"));
    }
    CHECK(positions(read_all(scene.file)).size() == 200);
}
