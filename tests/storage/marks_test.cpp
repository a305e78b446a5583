// Whether a store is the one that had come to a head that was kept elsewhere.

#include "tests/storage/scene.hpp"

#include <vector>

using namespace fixtures;
using namespace storage;

namespace {

constexpr Position save_interval = 4;

MarkFit fit(const Store& store, const Mark& mark) {
    const auto fit = store.compare(mark);
    REQUIRE(fit.has_value());
    return *fit;
}

// One share each commit; the marks at 0, 1, 2, ..., `last`.
std::vector<Mark> send_shares(Scene& scene, std::uint64_t last, Milliseconds received_at = today) {
    std::vector<Mark> marks{scene.store().mark()};
    for (std::uint64_t number = 1; number <= last; ++number) {
        scene.send(bytes(share(number)), received_at + number);
        marks.push_back(scene.store().mark());
    }
    return marks;
}

Mark altered(Mark mark) {
    mark.chain.back() ^= 1;
    return mark;
}

// As if `store` had written it.
Mark as_of(const Store& store, Mark mark) {
    mark.data_set = store.data_set();
    return mark;
}

} // namespace

TEST_CASE("a mark is the data set, the position of the last commit, and the chain's link there") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto store = open(engine);
    CHECK(store->mark() == Mark{.data_set = store->data_set(), .position = 0, .chain = {}});
    commit_one(*store, submission(attach(*store), 1, shares(1, 3)));
    CHECK(store->mark() == Mark{.data_set = store->data_set(), .position = 3, .chain = engine->load()->head.chain});
}

TEST_CASE("a store fits every head that it has come to, across its runs and openings, and no other at that position") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 11);
    REQUIRE(scene.engine->load()->runs.size() == 2);
    for (int opening = 0; opening < 2; ++opening) {
        for (const Mark& mark : marks) {
            CAPTURE(mark.position);
            CHECK(fit(scene.store(), mark) == MarkFit::fits);
            CHECK(fit(scene.store(), altered(mark)) == MarkFit::other_history);
        }
        scene.reopen();
    }
}

TEST_CASE("a run of more records than are read at once is walked to its end") {
    const auto store = fresh();
    const auto to = attach(*store);
    commit_one(*store, submission(to, 1, shares(1, 700)));
    const Mark mark = store->mark();
    commit_one(*store, submission(to, 701, shares(701, 701)));
    CHECK(fit(*store, mark) == MarkFit::fits);
    CHECK(fit(*store, altered(mark)) == MarkFit::other_history);
}

TEST_CASE("a store that has not come so far is behind") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 6);
    Scene earlier{save_interval};
    send_shares(earlier, 5);
    CHECK(fit(earlier.store(), as_of(earlier.store(), marks.back())) == MarkFit::behind);
    CHECK(fit(earlier.store(), as_of(earlier.store(), marks[5])) == MarkFit::fits); // the same records
}

TEST_CASE("a store that was sent other records from some position on has another history from there") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 11);
    Scene forked{save_interval};
    send_shares(forked, 6);
    for (std::uint64_t number = 100; number < 110; ++number) forked.send(bytes(share(number)));
    for (const Mark& mark : marks) {
        CAPTURE(mark.position);
        CHECK(fit(forked.store(), as_of(forked.store(), mark)) ==
              (mark.position <= 6 ? MarkFit::fits : MarkFit::other_history));
    }
}

TEST_CASE("another data set is another history, at every position") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 2);
    Scene other{save_interval};
    send_shares(other, 2);
    for (const Mark& mark : marks) CHECK(fit(other.store(), mark) == MarkFit::other_history);
}

TEST_CASE("an earlier generation's loss was accepted, and a store of an earlier one than the mark's is behind") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 2);
    for (Mark mark : marks) {
        mark = altered(mark);
        --mark.data_set.generation;
        CHECK(fit(scene.store(), mark) == MarkFit::fits);
        mark.data_set.generation += 2;
        CHECK(fit(scene.store(), mark) == MarkFit::behind);
    }
}

TEST_CASE("a removed run is known by its ends; inside of it everything fits") {
    Scene scene{save_interval};
    const auto marks = send_shares(scene, 11);
    REQUIRE(scene.clean_up(today + 10) > 0); // the first run, the second, and a part of the tail
    const auto contents = scene.engine->load();
    REQUIRE(contents->head.removed >= 8);
    for (const Mark& mark : marks) {
        CAPTURE(mark.position);
        CHECK(fit(scene.store(), mark) == MarkFit::fits);
        bool is_known = mark.position == 0 || mark.position > contents->head.removed;
        for (const Run& run : contents->runs) is_known = is_known || run.last == mark.position;
        CHECK(fit(scene.store(), altered(mark)) == (is_known ? MarkFit::other_history : MarkFit::fits));
    }
}

TEST_CASE("a mark is one of a commit that is stored, also when its answer was lost") {
    for (const auto moment : {Moment::before, Moment::after}) {
        bool is_on = false;
        const auto store = open(std::make_shared<MemoryEngine>(),
                                [&](std::string_view call, Moment now) -> std::optional<StorageError> {
                                    if (is_on && call == "write" && now == moment)
                                        return error(StorageError::Kind::unknown);
                                    return std::nullopt;
                                });
        const auto to = attach(*store);
        const auto sent = submission(to, 1, shares(1, 3));
        is_on = true;
        REQUIRE_FALSE(store->commit(std::vector{sent}).has_value());
        CHECK(store->mark().position == 0);
        is_on = false;
        commit_one(*store, sent);
        CHECK(store->mark().position == 3);
        CHECK(fit(*store, store->mark()) == MarkFit::fits);
    }
}

TEST_CASE("a damaged record on the way to a mark is told, and is no answer") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto store = open(engine);
    const auto to = attach(*store);
    commit_one(*store, submission(to, 1, shares(1, 2)));
    const Mark mark = store->mark();
    commit_one(*store, submission(to, 3, shares(3, 3)));
    auto damage = behind(engine->load()->head);
    damage.removed = *engine->read(1, 1, 1);
    REQUIRE(engine->write(damage).has_value());
    CHECK(store->compare(mark).error().kind == StorageError::Kind::corrupt);
}
