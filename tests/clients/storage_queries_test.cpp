// Questions of the client library to a role that follows the test's script.

#include "protocol/records.hpp"
#include "tests/clients/scripted_role.hpp"

#include <boost/asio/detached.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using support::Scene;
using namespace std::chrono_literals;

namespace {

using Health = std::expected<protocol::GetHealthSuccess, client::QueryError>;

asio::awaitable<void> ask_for_health(Scene& scene, std::optional<Health>& health) {
    co_await scene.client->wait_until_open();
    const protocol::GetHealth request;
    health = co_await scene.client->query(request);
    scene.client->stop(30s);
}

asio::awaitable<void> answer_health(Scene& scene) {
    auto session = co_await scene.open();
    const auto request = (co_await session.receive<protocol::GetHealth>()).value();
    CHECK(request.request_id != 0);
    protocol::GetHealthSuccess answer;
    answer.request_id = request.request_id;
    answer.is_healthy = true;
    co_await session.send(answer);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> refuse_health(Scene& scene) {
    auto session = co_await scene.open();
    protocol::Error error;
    error.request_id = (co_await session.receive<protocol::GetHealth>()).value().request_id;
    error.code.text = "not-permitted";
    co_await session.send(error);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> close_instead(Scene& scene) {
    auto session = co_await scene.open();
    (void)co_await session.receive<protocol::GetHealth>();
}

asio::awaitable<void> answer_something_else(Scene& scene) {
    auto session = co_await scene.open();
    protocol::GetTotalsSuccess answer;
    answer.request_id = (co_await session.receive<protocol::GetHealth>()).value().request_id;
    co_await session.send(answer);
    (void)co_await session.receive<protocol::Ping>();
}

void add_record(protocol::GetRecordsSuccess& page, std::uint64_t position) {
    protocol::StoredRecord stored;
    stored.position = position;
    page.records.items.push_back({protocol::encode(stored).value()});
}

// Two pages; the connection breaks where the second was asked for.
asio::awaitable<void> serve_pages(Scene& scene) {
    const protocol::Bytes cursor{1, 2, 3};
    {
        auto session = co_await scene.open();
        const auto request = (co_await session.receive<protocol::GetRecords>()).value();
        CHECK(request.cursor.bytes.empty());
        protocol::GetRecordsSuccess page;
        page.request_id = request.request_id;
        page.next_cursor.bytes = cursor;
        add_record(page, 9);
        add_record(page, 8);
        co_await session.send(page);
        CHECK((co_await session.receive<protocol::GetRecords>()).value().cursor.bytes == cursor);
    }
    auto session = co_await scene.open();
    const auto request = (co_await session.receive<protocol::GetRecords>()).value();
    CHECK(request.cursor.bytes == cursor);
    CHECK(request.kind == static_cast<std::uint8_t>(protocol::RecordKind::batch_acknowledgment));
    CHECK(request.channel_id.text == "1.2.3.4");
    protocol::GetRecordsSuccess page;
    page.request_id = request.request_id;
    add_record(page, 7);
    co_await session.send(page);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> walk(Scene& scene, std::vector<std::uint64_t>& positions) {
    co_await scene.client->wait_until_open();
    protocol::GetRecords request;
    request.kind = static_cast<std::uint8_t>(protocol::RecordKind::batch_acknowledgment);
    request.channel_id.text = "1.2.3.4";
    const auto walked = co_await scene.client->walk_records(
        request, [&](const protocol::StoredRecord& stored) { positions.push_back(stored.position); });
    CHECK(walked.has_value());
    scene.client->stop(30s);
}

Health health_from(asio::awaitable<void> (*role)(Scene&)) {
    Scene scene;
    std::optional<Health> health;
    scene.start();
    asio::co_spawn(scene.responder.io, ask_for_health(scene, health), asio::detached);
    scene.play(role(scene));
    REQUIRE(health.has_value());
    return *health;
}

} // namespace

TEST_CASE("a request gets the answer that repeats its number") {
    CHECK(health_from(answer_health).value().is_healthy);
}

TEST_CASE("a request that the role does not serve gets its code, and the session goes on") {
    CHECK(health_from(refuse_health).error().code == "not-permitted");
}

TEST_CASE("a request whose session ends gets a value, not silence") {
    CHECK(health_from(close_instead).error().code == "disconnected");
}

TEST_CASE("a request that is answered with another message is told so") {
    CHECK(health_from(answer_something_else).error().code == "broken-promise");
}

TEST_CASE("a walk over records visits each once, in order, over pages and disconnects") {
    Scene scene;
    std::vector<std::uint64_t> positions;
    scene.start();
    asio::co_spawn(scene.responder.io, walk(scene, positions), asio::detached);
    scene.play(serve_pages(scene));
    CHECK(positions == std::vector<std::uint64_t>{9, 8, 7});
}

namespace {

// Two pages of users, the second after a disconnect; then how many shares were removed.
asio::awaitable<void> serve_lists(Scene& scene) {
    const protocol::Bytes cursor{4, 5};
    {
        auto session = co_await scene.open();
        protocol::ListUsersSuccess page;
        page.request_id = (co_await session.receive<protocol::ListUsers>()).value().request_id;
        page.users.items = {{"alice"}};
        page.next_cursor.bytes = cursor;
        co_await session.send(page);
        CHECK((co_await session.receive<protocol::ListUsers>()).value().cursor.bytes == cursor);
    }
    auto session = co_await scene.open();
    const auto again = (co_await session.receive<protocol::ListUsers>()).value();
    CHECK(again.cursor.bytes == cursor);
    protocol::ListUsersSuccess page;
    page.request_id = again.request_id;
    page.users.items = {{"bob"}};
    co_await session.send(page);

    protocol::CleanupOldSharesSuccess removed;
    removed.request_id = (co_await session.receive<protocol::CleanupOldShares>()).value().request_id;
    removed.removed_shares = 7;
    co_await session.send(removed);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> ask_for_lists(Scene& scene, std::vector<std::string>& users, std::uint64_t& removed) {
    co_await scene.client->wait_until_open();
    protocol::ListUsers request;
    do {
        const auto page = co_await scene.client->next_page(request);
        for (const auto& user : page.value().users.items) users.push_back(user.text);
    } while (!request.cursor.bytes.empty());
    const protocol::CleanupOldShares cleanup;
    removed = (co_await scene.client->query(cleanup)).value().removed_shares;
    scene.client->stop(30s);
}

template <class R> asio::awaitable<void> serve_one(Scene& scene) {
    auto session = co_await scene.open();
    typename client::AnswerTo<R>::Type answer;
    const std::optional<R> request = co_await session.template receive<R>();
    answer.request_id = request.value().request_id;
    co_await session.send(answer);
    (void)co_await session.template receive<protocol::Ping>();
}

template <class R> asio::awaitable<void> ask_one(Scene& scene, bool& is_answered) {
    co_await scene.client->wait_until_open();
    const R request;
    const auto answer = co_await scene.client->query(request);
    is_answered = answer.has_value();
    scene.client->stop(30s);
}

template <class... R> void check_each_is_answered() {
    const auto check = []<class One>(std::type_identity<One>) {
        INFO(std::string{One::name});
        Scene scene;
        bool is_answered = false;
        scene.start();
        asio::co_spawn(scene.responder.io, ask_one<One>(scene, is_answered), asio::detached);
        scene.play(serve_one<One>(scene));
        CHECK(is_answered);
    };
    (check(std::type_identity<R>{}), ...);
}

} // namespace

TEST_CASE("every request of the extension can be asked, and gets its own answer") {
    check_each_is_answered<protocol::GetRecords, protocol::IsShareSeen, protocol::GetAccounting,
                           protocol::GetChannelStats, protocol::ListChannels, protocol::GetTotals,
                           protocol::ListStreams, protocol::GetHealth, protocol::GetBlocks, protocol::ListUsers,
                           protocol::GetHours, protocol::ListDrift, protocol::CleanupOldShares>();
}

TEST_CASE("a list is asked for page by page, each once, also across a disconnect") {
    Scene scene;
    std::vector<std::string> users;
    std::uint64_t removed = 0;
    scene.start();
    asio::co_spawn(scene.responder.io, ask_for_lists(scene, users, removed), asio::detached);
    scene.play(serve_lists(scene));
    CHECK(users == std::vector<std::string>{"alice", "bob"});
    CHECK(removed == 7);
}

TEST_CASE("a request without a session fails at once") {
    Scene scene;
    scene.start();
    std::optional<Health> health;
    const protocol::GetHealth request;
    asio::co_spawn(scene.responder.io, scene.client->query(request),
                   [&](std::exception_ptr, Health answer) { health = std::move(answer); });
    scene.responder.io.run_for(30s);
    REQUIRE(health.has_value());
    CHECK(health->error().code == "disconnected");
}
