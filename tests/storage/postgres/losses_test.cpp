// Sessions that end at every moment: an error says whether something was stored.
#include "storage/log_store.hpp"
#include "tests/storage/fixtures.hpp"
#include "tests/storage/postgres/scene.hpp"
#include "tests/storage/trial_stride.hpp"

#include <algorithm>
#include <future>

using namespace postgres_scene;

TEST_CASE("a session that ends in the middle of a COPY has stored nothing") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.write();
    const Transaction transaction = scene.log.add_shares(1, 2000).take();
    Prompt holder{scene.url};
    holder.run("BEGIN; LOCK TABLE shares");
    Writing writing{*scene.engine, transaction};
    const std::string pid = scene.writer();
    scene.wait_until_it_waits_for(pid, "Lock");
    scene.prompt.run("SELECT pg_terminate_backend(" + pid + ")");
    const auto result = writing.result();
    CHECK(kind(result) == Kind::unavailable);
    CHECK_MESSAGE(has(detail(result), "terminating connection due to administrator command"), detail(result));
    holder.run("ROLLBACK");
    CHECK(head(*scene.engine) == 1);
    REQUIRE(scene.engine->write(transaction));
    check_whole(*scene.engine);
}

TEST_CASE("of a session that ends in the middle of a COMMIT it is not known what it has stored, and asking tells") {
    OpenScene scene;
    const Transaction transaction = scene.shares_of_known_day(4);
    Setting standby{"synchronous_standby_names", "nobody"};
    Writing writing{*scene.engine, transaction};
    const std::string pid = scene.writer();
    scene.wait_until_it_waits_for(pid, "IPC");
    scene.prompt.run("SELECT pg_terminate_backend(" + pid + ")");
    const auto result = writing.result();
    CHECK(kind(result) == Kind::unknown);
    CHECK_MESSAGE(has(detail(result), "what became of a commit is not known"), detail(result));
    standby.reset();
    CHECK(head(*scene.engine) == 5);
    check_whole(*scene.engine);
}

TEST_CASE("a COMMIT with a warning is none: the wait for a standby was cancelled") {
    OpenScene scene;
    const Transaction transaction = scene.shares_of_known_day(4);
    Setting standby{"synchronous_standby_names", "nobody"};
    Writing writing{*scene.engine, transaction};
    const std::string pid = scene.writer();
    scene.wait_until_it_waits_for(pid, "IPC");
    scene.prompt.run("SELECT pg_cancel_backend(" + pid + ")");
    const auto result = writing.result();
    CHECK(kind(result) == Kind::unknown);
    CHECK_MESSAGE(has(detail(result), "canceling wait for synchronous replication"), detail(result));
    standby.reset();
    CHECK(scene.writer() == pid); // the session goes on
    CHECK(head(*scene.engine) == 5);
    scene.log.add_shares(1, 1);
    scene.write();
    check_whole(*scene.engine);
}

TEST_CASE("a COMMIT that was waiting for a standby, and is let go without one, is none where records are replicated") {
    Receiver receiver;
    Setting standby{"synchronous_standby_names", Receiver::name};
    receiver.wait_until_synchronous();
    OpenScene scene;
    REQUIRE(scene.engine->durability() == protocol::Durability::replicated);
    const Transaction transaction = scene.shares_of_known_day(4);
    receiver.end();
    Writing writing{*scene.engine, transaction};
    scene.wait_until_it_waits_for(scene.writer(), "IPC");
    standby.reset();
    const auto result = writing.result();
    CHECK(kind(result) == Kind::unknown);
    CHECK_MESSAGE(has(detail(result), "the server does not wait for a standby any more"), detail(result));
    // It is stored, but nothing is written behind it as long as it is nowhere else.
    const auto stored = scene.engine->load();
    REQUIRE(stored);
    const auto behind_it = scene.engine->write(storage::behind(stored->head));
    CHECK(kind(behind_it) == Kind::unavailable);
    CHECK_MESSAGE(has(detail(behind_it), "set synchronous_standby_names, or restart the role"), detail(behind_it));
    Receiver another;
    const Setting again{"synchronous_standby_names", Receiver::name};
    another.wait_until_synchronous();
    CHECK(head(*scene.engine) == 5);
    check_whole(*scene.engine);
}

TEST_CASE("a COMMIT that is interrupted may have stored its transaction") {
    OpenScene scene;
    const Transaction transaction = scene.shares_of_known_day(4);
    Setting standby{"synchronous_standby_names", "nobody"};
    Writing writing{*scene.engine, transaction};
    scene.wait_until_it_waits_for(scene.writer(), "IPC");
    scene.engine->interrupt();
    const auto result = writing.result();
    CHECK(kind(result) == Kind::unknown);
    CHECK_MESSAGE(has(detail(result), "what became of a commit is not known"), detail(result));
    CHECK_MESSAGE(has(detail(result), "interrupted"), detail(result));
    standby.reset();
    CHECK(head(*scene.engine) == 5);
    check_whole(*scene.engine);
}

TEST_CASE("COMMIT waits for the disk and the standby also where the server's default is not to") {
    const Setting careless{"synchronous_commit", "off"};
    OpenScene scene;
    const Transaction transaction = scene.shares_of_known_day(4);
    Setting standby{"synchronous_standby_names", "nobody"};
    Writing writing{*scene.engine, transaction};
    scene.wait_until_it_waits_for(scene.writer(), "IPC");
    standby.reset();
    CHECK(writing.result());
}

TEST_CASE("a commit whose wait for a standby was cancelled waits again when it is repeated, and is stored once") {
    Database scene;
    const auto store = storage::LogStore::open(scene.open());
    REQUIRE(store);
    const auto to = fixtures::attach(**store);
    REQUIRE(fixtures::commit_one(**store, fixtures::submission(to, 1, fixtures::shares(1, 1)))); // the day's partition
    const std::vector sent{fixtures::submission(to, 2, fixtures::shares(2, 5))};
    std::future<storage::Result<std::vector<storage::Outcome>>> answer; // that has come before the next is asked for
    Setting standby{"synchronous_standby_names", "nobody"};
    const auto commit_and_wait = [&] {
        answer = std::async(std::launch::async, [&] { return (*store)->commit(sent); });
        wait_until([&] { // perhaps in another session
            return scene.prompt.run("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1\n";
        });
    };
    for (const std::string how : {"pg_cancel_backend", "pg_terminate_backend", "pg_cancel_backend"}) {
        CAPTURE(how);
        commit_and_wait();
        scene.prompt.run("SELECT " + how + "(" + scene.writer() + ")");
        CHECK(kind(answer.get()) == Kind::unknown);
        CHECK((*store)->position() == 1);
    }
    CHECK(scene.prompt.run("SELECT position FROM head") == "5\n"); // on this server
    commit_and_wait();
    standby.reset();
    const auto outcomes = answer.get();
    REQUIRE(outcomes);
    CHECK(outcomes->front() == fixtures::stored(5));
    CHECK((*store)->position() == 5);
    CHECK(scene.prompt.run("SELECT count(*) FROM shares") == "5\n");
}

TEST_CASE("a server that does not answer any more is waited for, until an interruption") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.write();
    const Transaction transaction = scene.log.add_shares(1, 1).take();
    const pid_t pid = std::stoi(scene.writer());
    REQUIRE(kill(pid, SIGSTOP) == 0);
    Writing writing{*scene.engine, transaction};
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    CHECK_FALSE(writing.is_over());
    wait_until([&] {
        scene.engine->interrupt();
        return writing.is_over();
    });
    const auto result = writing.result();
    REQUIRE(kill(pid, SIGCONT) == 0);
    CHECK(kind(result) == Kind::unavailable);
    CHECK_MESSAGE(has(detail(result), "interrupted"), detail(result));
    REQUIRE(write_in_the_end(*scene.engine, transaction));
    check_whole(*scene.engine);
}

TEST_CASE("questions survive the end of the sessions that they were asked in") {
    OpenScene scene;
    scene.log.add_shares(1, 3);
    scene.write();
    CHECK(all(*scene.engine).size() == 3);
    scene.prompt.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'storage-sv2' "
                     "AND pid <> " +
                     scene.writer());
    CHECK(all(*scene.engine).size() == 3);
}

TEST_CASE(
    "when the session that writes has come back, perhaps to another server, questions are asked in new ones, too") {
    OpenScene scene;
    scene.log.add_shares(1, 3);
    scene.write();
    const auto asking = [&] { // the sessions
        return scene.prompt.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'storage-sv2' AND pid <> " +
                                scene.writer());
    };
    CHECK(all(*scene.engine).size() == 3);
    wait_until([&] { return std::ranges::count(asking(), '\n') == 1; }); // those of earlier cases have ended
    const std::string before = asking();
    CHECK(all(*scene.engine).size() == 3);
    CHECK(asking() == before);
    scene.prompt.run("SELECT pg_terminate_backend(" + scene.writer() + ")");
    REQUIRE(write_in_the_end(*scene.engine, scene.log.add_shares(1, 1).take()));
    CHECK(all(*scene.engine).size() == 4);
    wait_until([&] { return std::ranges::count(asking(), '\n') == 1; });
    CHECK(asking() != before);
}

TEST_CASE("a table that is gone is damage, and is named") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.write();
    scene.prompt.run("DROP TABLE solutions");
    const auto entries = scene.engine->read(1, 1, 1);
    CHECK(kind(entries) == Kind::corrupt);
    CHECK(has(detail(entries), "\"solutions\" does not exist"));
}

TEST_CASE("whichever exchange with the server fails, a transaction is there whole or not, as its error says") {
    int injected = 0;
    for (const Moment moment : {Moment::before, Moment::after}) {
        for (int faulty = 0;; faulty += trial_stride()) {
            CAPTURE(static_cast<int>(moment));
            CAPTURE(faulty);
            const Database scene;
            int calls = 0;
            bool is_armed = true;
            const auto faults = [&](std::string_view call, Moment at) -> std::optional<StorageError> {
                if (at != moment || !is_armed || calls++ != faulty) return std::nullopt;
                const bool is_unknown = call == "commit" && at == Moment::after;
                return StorageError{.kind = is_unknown ? Kind::unknown : Kind::unavailable, .detail = "on order"};
            };
            auto opened = open_postgres({.url = scene.url, .faults = faults});
            if (!opened) opened = open_postgres({.url = scene.url, .faults = faults});
            REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().detail));
            Engine& engine = **opened;
            auto contents = engine.load();
            if (!contents) contents = engine.load();
            REQUIRE(contents);

            is_armed = false;
            Log log{engine};
            is_armed = true;
            Position before = 0;
            const auto store = [&](const Transaction& transaction) {
                for (int attempt = 0; attempt < 3; ++attempt) {
                    const auto written = engine.write(transaction);
                    if (written) break;
                    auto found = engine.load();
                    if (!found) found = engine.load();
                    REQUIRE(found);
                    if (found->head.term == transaction.head.term) {
                        CHECK(written.error().kind == Kind::unknown);
                        break;
                    }
                    CHECK(found->head.position == before);
                }
                before = transaction.head.position;
            };
            store(log.add_shares(1, 3).add(2, block("a")).add(2, Bytes{0xee}).take());
            store(log
                      .close_run({storage::HourRow{
                          .subject = protocol::Subject::channel, .number = 1, .hour = 1, .run = 0, .tally = {}}})
                      .add_shares(1, 2)
                      .take());
            auto entries = engine.read(1, 9, 9);
            if (!entries) entries = engine.read(1, 9, 9);
            REQUIRE(entries);
            CHECK(entries->size() == 7);
            is_armed = false;
            check_whole(engine);
            is_armed = true;
            store(log.take_out({(*entries)[0], (*entries)[4]}).take());
            auto left = engine.read(1, 9, 9);
            if (!left) left = engine.read(1, 9, 9);
            CHECK(positions(left) == Positions{2, 3, 4, 6, 7});
            auto after = engine.load();
            if (!after) after = engine.load();
            REQUIRE(after);
            CHECK(after->runs.size() == 1);
            if (calls <= faulty) {
                CHECK(faulty > 20);
                break;
            }
            ++injected;
        }
    }
    print_injected(injected);
}
