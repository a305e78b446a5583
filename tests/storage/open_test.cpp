// Stores by name.

#include "storage/open.hpp"
#include "tests/storage/fixtures.hpp"

#include <algorithm>

using namespace fixtures;

TEST_CASE("the memory backend opens, is volatile, and is another data set each time") {
    const auto one = storage::open({.backend = "memory"});
    const auto other = storage::open({.backend = "memory"});
    REQUIRE(one.has_value());
    REQUIRE(other.has_value());
    CHECK((*one)->backend() == "memory");
    CHECK((*one)->durability() == protocol::Durability::is_volatile);
    CHECK((*one)->data_set().id != (*other)->data_set().id);
}

TEST_CASE("a backend that does not exist is refused, and those that do are named") {
    const auto store = storage::open({.backend = "punched-cards"});
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().kind == storage::StorageError::Kind::unusable);
    for (const auto& backend : storage::backends()) CHECK(store.error().detail.find(backend.name) != std::string::npos);
    CHECK(std::ranges::count(storage::backends(), "memory", &storage::Backend::name) == 1);
}
