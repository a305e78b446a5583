#include "tests/storage/sqlite/failing_disk.hpp"
#include "tests/storage/sqlite/scene.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sys/resource.h>

using namespace sqlite_scene;
using support::FailingDisk;

TEST_CASE("a transaction is synced after its last write, and before it returns") {
    Scene scene;
    FailingDisk disk;
    auto engine = open(scene.file);
    Log log{*engine};
    std::vector<FailingDisk::Call> journal;
    disk.decide([&](FailingDisk::Call call, std::string_view file) {
        if (file == "journal") journal.push_back(call);
        return SQLITE_OK;
    });
    REQUIRE(engine->write(log.add_shares(1, 20).take()));
    REQUIRE(journal.size() >= 2);
    CHECK(std::ranges::count(journal, FailingDisk::Call::write) >= 1);
    CHECK(journal.back() == FailingDisk::Call::sync);
}

// After a sync that failed the kernel may take the pages for clean: another sync of them would do nothing.
TEST_CASE("a transaction that changes nothing is written and synced, too") {
    support::FailingDisk disk;
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 5).take()));
    const Transaction nothing = storage::behind(engine->load()->head);
    bool is_written = false;
    bool is_synced = false;
    disk.decide([&](FailingDisk::Call call, std::string_view file) {
        if (file != "journal") return SQLITE_OK;
        if (call == FailingDisk::Call::write) is_written = true;
        is_synced = call == FailingDisk::Call::sync;
        return SQLITE_OK;
    });
    REQUIRE(engine->write(nothing));
    disk.heal();
    CHECK(is_written);
    CHECK(is_synced);
    check_whole(*engine);
}

TEST_CASE("what opening finds in the journal is written anew, into the database, and synced there") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 20).take()));
    Scene copy; // as the role would have left it when it was killed
    for (const char* const ending : {"", "-wal"})
        std::filesystem::copy_file(scene.file.string() + ending, copy.file.string() + ending);
    FailingDisk disk;
    std::vector<FailingDisk::Call> database;
    disk.decide([&](FailingDisk::Call call, std::string_view file) {
        if (file == "database") database.push_back(call);
        return SQLITE_OK;
    });
    auto reopened = open(copy.file);
    disk.heal();
    CHECK(head(*reopened) == 20);
    REQUIRE(database.size() >= 2);
    CHECK(std::ranges::count(database, FailingDisk::Call::write) >= 1);
    CHECK(database.back() == FailingDisk::Call::sync);
}

TEST_CASE("a transaction of which any statement fails leaves nothing") {
    for (const std::string table : {"streams", "channels", "users", "derived", "shares", "reports", "blocks",
                                    "block_statuses", "acknowledgments", "declared_jobs", "solutions", "deletions",
                                    "refused_records", "fingerprints", "stretches", "runs", "hours", "head"}) {
        CAPTURE(table);
        Scene scene;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 2).take()));
        Prompt{scene.file}.run("CREATE TRIGGER no BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'no'); END");
        for (const Bytes& record : one_of_each_kind("b", noon)) log.add(1, record);
        Transaction transaction = log.add(1, Bytes{9}).derive({1}, {1}).close_run({storage::HourRow{}}).take();
        transaction.users = {{.number = 1, .pool = "pool", .user_identity = "a"}};
        CHECK(kind(engine->write(transaction)) == Kind::poisoned);
        CHECK(head(*engine) == 2);
        CHECK(engine->load()->channels.size() == 1);
        CHECK(engine->load()->derived.empty());
        CHECK(engine->load()->runs.empty());
        check_whole(*engine);
        Prompt{scene.file}.run("DROP TRIGGER no");
        REQUIRE(engine->close());
        engine = open(scene.file);
        CHECK(engine->write(transaction));
        CHECK(head(*engine) == 2 + kinds + 1);
        check_whole(*engine);
    }
}

TEST_CASE("a removal of which any statement fails takes out nothing") {
    for (const std::string table :
         {"shares", "blocks", "refused_records", "fingerprints", "stretches", "runs", "hours"}) {
        CAPTURE(table);
        Scene scene;
        auto engine = open(scene.file);
        Log log{*engine};
        const Transaction written =
            log.add_shares(1, 2).add(1, block("b")).add(1, Bytes{9}).close_run({storage::HourRow{}}).take();
        REQUIRE(engine->write(written));
        Prompt{scene.file}.run("CREATE TRIGGER no BEFORE DELETE ON " + table + " BEGIN SELECT RAISE(ABORT, 'no'); END");
        Transaction removal = log.take_out(written.entries).expire(4).take();
        removal.replaced_run = 4;
        CHECK(kind(engine->write(removal)) == Kind::poisoned);
        CHECK(engine->load()->head.removed == 0);
        CHECK(engine->load()->runs.size() == 1);
        CHECK(engine->load()->streams[0].removed_sequence == 0);
        check_whole(*engine);
        Prompt{scene.file}.run("DROP TRIGGER no");
        REQUIRE(engine->close());
        engine = open(scene.file);
        CHECK(engine->write(removal));
        CHECK(all(*engine).empty());
        CHECK(engine->load()->runs.empty());
    }
}

TEST_CASE("without space nothing is stored, whichever write fails, and the same transaction succeeds later") {
    struct Failure {
        int code;
        int system_error;
    };
    for (const auto [code, system_error] :
         {Failure{SQLITE_FULL, ENOSPC}, Failure{SQLITE_IOERR_WRITE, EDQUOT}, Failure{SQLITE_IOERR_WRITE, EFBIG}}) {
        int failed = 0;
        for (int before = 0;; ++before) {
            CAPTURE(before);
            Scene scene;
            FailingDisk disk;
            auto engine = open(scene.file);
            Log log{*engine};
            REQUIRE(engine->write(log.add_shares(1, 20).take()));
            const Transaction transaction = log.add_shares(1, 30).take();
            disk.fail_once(FailingDisk::Call::write, before, code, system_error);
            const auto written = engine->write(transaction);
            if (written) break;
            ++failed;
            REQUIRE(written.error().kind == Kind::full);
            CHECK(head(*engine) == 20);
            CHECK(all(*engine).size() == 20);
            disk.heal();
            REQUIRE(engine->write(transaction));
            CHECK(head(*engine) == 50);
            REQUIRE(engine->close());
            engine = open(scene.file);
            CHECK(head(*engine) == 50);
            check_whole(*engine);
        }
        CHECK(failed > 10);
    }
}

TEST_CASE("after a write or a sync that failed nothing is written any more until a restart") {
    struct Failure {
        FailingDisk::Call call;
        int code;
        int system_error;
    };
    for (const auto [call, code, system_error] : {Failure{FailingDisk::Call::write, SQLITE_IOERR_WRITE, EIO},
                                                  Failure{FailingDisk::Call::write, SQLITE_IOERR_WRITE, EROFS},
                                                  Failure{FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, EIO},
                                                  Failure{FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, ENOSPC}}) {
        int failed = 0;
        for (int before = 0;; ++before) {
            CAPTURE(before);
            Scene scene;
            FailingDisk disk;
            auto engine = open(scene.file);
            Log log{*engine};
            REQUIRE(engine->write(log.add_shares(1, 20).take()));
            const Transaction transaction = log.add_shares(1, 30).take();
            disk.fail_once(call, before, code, system_error);
            const auto written = engine->write(transaction);
            if (written) break;
            ++failed;
            CHECK(written.error().kind == Kind::poisoned);
            CHECK(written.error().detail.ends_with("; nothing is stored until the role is started again"));
            int calls = 0;
            disk.decide([&](FailingDisk::Call, std::string_view) {
                ++calls;
                return SQLITE_OK;
            });
            CHECK(kind(engine->write(transaction)) == Kind::poisoned);
            CHECK(head(*engine) == 20); // can still be asked
            check_whole(*engine);
            CHECK(engine->close());
            CHECK(calls == 0);
            engine = open(scene.file);
            CHECK((head(*engine) == 20 || head(*engine) == 50));
            check_whole(*engine);
        }
        CHECK(failed >= (call == FailingDisk::Call::sync ? 1 : 10));
    }
}

// By default enough for a checkpoint.
Transaction large(Log& log, int blocks = 140) {
    for (; blocks > 0; --blocks) log.add(1, block("c", noon, Bytes(0xffff, 0xcb)));
    return log.take();
}

TEST_CASE("a commit whose pages lie in the journal but not in its index is unknown, and stored once when tried again") {
    for (const bool is_tried_again : {true, false}) {
        Scene scene;
        FailingDisk disk;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 1).take()));
        const Transaction transaction = large(log, 300); // more pages than the index has room for at first
        disk.fail_once(FailingDisk::Call::grow_index, 0, SQLITE_IOERR_SHMSIZE, ENOSPC);
        CHECK(kind(engine->write(transaction)) == Kind::unknown);
        CHECK(head(*engine) == 1);
        disk.heal();
        if (is_tried_again) REQUIRE(engine->write(transaction));
        REQUIRE(engine->close());
        engine = open(scene.file);
        CHECK(head(*engine) == (is_tried_again ? 301 : 1));
        check_whole(*engine);
    }
}

TEST_CASE("a checkpoint that fails does not make a commit fail; without space it is made later, after a failed sync "
          "nothing is written") {
    Scene scene;
    FailingDisk disk;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 1).take()));
    bool was_asked = false;
    const auto refuse = [&](FailingDisk::Call which, int code, int system_error) {
        was_asked = false;
        disk.decide([&was_asked, which, code, system_error](FailingDisk::Call call, std::string_view file) {
            if (call != which || file != "database") return SQLITE_OK;
            was_asked = true;
            FailingDisk::last_error = system_error;
            return code;
        });
    };
    refuse(FailingDisk::Call::write, SQLITE_FULL, ENOSPC);
    CHECK(engine->write(large(log)));
    CHECK(was_asked);
    CHECK(engine->write(log.add_shares(1, 1).take()));
    check_whole(*engine);
    disk.heal();
    const auto size = fs::file_size(scene.file);
    CHECK(engine->write(large(log)));
    CHECK(fs::file_size(scene.file) > size + 8'000'000);

    refuse(FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, EIO);
    CHECK(engine->write(large(log)));
    CHECK(was_asked);
    disk.heal();
    const Position last = head(*engine);
    CHECK(kind(engine->write(log.add_shares(1, 1).take())) == Kind::poisoned);
    CHECK(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == last);
    check_whole(*engine);
}

TEST_CASE("the journal is begun again when its pages are in the database") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    for (int i = 0; i < 8; ++i) REQUIRE(engine->write(large(log)));
    CHECK(fs::file_size(fs::path{scene.file} += "-wal") < 20'000'000);
    check_whole(*engine);
}

TEST_CASE("a journal that a reader keeps from being begun again is so when the reader has gone") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 1).take()));
    {
        Prompt prompt{scene.file};
        prompt.run("BEGIN; SELECT count(*) FROM shares");
        for (int i = 0; i < 10; ++i) REQUIRE(engine->write(large(log)));
    }
    const fs::path journal = fs::path{scene.file} += "-wal";
    const auto size = fs::file_size(journal);
    CHECK(size > 80'000'000);
    for (int i = 0; i < 5; ++i) REQUIRE(engine->write(large(log)));
    CHECK(fs::file_size(journal) < size);
    check_whole(*engine);
}

TEST_CASE("a limit to the file's size is a lack of space: nothing is stored, and later the same transaction is") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 10).take()));
    const Transaction transaction = log.add_shares(1, 500).take();
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit low{.rlim_cur = fs::file_size(fs::path{scene.file} += "-wal") + 10'000, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const auto first = engine->write(transaction);
    const auto second = engine->write(transaction);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, ignored);
    CHECK(kind(first) == Kind::full);
    CHECK(kind(second) == Kind::full);
    CHECK(head(*engine) == 10);
    CHECK(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == 510);
    check_whole(*engine);
}

TEST_CASE(
    "a role killed before any of its writes and syncs leaves whole transactions, all that had returned among them") {
    int killed = 0;
    bool has_ended = false;
    for (int before = 0; !has_ended; ++before) {
        CAPTURE(before);
        Scene scene;
        const fs::path told = scene.folder.path() / "told"; // the last position that was acknowledged
        const int code = in_child([&] {
            FailingDisk disk;
            disk.decide([left = before](FailingDisk::Call, std::string_view) mutable {
                if (left-- == 0) raise(SIGKILL);
                return SQLITE_OK;
            });
            const auto engine = open_sqlite(scene.file);
            if (!engine) return 1;
            Log log{**engine};
            for (const std::size_t size : {1, 7, 30, 30}) {
                if (!(*engine)->write(log.add_shares(1, size).take())) return 2;
                std::ofstream{told} << head(**engine);
            }
            return (*engine)->close() ? 0 : 3;
        });
        REQUIRE((code == 0 || code == -SIGKILL));
        has_ended = code == 0;
        killed += has_ended ? 0 : 1;
        Position acknowledged = 0;
        if (std::ifstream in{told}) in >> acknowledged;
        const auto engine = open(scene.file);
        const Position found = head(*engine);
        CAPTURE(found);
        CHECK(std::set<Position>{0, 1, 8, 38, 68}.contains(found));
        CHECK(found >= acknowledged);
        check_whole(*engine);
        Log log{*engine};
        CHECK(engine->write(log.add_shares(1, 3).take()));
        check_whole(*engine);
    }
    CHECK(killed > 50);
}
