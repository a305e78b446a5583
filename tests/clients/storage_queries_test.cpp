// Questions of the client library to a role that follows the test's script.

#include "tests/clients/scripted_role.hpp"

#include <boost/asio/detached.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <optional>
#include <string>
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

void add_share(protocol::GetSharesSuccess& page, std::uint64_t position) {
    protocol::StoredRecord stored;
    stored.position = position;
    page.shares.items.push_back({protocol::encode(stored).value()});
}

// Two pages; the connection breaks where the second was asked for.
asio::awaitable<void> serve_pages(Scene& scene) {
    const protocol::Bytes cursor{1, 2, 3};
    {
        auto session = co_await scene.open();
        const auto request = (co_await session.receive<protocol::GetShares>()).value();
        CHECK(request.cursor.bytes.empty());
        protocol::GetSharesSuccess page;
        page.request_id = request.request_id;
        page.next_cursor.bytes = cursor;
        add_share(page, 9);
        add_share(page, 8);
        co_await session.send(page);
        CHECK((co_await session.receive<protocol::GetShares>()).value().cursor.bytes == cursor);
    }
    auto session = co_await scene.open();
    const auto request = (co_await session.receive<protocol::GetShares>()).value();
    CHECK(request.cursor.bytes == cursor);
    CHECK(request.channel_id.text == "1.2.3.4");
    protocol::GetSharesSuccess page;
    page.request_id = request.request_id;
    add_share(page, 7);
    co_await session.send(page);
    (void)co_await session.receive<protocol::Ping>();
}

asio::awaitable<void> walk(Scene& scene, std::vector<std::uint64_t>& positions) {
    co_await scene.client->wait_until_open();
    protocol::GetShares request;
    request.channel_id.text = "1.2.3.4";
    const auto walked = co_await scene.client->walk_shares(
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

TEST_CASE("a walk over shares visits each once, in order, over pages and disconnects") {
    Scene scene;
    std::vector<std::uint64_t> positions;
    scene.start();
    asio::co_spawn(scene.responder.io, walk(scene, positions), asio::detached);
    scene.play(serve_pages(scene));
    CHECK(positions == std::vector<std::uint64_t>{9, 8, 7});
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
