#include "clients/cpp/backoff.hpp"
#include "clients/cpp/resumption.hpp"

#include <doctest/doctest.h>

#include <chrono>

using client::Backoff;
using client::Remembered;
using client::resume;
using client::Resumption;
using protocol::Durability;
using namespace std::chrono_literals;

namespace {

protocol::AuthenticateSuccess store_with(std::uint64_t dataset_id, std::uint32_t generation, std::uint64_t durable) {
    return {.version = 1,
            .permissions = 0,
            .durability = static_cast<std::uint8_t>(Durability::local),
            .dataset_id = dataset_id,
            .generation = generation,
            .durable_sequence = durable,
            .max_frame = 1,
            .max_record = 1,
            .max_in_flight = 1};
}

constexpr Remembered remembered{
    .dataset_id = 5, .durability = Durability::local, .generation = 2, .last_acknowledged = 10};

} // namespace

TEST_CASE("a client goes on with a store that knows what it acknowledged, and no more than was numbered") {
    CHECK(resume(remembered, 20, store_with(5, 2, 10)) == Resumption::goes_on);
    CHECK(resume(remembered, 20, store_with(5, 2, 20)) == Resumption::goes_on);
    CHECK(resume(remembered, 20, store_with(5, 3, 10)) == Resumption::goes_on);
    CHECK(resume({}, 20, store_with(9, 0, 0)) == Resumption::goes_on);
}

TEST_CASE("a store that knows less than it acknowledged has lost history") {
    CHECK(resume(remembered, 20, store_with(5, 2, 9)).error().code == "history-lost");
    CHECK(resume(remembered, 20, store_with(5, 1, 10)).error().code == "history-lost");
}

TEST_CASE("a store ahead of every number that was given out shows that this client is a restored copy") {
    CHECK(resume(remembered, 20, store_with(5, 2, 21)).error().code == "restored-copy");
    CHECK(resume({}, 0, store_with(5, 0, 1)).error().code == "restored-copy");
}

TEST_CASE("another data set ends a client, unless the remembered one was volatile") {
    CHECK(resume(remembered, 20, store_with(6, 2, 0)).error().code == "another-dataset");
    Remembered was_volatile = remembered;
    was_volatile.durability = Durability::is_volatile;
    CHECK(resume(was_volatile, 20, store_with(6, 0, 0)) == Resumption::starts_anew);
    CHECK(resume(was_volatile, 20, store_with(5, 2, 10)) == Resumption::goes_on);
}

TEST_CASE("a store that answers with a version that was not offered is not used") {
    auto found = store_with(5, 2, 10);
    found.version = 2;
    CHECK(resume(remembered, 20, found).error().code == "broken-promise");
}

TEST_CASE("the waits before attempts double from 100 ms to 5 s, less up to half at random, until reset") {
    Backoff backoff;
    for (const auto expected : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms})
        CHECK(backoff.next(0) == expected);
    CHECK(backoff.next(2500) == 2500ms);
    CHECK(backoff.next(2501) == 5000ms);
    backoff.reset();
    CHECK(backoff.next(50) == 50ms);
}
