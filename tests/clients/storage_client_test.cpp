// The client library against a role that follows the test's script, over loopback.

#include "tests/clients/scripted_role.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using client::Ending;
using client::Event;
using Acceptor = asio::ip::tcp::acceptor;
using client::StorageClient;
using support::no_verdicts;
using support::Scene;
using support::Session;
using support::usual_grant;
using namespace std::chrono_literals;

namespace {

protocol::Bytes short_record(std::uint8_t content) {
    return {content, content, content};
}

std::vector<protocol::VerdictEntry> verdict(std::uint64_t sequence, std::string_view code) {
    return {{.sequence = sequence, .code = {std::string{code}}}};
}

void store(StorageClient& client, std::uint8_t from, std::uint8_t to) {
    for (std::uint8_t i = from; i <= to; ++i) REQUIRE(client.store(short_record(i)) == i);
}

asio::awaitable<void> acknowledge_three_then_stop(Scene& scene) {
    auto session = co_await scene.open();
    const auto message = (co_await session.receive<protocol::StoreRecords>()).value();
    CHECK(message.first_sequence == 1);
    CHECK(message.records.items.size() == 3);
    co_await session.acknowledge(2, verdict(2, "duplicate-share"));
    scene.client->stop(30s);
    co_await session.acknowledge(3, no_verdicts());
    CHECK_FALSE((co_await session.receive<protocol::Ping>()).has_value());
}

asio::awaitable<void> prove_then_stop(Scene& scene, protocol::Authenticate& proof) {
    auto session = co_await scene.open(usual_grant, &proof);
    scene.client->stop(30s);
    CHECK_FALSE((co_await session.receive<protocol::Ping>()).has_value());
}

asio::awaitable<void> break_off_then_take_the_rest(Scene& scene) {
    {
        auto session = co_await scene.open();
        (void)co_await session.receive<protocol::StoreRecords>();
        co_await session.acknowledge(1, verdict(1, "above-target"));
        while (scene.client->last_acknowledged() < 1) (void)co_await session.receive<protocol::Ping>();
    }
    auto grant = usual_grant;
    grant.durable_sequence = 3; // committed, but the acknowledgment never came: information
    protocol::Authenticate proof;
    auto session = co_await scene.open(grant, &proof);
    CHECK(proof.stream_id == 7);
    CHECK(proof.dataset_id == 5);
    CHECK(proof.last_acknowledged == 1);
    const auto again = (co_await session.receive<protocol::StoreRecords>()).value();
    CHECK(again.first_sequence == 2);
    REQUIRE(again.records.items.size() == 2);
    CHECK(again.records.items[0].bytes == short_record(2));
    CHECK(again.records.items[1].bytes == short_record(3));
    scene.client->stop(30s);
    co_await session.acknowledge(3, verdict(3, "invalid-record"));
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> take_all_one_by_one(Scene& scene, std::uint64_t count) {
    auto session = co_await scene.open();
    for (std::uint64_t i = 1; i <= count; ++i) {
        const auto message = (co_await session.receive<protocol::StoreRecords>()).value();
        CHECK(message.first_sequence == i);
        co_await session.acknowledge(i, no_verdicts());
    }
    scene.client->stop(30s);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> take_all_two_by_two(Scene& scene, std::uint64_t count) {
    auto grant = usual_grant;
    grant.max_in_flight = 2 * (10 + 3 + 3 + 64);
    auto session = co_await scene.open(grant);
    for (std::uint64_t i = 2; i <= count; i += 2) {
        CHECK((co_await session.receive<protocol::StoreRecords>()).value().first_sequence == i - 1);
        CHECK((co_await session.receive<protocol::StoreRecords>()).value().first_sequence == i);
        // A client that had more to send would send it before it is quiet enough to ping.
        const auto ping = (co_await session.receive<protocol::Ping>()).value();
        co_await session.send(protocol::PingSuccess{.nonce = ping.nonce});
        if (i == count) scene.client->stop(30s);
        co_await session.acknowledge(i, no_verdicts());
    }
    while (co_await session.receive<protocol::Ping>()) {
    }
}

asio::awaitable<void> end_session_with(Scene& scene, std::string_view code) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    co_await session.end_with(code);
}

asio::awaitable<void> refuse_setup_with(Scene& scene, std::string_view code) {
    auto stream = co_await scene.responder.accept();
    Session session{std::move(stream).value()};
    (void)co_await session.receive<protocol::SetupConnection>();
    const protocol::SetupConnectionError error{.flags = 0, .error_code = {std::string{code}}};
    co_await session.send(error);
    (void)co_await session.receive<protocol::RequestExtensions>();
}

asio::awaitable<void> end_session_then_take_all(Scene& scene, std::string_view code) {
    co_await end_session_with(scene, code);
    auto session = co_await scene.open();
    CHECK((co_await session.receive<protocol::StoreRecords>()).value().first_sequence == 1);
    scene.client->stop(30s);
    co_await session.acknowledge(3, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> send_away_then_take_all(Scene& scene) {
    {
        auto session = co_await scene.open();
        const protocol::Reconnect reconnect;
        co_await session.send(reconnect);
        while (co_await session.receive<protocol::StoreRecords>()) {
        }
    }
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    scene.client->stop(30s);
    co_await session.acknowledge(3, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> open_with(Scene& scene, protocol::AuthenticateSuccess grant) {
    auto session = co_await scene.open(grant);
    while (co_await session.receive<protocol::StoreRecords>()) {
    }
}

asio::awaitable<void> come_back_empty(Scene& scene) {
    auto grant = usual_grant;
    grant.durability = 0;
    {
        auto session = co_await scene.open(grant);
        (void)co_await session.receive<protocol::StoreRecords>();
        co_await session.acknowledge(2, no_verdicts());
        while (scene.client->last_acknowledged() < 2) (void)co_await session.receive<protocol::Ping>();
    }
    grant.dataset_id = 6;
    co_await open_with(scene, grant);
    protocol::Authenticate proof;
    auto session = co_await scene.open(grant, &proof);
    CHECK(proof.stream_id != 7);
    CHECK(proof.stream_id == scene.client->stream_id());
    CHECK(proof.last_acknowledged == 0);
    CHECK(proof.dataset_id == 0);
    const auto message = (co_await session.receive<protocol::StoreRecords>()).value();
    CHECK(message.first_sequence == 1);
    REQUIRE(message.records.items.size() == 1);
    CHECK(message.records.items[0].bytes == short_record(3));
    scene.client->stop(30s);
    co_await session.acknowledge(1, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> answer_pings_then_fall_silent(Scene& scene) {
    {
        auto session = co_await scene.open();
        for (int i = 0; i < 3; ++i) {
            const auto ping = (co_await session.receive<protocol::Ping>()).value();
            co_await session.send(protocol::PingSuccess{.nonce = ping.nonce});
        }
        while (co_await session.receive<protocol::Ping>()) {
        } // until the client gives up
    }
    auto session = co_await scene.open();
    scene.client->stop(30s);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> acknowledge_what_was_not_sent(Scene& scene) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    co_await session.acknowledge(4, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> judge_what_is_not_acknowledged(Scene& scene) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    co_await session.acknowledge(2, verdict(3, "duplicate-share"));
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> take_three(Scene& scene, protocol::AuthenticateSuccess grant) {
    auto session = co_await scene.open(grant);
    CHECK((co_await session.receive<protocol::StoreRecords>()).value().first_sequence == 1);
    scene.client->stop(30s);
    co_await session.acknowledge(3, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

// Where a second role of the same authority listens: the client's next address.
Acceptor listen_beside(Scene& scene) {
    Acceptor standby{scene.responder.io, {asio::ip::address_v4::loopback(), 0}};
    scene.options.addresses.push_back({.host = "127.0.0.1", .port = std::to_string(standby.local_endpoint().port())});
    return standby;
}

// Acknowledges one record of three, and is gone: the script goes on as the role that stands by.
asio::awaitable<void> lose_the_active_role(Scene& scene, Acceptor& standby) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    co_await session.acknowledge(1, no_verdicts());
    while (scene.client->last_acknowledged() < 1) (void)co_await session.receive<protocol::Ping>();
    scene.responder.acceptor = std::move(standby);
}

asio::awaitable<void> fail_over(Scene& scene, Acceptor& standby) {
    co_await lose_the_active_role(scene, standby);
    auto grant = usual_grant;
    grant.durable_sequence = 2; // committed by the active role, but the acknowledgment never came
    protocol::Authenticate proof;
    auto session = co_await scene.open(grant, &proof);
    CHECK(proof.last_acknowledged == 1);
    CHECK((co_await session.receive<protocol::StoreRecords>()).value().first_sequence == 2);
    scene.client->stop(30s);
    co_await session.acknowledge(3, no_verdicts());
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> fail_over_to_another_data_set(Scene& scene, Acceptor& standby) {
    co_await lose_the_active_role(scene, standby);
    auto grant = usual_grant;
    grant.dataset_id = 6;
    co_await open_with(scene, grant);
}

asio::awaitable<void> never_acknowledge(Scene& scene) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::StoreRecords>();
    scene.client->stop(20ms);
    (void)co_await session.receive<protocol::Ping>();
}

} // namespace

TEST_CASE("an acknowledgment covers all up to its number, verdicts come with it, and stop() waits for the last one") {
    Scene scene;
    store(scene.start(), 1, 3);
    scene.play(acknowledge_three_then_stop(scene));
    CHECK(scene.ending->code == "stopped");
    CHECK(scene.client->unacknowledged() == 0);
    const auto acknowledged = scene.all<client::Acknowledged>();
    REQUIRE(acknowledged.size() == 2);
    CHECK(acknowledged[0].durable_sequence == 2);
    CHECK(acknowledged[0].verdicts == verdict(2, "duplicate-share"));
    CHECK(acknowledged[1].durable_sequence == 3);
    CHECK(acknowledged[1].verdicts.empty());
    CHECK(scene.client->store(short_record(4)).error() == client::StoreRefusal::ended);
}

TEST_CASE("after a disconnect everything after the last acknowledgment is sent again in order, and each verdict is "
          "told once") {
    Scene scene;
    scene.options.ping_interval = 20ms;
    store(scene.start(), 1, 3);
    scene.play(break_off_then_take_the_rest(scene));
    CHECK(scene.ending->code == "stopped");
    std::vector<std::uint64_t> judged;
    for (const auto& event : scene.all<client::Acknowledged>())
        for (const auto& verdict : event.verdicts) judged.push_back(verdict.sequence);
    CHECK(judged == std::vector<std::uint64_t>{1, 3});
    CHECK(scene.all<client::Opened>().size() == 2);
    CHECK(scene.all<client::Opened>()[1].state.last_acknowledged == 1);
}

TEST_CASE("a client that holds max_unacknowledged records says so, and drops none") {
    Scene scene;
    scene.options.max_unacknowledged = 2;
    scene.options.records_per_message = 1;
    StorageClient& client = scene.start();
    store(client, 1, 2);
    CHECK(client.store(short_record(3)).error() == client::StoreRefusal::full);
    bool is_taken = false;
    scene.also = [&](const Event& event) {
        if (std::holds_alternative<client::Acknowledged>(event) && !is_taken)
            is_taken = client.store(short_record(3)).has_value();
    };
    scene.play(take_all_one_by_one(scene, 3));
    CHECK(is_taken);
    CHECK(scene.ending->code == "stopped");
}

TEST_CASE("no more than max_in_flight is under way") {
    Scene scene;
    scene.options.records_per_message = 1;
    scene.options.ping_interval = 1s; // never due between two records, however slow both sides are
    store(scene.start(), 1, 6);
    scene.play(take_all_two_by_two(scene, 6));
    CHECK(scene.client->last_acknowledged() == 6);
}

TEST_CASE("a record above the limit of the protocol, and any record without the write role, is refused at once") {
    Scene scene;
    SUBCASE("size") {
        CHECK(scene.start().store(protocol::Bytes((std::size_t{512} << 10U) + 1)).error() ==
              client::StoreRefusal::too_large);
    }
    SUBCASE("role") {
        scene.options.roles = protocol::role_read;
        CHECK(scene.start().store(short_record(1)).error() == client::StoreRefusal::no_writer);
    }
}

TEST_CASE("a client that only asks tells nothing of a stream, though it was given what one remembers") {
    Scene scene;
    scene.options.roles = protocol::role_read;
    scene.options.stream_id = 0;
    scene.options.remembered = {.dataset_id = 5, .last_acknowledged = 40};
    scene.start();
    protocol::Authenticate proof;
    proof.last_acknowledged = 1;
    scene.play(prove_then_stop(scene, proof));
    CHECK(proof.last_acknowledged == 0);
    CHECK(scene.ending->code == "stopped");
}

TEST_CASE("what cannot get better by itself ends the client with the role's words") {
    for (const std::string_view code :
         {"unauthorized", "not-permitted", "sequence-gap", "sequence-conflict", "fenced", "history-lost",
          "malformed-message", "unexpected-message", "frame-too-large", "a-code-of-the-future"}) {
        CAPTURE(code);
        Scene scene;
        store(scene.start(), 1, 3);
        scene.play(end_session_with(scene, code));
        CHECK(scene.ending == Ending{.code = std::string{code}, .detail = "as scripted"});
        CHECK(scene.client->unacknowledged() == 3);
    }
}

TEST_CASE("a setup that is refused ends the client with the role's code") {
    Scene scene;
    scene.start();
    scene.play(refuse_setup_with(scene, "unsupported-protocol"));
    CHECK(scene.ending->code == "unsupported-protocol");
}

TEST_CASE("what may pass makes the client come back") {
    for (const std::string_view code : {"busy", "shutting-down", "storage-unavailable"}) {
        CAPTURE(code);
        Scene scene;
        store(scene.start(), 1, 3);
        scene.play(end_session_then_take_all(scene, code));
        CHECK(scene.ending->code == "stopped");
        REQUIRE(scene.all<client::Closed>().size() == 1);
        CHECK(scene.all<client::Closed>()[0].ending.code == code);
    }
}

TEST_CASE("Reconnect makes the client come back") {
    Scene scene;
    store(scene.start(), 1, 3);
    scene.play(send_away_then_take_all(scene));
    CHECK(scene.ending->code == "stopped");
    CHECK(scene.all<client::Closed>().size() == 1);
}

TEST_CASE("addresses are told apart by commas, and a host from its port by the last colon") {
    using client::Address;
    using Addresses = std::vector<Address>;
    CHECK(client::parse_addresses("127.0.0.1:34274") == Addresses{{.host = "127.0.0.1", .port = "34274"}});
    CHECK(client::parse_addresses("role-a:1,[::1]:2") ==
          Addresses{{.host = "role-a", .port = "1"}, {.host = "::1", .port = "2"}});
    for (const std::string_view wrong : {"", "role-a", "role-a:1,", ",role-a:1", "role-a:", ":1", "::1:2", "[]:1"}) {
        CAPTURE(wrong);
        CHECK_FALSE(client::parse_addresses(wrong).has_value());
    }
}

TEST_CASE("a client of several addresses passes over those where nobody listens") {
    const std::string closed = support::Responder{}.port(); // its responder is gone
    Scene scene;
    scene.options.addresses.insert(scene.options.addresses.begin(), 2, {.host = "127.0.0.1", .port = closed});
    store(scene.start(), 1, 3);
    scene.play(take_three(scene, usual_grant));
    CHECK(scene.ending->code == "stopped");
    REQUIRE(scene.all<client::Closed>().size() == 2);
    for (const auto& [ending] : scene.all<client::Closed>()) CHECK(ending.code == "disconnected");
}

TEST_CASE("when its role is gone, a client goes on at the next address with what was not acknowledged") {
    Scene scene;
    scene.options.ping_interval = 20ms;
    auto standby = listen_beside(scene);
    store(scene.start(), 1, 3);
    scene.play(fail_over(scene, standby));
    CHECK(scene.ending->code == "stopped");
    CHECK(scene.all<client::Closed>().size() == 1);
    CHECK(scene.all<client::Opened>().size() == 2);
}

TEST_CASE("a role at the next address that has another data set is refused as everywhere") {
    Scene scene;
    scene.options.ping_interval = 20ms;
    auto standby = listen_beside(scene);
    store(scene.start(), 1, 3);
    scene.play(fail_over_to_another_data_set(scene, standby));
    CHECK(scene.ending->code == "another-dataset");
    CHECK(scene.client->unacknowledged() == 2);
}

TEST_CASE("another data set than the remembered one ends the client, and nothing is sent to it") {
    Scene scene;
    scene.options.remembered = {
        .dataset_id = 4, .durability = protocol::Durability::local, .generation = 0, .last_acknowledged = 0};
    store(scene.start(), 1, 3);
    scene.play(open_with(scene, usual_grant));
    CHECK(scene.ending->code == "another-dataset");
}

TEST_CASE("a role that is ahead of all that was ever numbered ends the client") {
    Scene scene;
    store(scene.start(), 1, 3);
    auto grant = usual_grant;
    grant.durable_sequence = 4;
    scene.play(open_with(scene, grant));
    CHECK(scene.ending->code == "restored-copy");
}

TEST_CASE("when a volatile store comes back empty, what it never acknowledged goes to a new stream, from number 1") {
    Scene scene;
    scene.options.ping_interval = 20ms;
    store(scene.start(), 1, 3);
    scene.play(come_back_empty(scene));
    CHECK(scene.ending->code == "stopped");
    REQUIRE(scene.all<client::StreamRenewed>().size() == 1);
    CHECK(scene.all<client::StreamRenewed>()[0].stream_id == scene.client->stream_id());
}

TEST_CASE("a client pings, and leaves a role that is silent") {
    Scene scene;
    scene.options.ping_interval = 1s; // an answer later than that is silence
    scene.start();
    scene.play(answer_pings_then_fall_silent(scene));
    CHECK(scene.ending->code == "stopped");
    CHECK_FALSE(scene.all<client::Closed>().empty());
}

TEST_CASE("an acknowledgment of what this session did not send ends the client") {
    Scene scene;
    store(scene.start(), 1, 3);
    scene.play(acknowledge_what_was_not_sent(scene));
    CHECK(scene.ending->code == "broken-promise");
    CHECK(scene.all<client::Acknowledged>().empty());
    CHECK(scene.client->unacknowledged() == 3);
}

TEST_CASE("a verdict on a record that is not acknowledged with it ends the client") {
    Scene scene;
    store(scene.start(), 1, 3);
    scene.play(judge_what_is_not_acknowledged(scene));
    CHECK(scene.ending->code == "broken-promise");
    CHECK(scene.client->unacknowledged() == 3);
}

TEST_CASE("stop() ends after its patience when acknowledgments do not come, and nothing is forgotten") {
    Scene scene;
    store(scene.start(), 1, 3);
    scene.play(never_acknowledge(scene));
    CHECK(scene.ending->code == "stopped");
    CHECK(scene.client->unacknowledged() == 3);
}
