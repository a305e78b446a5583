// Faults on order, as other tests order them.

#include "storage/faulty_store.hpp"
#include "tests/storage/fixtures.hpp"

#include <condition_variable>
#include <future>
#include <mutex>

using namespace fixtures;
using namespace storage;

namespace {

struct Order {
    std::string call;
    Moment moment{};
};

// A store whose call `order.call` fails with `unknown`.
std::unique_ptr<FaultyStore> store_with(const std::shared_ptr<Order>& order) {
    return std::make_unique<FaultyStore>(fresh(),
                                         [order](std::string_view call, Moment moment) -> std::optional<StorageError> {
                                             if (call == order->call && moment == order->moment)
                                                 return error(StorageError::Kind::unknown);
                                             return std::nullopt;
                                         });
}

} // namespace

TEST_CASE("without a fault a faulty store is the store that it decorates") {
    const auto store = store_with(std::make_shared<Order>());
    CHECK(store->backend() == "memory");
    CHECK(store->durability() == protocol::Durability::is_volatile);
    CHECK(store->data_set().id != 0);
    CHECK(commit_one(*store, submission(attach(*store), 1, shares(1, 3))) == stored(3));
    CHECK(store->position() == 3);
    CHECK(store->mark().position == 3);
    CHECK(totals(*store).shares_accepted == 3);
    CHECK(store->health().is_healthy);
}

TEST_CASE("a fault before a call prevents it, and one after it loses the answer") {
    for (const auto moment : {Moment::before, Moment::after}) {
        const auto order = std::make_shared<Order>();
        const auto store = store_with(order);
        const auto to = attach(*store);
        *order = {.call = "commit", .moment = moment};
        CHECK(store->commit(std::vector{submission(to, 1, shares(1, 3))}).error().kind == StorageError::Kind::unknown);
        CHECK(store->position() == (moment == Moment::before ? 0 : 3));
    }
}

TEST_CASE("every call that can fail can be made to") {
    const auto order = std::make_shared<Order>();
    const auto store = store_with(order);
    const auto fails = [&](const std::string& name, auto call) {
        for (const auto moment : {Moment::before, Moment::after}) {
            CAPTURE(name);
            *order = {.call = name, .moment = moment};
            CHECK_FALSE(call().has_value());
        }
    };
    fails("attach", [&] { return store->attach({.identity = "a-client", .stream_id = 1}, pool); });
    fails("commit", [&] { return store->commit({}); });
    fails("clean_up", [&] { return store->clean_up(0); });
    fails("compare", [&] { return store->compare({}); });
    fails("records", [&] { return store->records({}); });
    fails("blocks", [&] { return store->blocks({}); });
    fails("are_shares_seen", [&] { return store->are_shares_seen(pool, "", {}); });
    fails("accounting", [&] { return store->accounting(pool, ""); });
    fails("channel_stats", [&] { return store->channel_stats(pool, "", {}); });
    fails("drift", [&] { return store->drift(pool, "", 1); });
    fails("hours", [&] { return store->hours({}); });
    fails("users", [&] { return store->users(pool, "", 1); });
    fails("totals", [&] { return store->totals(pool, {}); });
    fails("channels", [&] { return store->channels(pool, "", 1); });
    fails("streams", [&] { return store->streams(pool, std::nullopt, 1); });
    fails("close", [&] { return store->close(); });
    *order = {.call = "health", .moment = Moment::before};
    CHECK_FALSE(store->health().is_healthy);
    CHECK(store->health().error_message == "on order");
}

TEST_CASE("a hook that blocks holds the call, and only that") {
    std::promise<void> reached;
    std::promise<void> release;
    FaultyStore store{fresh(), [&, held = release.get_future().share()](std::string_view call, Moment moment) {
                          if (call == "commit" && moment == Moment::before) {
                              reached.set_value();
                              held.wait();
                          }
                          return std::optional<StorageError>{};
                      }};
    const auto to = attach(store);
    auto outcome = std::async(std::launch::async, [&] { return commit_one(store, submission(to, 1, shares(1, 1))); });
    REQUIRE(reached.get_future().wait_for(std::chrono::seconds{30}) == std::future_status::ready);
    CHECK(totals(store).shares_accepted == 0);
    CHECK(store.position() == 0);
    release.set_value();
    REQUIRE(outcome.wait_for(std::chrono::seconds{30}) == std::future_status::ready);
    CHECK(outcome.get() == stored(1));
    CHECK(store.position() == 1);
}
