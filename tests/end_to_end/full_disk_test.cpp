// A disk that is full: nothing is acknowledged, nothing is lost, nobody is thrown out, and it goes on by itself. By
// itself the program makes the disk look full with a limit on the size of the role's files; where SMALL_DISK is set,
// temporary files lie on a disk that is really small, and are joined by a ballast.

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

// From its beginning to its end the role's files find room for less than 1 MiB more.
class Shortage {
  public:
    explicit Shortage(const Role& role) : role_{role} {
        if (!is_real_) {
            role_.process.limit_file_size(room);
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
        if (is_real_)
            fs::remove(ballast_);
        else if (!role_.process.has_ended())
            role_.process.limit_file_size(std::nullopt);
    }

  private:
    static constexpr std::size_t room = std::size_t{1024} * 1024;

    const Role& role_;
    bool is_real_ = std::getenv("SMALL_DISK") != nullptr;
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

// Fills the store, and comes back once the client was told.
void fill(Client& client) {
    client.store(shares(1, small));
    for (auto& record : large_shares()) client.send({std::move(record)});
    client.wait_for_status(false);
    CHECK(client.status()->code.text == "storage-unavailable");
    CHECK(client.status()->detail.text.ends_with(advice));
    CHECK(client.durable() < all);
}

} // namespace

TEST_CASE("on a full disk the session stays and is told, nothing is acknowledged, and questions are answered") {
    Scene scene{{.backend = "sqlite"}};
    auto client = scene.enter("fills");
    Shortage shortage{scene};
    fill(client);
    const std::uint64_t acknowledged = client.durable();
    client.ping();
    CHECK(client.totals().shares_accepted == acknowledged);
    CHECK(client.stored_shares().size() == acknowledged);
    const auto health = client.ask<GetHealthSuccess>(GetHealth{});
    CHECK_FALSE(health.is_healthy);
    CHECK(health.connection_status.text == "stalled");
    CHECK(health.error_message.text.ends_with(advice));
    CHECK(client.durable() == acknowledged);

    // Others: who is there is told too, who only wants to ask may come, who wants to store may try later.
    scene.bystander.wait_for_status(false);
    scene.bystander.send({bytes_of(share(1, "bystander"))});
    scene.bystander.ping();
    CHECK(scene.bystander.durable() == 0);
    CHECK_NOTHROW(scene.enter("fills", 0).ping());
    auto late = scene.connect();
    scene.negotiate(late);
    late.send(scene.proof(late, "late", support::claim(1)));
    CHECK(late.receive<Error>().code.text == "storage-unavailable");
    CHECK(late.is_closed());

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
}

TEST_CASE(
    "a full disk that is met by who wants in, and by no record, keeps out nobody else, and no longer than it is full") {
    Scene scene{{.backend = "sqlite"}};
    Shortage shortage{scene};
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
            Scene scene{{.backend = "sqlite"}, premises};
            auto client = scene.enter("fills");
            Shortage shortage{scene};
            fill(client);
            acknowledged = client.durable();
            scene.process.signal(signal);
            if (signal == SIGTERM) {
                CHECK(client.receive<Reconnect>() == Reconnect{});
                CHECK(client.durable() == acknowledged);
            }
            CHECK(scene.process.wait_for_exit() == (signal == SIGTERM ? 0 : -1));
            shortage.end();
        }
        Scene scene{{.backend = "sqlite"}, premises};
        auto client = scene.enter("fills");
        CHECK(client.granted.durable_sequence == acknowledged);
        CHECK(client.totals().shares_accepted == acknowledged);
        client.go_on_from(1);
        client.send(shares(1, small));
        for (auto& record : large_shares()) client.send({std::move(record)});
        client.wait_until_durable(all);
        CHECK(client.totals().shares_accepted == all);
        scene.check_others_go_on();
    }
}
