// Several roles on one database: one is active.
#include "tests/storage/postgres/scene.hpp"

#include <csignal>

using namespace postgres_scene;

namespace {

// A process that does nothing as long as this is there.
class Stopped {
  public:
    explicit Stopped(pid_t pid) : pid_{pid} { REQUIRE(kill(pid_, SIGSTOP) == 0); }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;
    ~Stopped() { kill(pid_, SIGCONT); }

  private:
    pid_t pid_;
};

} // namespace

TEST_CASE("a second role stands by, says so, and takes over when the first is gone") {
    OpenScene scene;
    scene.log.add_shares(1, 3);
    scene.write();
    std::atomic<int> told = 0;
    std::string why;
    storage::Result<std::unique_ptr<Engine>> second;
    std::thread standby{[&] {
        second = open_postgres(
            {.url = scene.url, .patience = std::chrono::seconds{0}, .goes_on_waiting = [&](std::string_view text) {
                 if (!has(text, "standing by")) return true; // it is still at the door
                 if (told == 0) why = text;
                 ++told;
                 return true;
             }});
    }};
    wait_until([&] { return told > 2; }); // patience does not end it
    scene.log.add_shares(1, 1);
    scene.write();
    REQUIRE(scene.engine->close());
    standby.join();
    CHECK(why == "another role is active on this database; standing by");
    REQUIRE(second);
    CHECK(head(**second) == 4);
    check_whole(**second);
    CHECK((*second)->find(0x9e3779b97f4a7c15 * 4, end_of_numbers).value() == Positions{4});
}

TEST_CASE("standing by ends when it is told to") {
    const OpenScene scene;
    const auto second = open_postgres(
        {.url = scene.url, .goes_on_waiting = [](std::string_view text) { return !has(text, "standing by"); }});
    CHECK(kind(second) == Kind::unavailable);
    CHECK(has(detail(second), "standing by for another role was given up"));
}

TEST_CASE("standing by at a server that does not answer any more is told, and ends when it is told to") {
    OpenScene scene;
    std::atomic<int> told = 0;
    std::atomic<bool> is_over = false;
    storage::Result<std::unique_ptr<Engine>> second;
    std::jthread standby{[&](const std::stop_token& stop) {
        second = open_postgres({.url = scene.url, .goes_on_waiting = [&](std::string_view why) {
                                    if (has(why, "waiting for the server")) ++told;
                                    return !stop.stop_requested();
                                }});
        is_over = true;
    }};
    std::string pid;
    wait_until([&] {
        pid = scene.prompt.run("SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock(%" +
                               scene.schema + "%' AND pid <> pg_backend_pid() AND pid <> " + scene.writer());
        return !pid.empty();
    });
    const Stopped server{std::stoi(pid)};
    const int before = told;
    wait_until([&] { return told > before + 1; });
    standby.request_stop();
    wait_until([&] { return is_over.load(); });
    CHECK(kind(second) == Kind::unavailable);
    CHECK_MESSAGE(has(detail(second), "was given up"), detail(second));
}

TEST_CASE("a role whose term is over can write no more") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.prompt.run("UPDATE head SET term = term + 1");
    CHECK(kind(scene.engine->write(scene.log.take())) == Kind::superseded);
    CHECK(head(*scene.engine) == 0);
    CHECK(scene.prompt.run("SELECT count(*) FROM shares") == "0\n");
}

TEST_CASE("a store that does not end where what is to be written begins is left alone, and may be asked") {
    const OpenScene scene;
    check_other_heads(*scene.engine);
}

TEST_CASE("a server that has lost the last commits, under the same term, gets no more, with records or without") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.write();
    const std::string before = scene.prompt.run("SELECT chain FROM head");
    scene.log.add_shares(1, 2);
    scene.write();
    scene.prompt.run("UPDATE head SET position = 1, chain = '" + before.substr(0, before.size() - 1) + "'");
    scene.prompt.run("DELETE FROM shares WHERE position > 1");
    const Transaction late = scene.log.add_shares(1, 1).take();
    CHECK(kind(scene.engine->write(storage::behind(late.expected))) == Kind::unknown);
    CHECK(kind(scene.engine->write(late)) == Kind::unknown);
    CHECK(head(*scene.engine) == 1);
    CHECK(scene.prompt.run("SELECT count(*) FROM shares") == "1\n");
}

TEST_CASE("a role that was cut off, and comes back when another is active, is told so") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    const Transaction late = scene.log.take();
    std::unique_ptr<Engine> second;
    std::atomic<bool> is_standing_by = false;
    std::thread standby{[&] {
        auto opened = open_postgres({.url = scene.url, .goes_on_waiting = [&](std::string_view text) {
                                         if (has(text, "standing by")) is_standing_by = true;
                                         return true;
                                     }});
        if (opened) second = *std::move(opened);
    }};
    wait_until([&] { return is_standing_by.load(); });
    scene.prompt.run("SELECT pg_terminate_backend(" + scene.writer() +
                     ")"); // which does not come back before it is used
    standby.join();
    REQUIRE(second);
    storage::Result<void> written = scene.engine->write(late);
    while (!written && written.error().kind == Kind::unavailable) written = scene.engine->write(late);
    CHECK(kind(written) == Kind::superseded);
    CHECK(kind(scene.engine->load()) == Kind::superseded);
    CHECK(head(*second) == 0);
}

TEST_CASE("a role that was cut off, and comes back first, goes on") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    const Transaction transaction = scene.log.take();
    scene.prompt.run("SELECT pg_terminate_backend(" + scene.writer() + ")");
    storage::Result<void> written = scene.engine->write(transaction);
    while (!written && written.error().kind == Kind::unavailable) written = scene.engine->write(transaction);
    CHECK(written);
    check_whole(*scene.engine);
}
