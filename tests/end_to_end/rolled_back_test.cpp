// A store that is not any more what it was is noticed at the start, by the watermark in the state directory.

#include "tests/end_to_end/scene.hpp"

#include <csignal>
#include <filesystem>
#include <string>

using namespace end_to_end;
using namespace protocol;

namespace fs = std::filesystem;

namespace {

const Settings on_disk{.backend = "sqlite"};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct History {
    std::shared_ptr<Premises> premises = std::make_shared<Premises>();
    fs::path database = premises->folder.path() / "stratum_storage.db";

    // A role's life in which these shares of one stream are stored, in two commits: of a role that is killed the
    // watermark may not know the second.
    void live(std::uint64_t first, std::uint64_t last, int signal = SIGTERM) {
        Role role{on_disk, premises};
        auto client = role.enter("a-client");
        client.go_on_from(first);
        client.store(shares(first, last - 1));
        client.store(shares(last, last));
        CHECK(role.end(signal) == (signal == SIGTERM ? 0 : -1));
    }
    [[nodiscard]] fs::path copy() const {
        REQUIRE_FALSE(fs::exists(database.string() + "-wal")); // a clean end leaves one file
        fs::path copy = premises->folder.path() / "copy.db";
        fs::copy_file(database, copy, fs::copy_options::overwrite_existing);
        return copy;
    }
    void put_back(const fs::path& copy) const { fs::copy_file(copy, database, fs::copy_options::overwrite_existing); }

    // The role must not serve what is there.
    [[nodiscard]] std::string refusal() const {
        support::RoleProcess process{
            {"--listen", "127.0.0.1:0", "--backend", "sqlite", "--state-directory", premises->folder.path().string()}};
        CHECK(process.wait_for_exit() == 1);
        CHECK_FALSE(contains(process.output(), "listening on"));
        return process.output();
    }
    // It must, with so many shares.
    void check_served(std::uint64_t count) {
        Role role{on_disk, premises};
        CHECK(role.enter("a-client").granted.durable_sequence == count);
    }
};

} // namespace

TEST_CASE("an older copy of the database is refused with both positions, until the watermark is moved away") {
    History history;
    history.live(1, 5);
    const fs::path copy = history.copy();
    history.live(6, 10);
    history.put_back(copy);
    const std::string file = history.premises->watermark().string();
    for (int start = 0; start < 2; ++start) {
        const std::string said = history.refusal();
        CAPTURE(said);
        CHECK(contains(said, "ERROR storage_sv2::server: the store has lost what was acknowledged: data set " +
                                 fs::path{file}.filename().string().substr(std::string{"watermark-"}.size()) +
                                 " is at generation 1, position 5, and " + file +
                                 " knows it at generation 1, position 10. "));
        CHECK(contains(said, "if the loss is accepted, move " + file + " away"));
    }
    fs::rename(file, file + ".accepted");
    history.check_served(5);
    CHECK(fs::exists(file)); // anew
    history.live(6, 7);
    history.check_served(7);
}

TEST_CASE("a copy that has gone on elsewhere is another history, however far it has come") {
    History history;
    history.live(1, 5);
    const fs::path copy = history.copy();
    history.live(6, 10);
    const fs::path file = history.premises->watermark();
    const std::string known = read_file(file);
    history.put_back(copy);
    fs::remove(file);
    history.live(6, 12); // received at other times
    write_file(file, known);
    const std::string said = history.refusal();
    CAPTURE(said);
    CHECK(contains(said, "the store has another history: data set "));
    CHECK(contains(said, "position 12, and " + file.string() + " knows it at generation 1, position 10, with other "));
}

TEST_CASE("a write-ahead log that was removed after SIGKILL is missed if records were in it, and only then") {
    for (const bool has_records : {false, true}) {
        CAPTURE(has_records);
        History history;
        history.live(1, 5);
        if (has_records) {
            history.live(6, 10, SIGKILL);
        } else {
            Role role{on_disk, history.premises};
            role.enter("a-client"); // its attach is in the log
            CHECK(role.end(SIGKILL) == -1);
        }
        REQUIRE(fs::remove(history.database.string() + "-wal"));
        fs::remove(history.database.string() + "-shm");
        if (has_records)
            CHECK(contains(history.refusal(), "the store has lost what was acknowledged"));
        else
            history.check_served(5);
    }
}

TEST_CASE("killed as often as one likes, a store that is whole is served") {
    History history;
    for (std::uint64_t life = 0; life < 5; ++life) history.live(life * 10 + 1, life * 10 + 10, SIGKILL);
    history.check_served(50);
}

TEST_CASE("each data set has a watermark of its own, and one that is new beside others is told") {
    History history;
    history.live(1, 5);
    const fs::path known = history.premises->watermark();
    const fs::path elsewhere = history.premises->folder.path() / "elsewhere.db";
    fs::rename(history.database, elsewhere);
    {
        const Role role{on_disk, history.premises};
        CHECK(contains(role.process.output(), " WARN storage_sv2::store: data set "));
        CHECK(contains(role.process.output(), "which knows others: " + known.string() + "; is this the right"));
    }
    CHECK(history.premises->watermarks().size() == 2);
    {
        const Role role{on_disk, history.premises};
        CHECK_FALSE(contains(role.process.output(), "which knows others"));
    }
    fs::rename(elsewhere, history.database);
    history.check_served(5);
}

TEST_CASE("a store in memory leaves no watermark") {
    const auto premises = std::make_shared<Premises>();
    {
        const Role role{{.backend = "memory"}, premises};
        role.enter("a-client").store(shares(1, 2));
    }
    CHECK(premises->watermarks().empty());
}

TEST_CASE("a watermark that cannot be read is refused by its name, and left alone") {
    History history;
    history.live(1, 5);
    const fs::path file = history.premises->watermark();
    SUBCASE("a text of somebody else") {
        write_file(file, "a note\n");
        CHECK(contains(history.refusal(), file.string() + " holds no whole watermark of data set "));
        CHECK(read_file(file) == "a note\n");
    }
    SUBCASE("a folder") {
        fs::remove(file);
        fs::create_directory(file);
        CHECK(contains(history.refusal(), file.string() + " cannot be read: "));
    }
    fs::rename(file, file.string() + ".odd");
    history.check_served(5);
}
