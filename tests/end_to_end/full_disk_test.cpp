// A disk that is full: nothing is acknowledged, nothing is lost, nobody is thrown out, and it goes on by itself. By
// itself the program makes the disk look full with a limit on the size of the role's files; where SMALL_DISK is set,
// temporary files lie on a disk that is really small, and are joined by a ballast. BACKEND is whose files these are.

#include "tests/end_to_end/scene.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

using namespace end_to_end;
using namespace protocol;

namespace fs = std::filesystem;

namespace {

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

std::string backend() {
    const char* const chosen = std::getenv("BACKEND");
    return chosen == nullptr ? "sqlite" : chosen;
}

const bool is_lmdb = backend() == "lmdb";
const bool is_small_disk = std::getenv("SMALL_DISK") != nullptr;

// From its beginning to its end the role's files find room for less than 1 MiB more; or one file for `most`, if that is
// less. LMDB's file has its first 4 MiB from the beginning.
class Shortage {
  public:
    explicit Shortage(const Role& role, std::size_t most = room) : role_{role} {
        if (!is_small_disk) {
            role_.process.limit_file_size(is_lmdb ? 4 * mebibyte : most);
            return;
        }
        const auto free = fs::space(ballast_.parent_path()).available;
        REQUIRE(free > room);
        std::ofstream{ballast_} << std::string(free - room, 'x');
        REQUIRE(fs::space(ballast_.parent_path()).available <= room);
    }
    Shortage(const Shortage&) = delete;
    Shortage& operator=(const Shortage&) = delete;
    ~Shortage() = default; // what is left goes with the role and its folder

    void end() {
        if (is_small_disk)
            fs::remove(ballast_);
        else if (!role_.process.has_ended())
            role_.process.limit_file_size(std::nullopt);
    }

  private:
    static constexpr std::size_t room = mebibyte;

    const Role& role_;
    fs::path ballast_ = role_.folder.path() / "ballast";
};

constexpr std::string_view advice = "make room on its disk: a running role goes on by itself";

constexpr std::uint64_t small = 3; // shares that are stored before
constexpr std::uint64_t all = 11;  // with those that do not fit, and that a window holds

Records large_shares() {
    Records records;
    for (std::uint64_t number = small + 1; number <= all; ++number) records.push_back(share_of_size(number, 400'000));
    return records;
}

// Of the room that the file of a new store has from its beginning, most is taken.
void use_what_is_there(const Role& role) {
    if (!is_lmdb) return;
    auto client = role.enter("was-there-before");
    for (std::uint64_t number = 1; number <= 5; ++number) client.store({share_of_size(number, 400'000)});
}

// Fills the store, and comes back once the client was told, and the operator.
void fill(Role& role, Client& client) {
    for (auto& record : large_shares()) client.send({std::move(record)});
    client.wait_for_status(false);
    CHECK(client.status()->code.text == "storage-unavailable");
    REQUIRE(role.process.wait_for_output(advice));
    const std::string_view said{role.process.output()};
    const auto before = said.substr(0, said.find(advice));
    const auto line = before.substr(before.rfind('\n') + 1);
    CHECK(line.find(role.database().string()) != std::string_view::npos); // the file, or its folder, is named
    client.wait_until_durable(client.totals().shares_accepted);           // what a slow disk took before it was full
    CHECK(client.durable() < all);
}

} // namespace

TEST_CASE("on a full disk the session stays and is told, nothing is acknowledged, and questions are answered") {
    Scene scene{{.backend = backend()}};
    use_what_is_there(scene);
    auto client = scene.enter("fills");
    client.store(shares(1, small));
    Shortage shortage{scene};
    fill(scene, client);
    const std::uint64_t acknowledged = client.durable();
    client.ping();
    CHECK(client.totals().shares_accepted == acknowledged);
    CHECK(client.stored_shares().size() == acknowledged);
    const auto health = client.ask<GetHealthSuccess>(GetHealth{});
    CHECK_FALSE(health.is_healthy);
    CHECK(health.connection_status.text == "stalled");
    CHECK(health.error_message.text.find(scene.database().string()) != std::string::npos);
    CHECK(client.durable() == acknowledged);

    // Others: who is there is told too, who only wants to ask may come, who wants to store may try later.
    scene.bystander.wait_for_status(false);
    scene.bystander.send({bytes_of(share(1, "bystander"))});
    scene.bystander.ping();
    CHECK(scene.bystander.durable() == 0);
    CHECK_NOTHROW(scene.enter("fills", 0).ping());
    if (backend() != "rocksdb") { // which begins a file anew, and there so little may find room
        auto late = scene.connect();
        scene.negotiate(late);
        late.send(scene.proof(late, "late", support::claim(1)));
        CHECK(late.receive<Error>().code.text == "storage-unavailable");
        CHECK(late.is_closed());
    }

    shortage.end();
    client.wait_until_durable(all);
    client.wait_for_status(true);
    CHECK(client.status()->code.text.empty());
    CHECK(client.verdicts().empty());
    CHECK(client.totals().shares_accepted == all);
    auto stored = client.stored_shares();
    std::ranges::reverse(stored);
    Records sent = shares(1, small);
    std::ranges::move(large_shares(), std::back_inserter(sent));
    CHECK(std::ranges::equal(stored, sent, {}, &StoredRecord::record)); // each once, in its order
    CHECK(client.ask<GetHealthSuccess>(GetHealth{}).is_healthy);
    scene.bystander.wait_until_durable(1);
    scene.check_others_go_on();
    if (!is_small_disk || backend() == "sqlite") return;
    CHECK(scene.process.wait_for_output("soon nothing can be acknowledged: " + scene.database().string() +
                                        ": its disk has "));
    CHECK(scene.process.wait_for_output("what was warned of is over"));
}

TEST_CASE(
    "a full disk that is met by who wants in, and by no record, keeps out nobody else, and no longer than it is full") {
    if (is_lmdb) return; // it writes where room has become free: who wants in finds some
    Scene scene{{.backend = backend(), .environment = {{"STORAGE__LOGGING__LEVEL", "info"}}}}; // nobody reads the log
    const std::size_t few_attaches = 32 * 1024; // of RocksDB, whose log takes no more than it must
    Shortage shortage{scene, backend() == "rocksdb" ? few_attaches : mebibyte};
    std::string refusal;
    for (std::uint64_t stream = 1; refusal.empty() && stream < 10'000; ++stream) {
        auto next = scene.connect();
        scene.negotiate(next);
        next.send(scene.proof(next, "many", support::claim(stream)));
        const auto frame = next.receive_frame();
        REQUIRE(frame.has_value());
        if (frame->header.msg_type == Error::id.msg_type) refusal = decode<Error>(frame->payload).value().code.text;
    }
    CHECK(refusal == "storage-unavailable");
    CHECK_NOTHROW(scene.bystander.ping());
    CHECK_NOTHROW(scene.enter("many", 0).ping());
    shortage.end();
    scene.check_others_go_on();
    CHECK(scene.bystander.ask<GetHealthSuccess>(GetHealth{}).is_healthy);
}

TEST_CASE("a role that is stopped or killed on a full disk has lost nothing that it acknowledged") {
    for (const int signal : {SIGTERM, SIGKILL}) {
        CAPTURE(signal);
        const auto premises = std::make_shared<Premises>();
        std::uint64_t acknowledged = 0;
        {
            Scene scene{{.backend = backend()}, premises};
            use_what_is_there(scene);
            auto client = scene.enter("fills");
            client.store(shares(1, small));
            Shortage shortage{scene};
            fill(scene, client);
            acknowledged = client.durable();
            scene.process.signal(signal);
            if (signal == SIGTERM) {
                CHECK(client.receive<Reconnect>() == Reconnect{});
                CHECK(client.durable() == acknowledged);
            }
            CHECK(scene.process.wait_for_exit() == (signal == SIGTERM ? 0 : -1));
            shortage.end();
        }
        Scene scene{{.backend = backend()}, premises};
        auto client = scene.enter("fills");
        CHECK(client.granted.durable_sequence >= acknowledged); // what was in doubt may turn out to be stored
        CHECK(client.totals().shares_accepted == client.granted.durable_sequence);
        client.go_on_from(1);
        client.send(shares(1, small));
        for (auto& record : large_shares()) client.send({std::move(record)});
        client.wait_until_durable(all);
        CHECK(client.totals().shares_accepted == all);
        scene.check_others_go_on();
    }
}
