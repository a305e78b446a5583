// What the log store promises, over the engine that keeps nothing. That every backend keeps the same promises is shown
// by tests/conformance.

#include "tests/storage/engine_scene.hpp"
#include "tests/storage/fixtures.hpp"

#include <atomic>
#include <thread>

using namespace fixtures;
using namespace storage;
using protocol::RecordKind;
using protocol::Verdict;

TEST_CASE("a stream's first attachment has epoch 1, and every next one the next") {
    const auto store = fresh();
    const auto first = attach(*store, 7);
    CHECK(first.epoch == 1);
    CHECK(first.durable_sequence == 0);
    REQUIRE(commit_one(*store, submission(first, 1, shares(1, 3))) == stored(3));
    const auto second = attach(*store, 7);
    CHECK(second.stream == first.stream);
    CHECK(second.epoch == 2);
    CHECK(second.durable_sequence == 3);
    CHECK(attach(*store, 8).stream != first.stream);
}

TEST_CASE("each record of a commit has the next position") {
    const auto store = fresh();
    const auto one = attach(*store, 1);
    const auto two = attach(*store, 2);
    CHECK(store->position() == 0);
    CHECK(commit(*store, {submission(one, 1, shares(1, 3)), submission(two, 1, shares(4, 5))}) ==
          std::vector{stored(3), stored(2)});
    CHECK(store->position() == 5);
    const auto found = records(*store, RecordKind::share);
    REQUIRE(found.size() == 5);
    CHECK(found.front().position == 5);
    CHECK(found.front().stream_id == 2);
    CHECK(found.front().sequence == 2);
    CHECK(found.back().position == 1);
    CHECK(found.back().record == bytes(share(1)));
}

TEST_CASE("records sent again with equal bytes have their stored verdicts and count once") {
    const auto store = fresh();
    const auto to = attach(*store);
    const std::vector records{bytes(share(1)), no_record, bytes(share(1))};
    const Outcome outcome = stored(
        3, {{.sequence = 2, .verdict = Verdict::unknown_kind}, {.sequence = 3, .verdict = Verdict::duplicate_share}});
    CHECK(commit(*store, {submission(to, 1, records), submission(to, 1, records)}) == std::vector{outcome, outcome});
    CHECK(commit_one(*store, submission(to, 1, records)) == outcome);
    CHECK(commit_one(*store, submission(to, 3, {records[2], bytes(share(4))})) ==
          stored(4, {{.sequence = 3, .verdict = Verdict::duplicate_share}}));
    CHECK(store->position() == 4);
    CHECK(totals(*store).shares_accepted == 2);
    CHECK(totals(*store).shares_duplicate == 1);
}

TEST_CASE("other bytes under a used number are a conflict, and end the attachment") {
    const auto store = fresh();
    const auto to = attach(*store);
    REQUIRE(commit_one(*store, submission(to, 1, shares(1, 2))) == stored(2));
    SUBCASE("stored by an earlier commit") {
        CHECK(commit(*store, {submission(to, 2, shares(5, 6)), submission(to, 3, shares(3, 3))}) ==
              std::vector{refused(Refused::sequence_conflict), refused(Refused::fenced)});
        CHECK(store->position() == 2);
    }
    SUBCASE("in the same batch") {
        CHECK(commit(*store, {submission(to, 3, shares(3, 3)), submission(to, 3, shares(4, 4)),
                              submission(to, 4, shares(5, 5))}) ==
              std::vector{stored(3), refused(Refused::sequence_conflict), refused(Refused::fenced)});
        CHECK(store->position() == 3);
    }
    CHECK(commit_one(*store, submission(to, 1, shares(1, 1))) == refused(Refused::fenced));
    const auto again = attach(*store);
    CHECK(commit_one(*store, submission(again, again.durable_sequence + 1, shares(9, 9))).has_value());
}

TEST_CASE("a number that is not the next one is a gap, and ends the attachment") {
    constexpr auto last = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{4}, last}) {
        CAPTURE(first);
        const auto store = fresh();
        const auto to = attach(*store);
        REQUIRE(commit_one(*store, submission(to, 1, shares(1, 2))) == stored(2));
        CHECK(commit(*store, {submission(to, first, shares(3, 5)), submission(to, 3, shares(3, 3))}) ==
              std::vector{refused(Refused::sequence_gap), refused(Refused::fenced)});
        CHECK(commit_one(*store, submission(to, 3, shares(3, 3))) == refused(Refused::fenced));
        CHECK(store->position() == 2);
    }
}

TEST_CASE("who attached before is fenced, and so is who never attached") {
    const auto store = fresh();
    const auto before = attach(*store);
    const auto now = attach(*store);
    CHECK(commit(*store, {submission(before, 1, shares(1, 1)), submission(now, 1, shares(2, 2))}) ==
          std::vector{refused(Refused::fenced), stored(1)});
    CHECK(commit_one(*store, submission({.stream = 0, .epoch = 1}, 1, shares(1, 1))) == refused(Refused::fenced));
    CHECK(commit_one(*store, submission({.stream = 9, .epoch = 1}, 1, shares(1, 1))) == refused(Refused::fenced));
    CHECK(store->position() == 1);
}

TEST_CASE("a hash is accepted once in its pool, whatever the channel, the stream or the batch") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine);
    const auto duplicate = [](std::uint64_t sequence) {
        return std::vector{SequenceVerdict{.sequence = sequence, .verdict = Verdict::duplicate_share}};
    };
    auto refused_by_pool = share(1);
    refused_by_pool.accepted = 0;
    const auto one = attach(*store, 1);
    const auto other_pool = attach(*store, 2, "another-pool");
    CHECK(commit(*store, {submission(one, 1, {bytes(refused_by_pool), bytes(share(1)), bytes(share(1, "2.2.2.2"))}),
                          submission(other_pool, 1, shares(1, 1))}) == std::vector{stored(3, duplicate(3)), stored(1)});
    CHECK(commit_one(*store, submission(one, 4, shares(1, 1))) == stored(4, duplicate(4)));
    store = open(engine);
    CHECK(commit_one(*store, submission(attach(*store, 3), 1, shares(1, 1))) == stored(1, duplicate(1)));
    CHECK(totals(*store).shares_accepted == 1);
    CHECK(totals(*store).shares_rejected == 1);
    CHECK(totals(*store).shares_duplicate == 3);
    CHECK(totals(*store, "another-pool").shares_accepted == 1);

    const std::vector hashes{hash(1), hash(2)};
    CHECK(store->are_shares_seen(pool, "", hashes) == std::vector{true, false});
    CHECK(store->are_shares_seen(pool, "1.1.1.1", hashes) == std::vector{true, false});
    CHECK(store->are_shares_seen(pool, "2.2.2.2", hashes) == std::vector{false, false});
    CHECK(store->are_shares_seen("third-pool", "", hashes) == std::vector{false, false});
}

TEST_CASE("a block is counted once, where and when it was first told of") {
    const auto store = fresh();
    auto found = finder(1);
    found.timestamp = today - 5;
    const auto to = attach(*store);
    REQUIRE(
        commit_one(*store, submission(to, 1, {bytes(found), bytes(block(1, "2.2.2.2")), bytes(block(2, "2.2.2.2"))})) ==
        stored(3));
    CHECK(totals(*store).blocks_found == 2);
    CHECK(store->accounting(pool, "1.1.1.1").value()->derived.blocks_found == 1);
    CHECK(store->accounting(pool, "2.2.2.2").value()->derived.blocks_found == 1);
    const auto early = store->totals(pool, {.start = std::nullopt, .end = today - 5});
    REQUIRE(early.has_value());
    CHECK(early->channels == 1);
    CHECK(early->in_range.totals.blocks_found == 1);
    CHECK(store->totals(pool, {.start = today, .end = today})->channels == 1);
    CHECK(store->totals(pool, {.start = today + 1, .end = std::nullopt})->channels == 0);
}

TEST_CASE("a channel is in a range with any record, and what a range adds up to is what its shares do") {
    const auto store = fresh();
    auto batch = acknowledgment("2.2.2.2");
    batch.timestamp = today + 7;
    auto late = share(900);
    late.timestamp = today + 7;
    const auto to = attach(*store);
    REQUIRE(commit_one(*store, submission(to, 1, shares(1, 600))) == stored(600)); // of several slices
    REQUIRE(commit_one(*store, submission(to, 601, {bytes(batch), bytes(late)})) == stored(602));
    const auto all = store->totals(pool, {.start = 0, .end = std::nullopt});
    REQUIRE(all.has_value());
    CHECK(all->position == 602);
    CHECK(all->channels == 2);
    CHECK(all->in_range.totals == totals(*store));
    CHECK(all->in_range.totals.shares_accepted == 601);
    CHECK(all->in_range.totals.last_sequence_number == 900);
    const auto first = store->channel_stats(pool, "1.1.1.1", {.start = std::nullopt, .end = today});
    REQUIRE(first.has_value());
    CHECK(first->totals.shares_accepted == 600);
    CHECK(first->totals.share_work_sum_low == 6000);
    CHECK(first->totals.last_sequence_number == 600);
    CHECK(first->totals.last_share_timestamp == today);
    CHECK(store->channel_stats(pool, "3.3.3.3", {})->totals == protocol::Totals{});
    CHECK_FALSE(store->accounting(pool, "3.3.3.3").value().has_value());
}

TEST_CASE("pages of any size hold every share up to the first page's position once") {
    const auto store = fresh();
    const auto to = attach(*store);
    std::vector<protocol::B0_16M> records;
    for (std::uint64_t number = 1; number <= 300; ++number) {
        auto next = share(number);
        next.timestamp = today - number * 37 % 11; // many at the same time
        records.push_back(bytes(next));
    }
    REQUIRE(commit_one(*store, submission(to, 1, records)) == stored(300));
    const auto whole = fixtures::records(*store, RecordKind::share);
    REQUIRE(whole.size() == 300);

    std::uint64_t next_number = 1000;
    for (const auto& [max_shares, max_bytes] : std::vector<std::pair<std::size_t, std::size_t>>{
             {1, all_bytes}, {7, all_bytes}, {255, all_bytes}, {256, all_bytes}, {300, all_bytes}, {0, 0}, {0, 1000}}) {
        CAPTURE(max_shares);
        CAPTURE(max_bytes);
        RecordQuery query{.pool = pool,
                          .kind = RecordKind::share,
                          .channel_id = "1.1.1.1",
                          .range = {},
                          .after = RecordCursor{.cut = 300, .time = today + 1, .position = 0},
                          .limit = {.items = max_shares, .bytes = max_bytes}};
        std::vector<protocol::StoredRecord> shares;
        do {
            const auto page = store->records(query);
            REQUIRE(page.has_value());
            CHECK_FALSE(page->records.empty());
            shares.insert(shares.end(), page->records.begin(), page->records.end());
            query.after = page->next;
            const auto position = store->position();
            REQUIRE(commit_one(*store, submission(to, position + 1, {bytes(share(next_number++))})) ==
                    stored(position + 1));
        } while (query.after);
        CHECK(shares == whole);
    }
}

TEST_CASE("a write that stored nothing changes nothing, and the same call may be made again") {
    for (const auto kind : {StorageError::Kind::full, StorageError::Kind::unavailable}) {
        CAPTURE(to_text(kind));
        const auto engine = std::make_shared<MemoryEngine>();
        bool fails = false;
        const auto store = open(engine, [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
            if (fails && call == "write" && moment == Moment::before) return error(kind);
            return std::nullopt;
        });
        const auto to = attach(*store);
        REQUIRE(commit_one(*store, submission(to, 1, shares(1, 1))) == stored(1));

        fails = true;
        const std::vector batch{submission(to, 2, shares(2, 2, "new")), submission(to, 9, shares(9, 9)),
                                submission(to, 3, shares(3, 3))};
        CHECK(store->commit(batch).error().kind == kind);
        CHECK(store->attach({.identity = "a-client", .stream_id = 1}, pool).error().kind == kind);
        CHECK(store->attach({.identity = "a-client", .stream_id = 2}, pool).error().kind == kind);
        CHECK_FALSE(store->health().is_healthy);
        CHECK(store->health().error_message.find("on order") != std::string::npos);
        CHECK(store->position() == 1);
        CHECK(store->channels(pool, "", 9) == std::vector<std::string>{"1.1.1.1"});
        CHECK(store->streams(pool, std::nullopt, 9)->size() == 1);

        fails = false; // the attachment is still good, and what would have been refused was not
        CHECK(commit(*store, batch) ==
              std::vector{stored(2), refused(Refused::sequence_gap), refused(Refused::fenced)});
        CHECK(store->health().is_healthy);
        CHECK(store->position() == 2);
        CHECK(engine->load()->channels.size() == 2);
    }
}

TEST_CASE("after a write whose answer was lost the log tells, and the same call stores each record once") {
    for (const auto lost : {Moment::before, Moment::after}) {
        CAPTURE(static_cast<int>(lost));
        const auto engine = std::make_shared<MemoryEngine>();
        bool fails = false;
        const auto store = open(engine, [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
            if (fails && call == "write" && moment == lost) return error(StorageError::Kind::unknown);
            return std::nullopt;
        });
        const auto to = attach(*store);
        REQUIRE(commit_one(*store, submission(to, 1, shares(1, 2))) == stored(2));

        fails = true;
        const std::vector batch{submission(to, 3, {bytes(share(3, "new")), bytes(share(1))}),
                                submission(to, 5, shares(5, 5))};
        CHECK(store->commit(batch).error().kind == StorageError::Kind::unknown);
        CHECK(store->position() == 2); // not acknowledged, not seen
        CHECK_FALSE(store->health().is_healthy);
        fails = false;
        CHECK(commit(*store, batch) ==
              std::vector{stored(4, {{.sequence = 4, .verdict = Verdict::duplicate_share}}), stored(5)});
        CHECK(store->position() == 5);
        CHECK(totals(*store).shares_accepted == 4);
        CHECK(totals(*store).shares_duplicate == 1);
        CHECK(store->health().is_healthy);
        CHECK(totals(*open(engine)) == totals(*store));
    }
}

TEST_CASE("after a write whose answer was lost nothing is acknowledged before one more write has succeeded") {
    using enum StorageError::Kind;
    for (const auto kind : {full, unavailable, unknown, poisoned, superseded}) {
        CAPTURE(to_text(kind));
        const auto engine = std::make_shared<MemoryEngine>();
        std::optional<StorageError::Kind> fault;
        Moment when{};
        int writes = 0;
        const auto store = open(engine, [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
            if (call != "write") return std::nullopt;
            if (moment == Moment::before) ++writes;
            if (fault && moment == when) return error(*fault);
            return std::nullopt;
        });
        const std::vector sent{submission(attach(*store), 1, shares(1, 3))};
        fault = unknown;
        when = Moment::after;
        CHECK(store->commit(sent).error().kind == unknown); // it is there, and perhaps not durable

        fault = kind;
        when = Moment::before;
        CHECK(store->commit(sent).error().kind == kind);
        CHECK(store->attach({.identity = "a-client", .stream_id = 2}, pool).error().kind == kind);
        CHECK_FALSE(store->clean_up(today).has_value());
        CHECK(store->position() == 0);
        CHECK_FALSE(store->health().is_healthy);

        fault.reset();
        writes = 0;
        if (error(kind).may_recover()) {
            CHECK(commit(*store, sent) == std::vector{stored(3)});
            CHECK(writes == 1); // of the head alone
            CHECK(store->position() == 3);
            CHECK(store->health().is_healthy);
        } else {
            CHECK(store->commit(sent).error().kind == kind);
            CHECK(writes == 0);
        }
        CHECK(engine->load()->head.position == 3);
    }
}

TEST_CASE("a store is not opened before one write has succeeded, which makes durable what is found in it") {
    using enum StorageError::Kind;
    for (const auto kind : {full, unavailable, unknown, poisoned}) {
        CAPTURE(to_text(kind));
        std::vector<std::string> calls;
        const auto opened = LogStore::open(std::make_unique<FaultyEngine>(
            std::make_shared<MemoryEngine>(), [&](std::string_view call, Moment) -> std::optional<StorageError> {
                calls.emplace_back(call);
                if (call == "write") return error(kind);
                return std::nullopt;
            }));
        REQUIRE_FALSE(opened.has_value());
        CHECK(opened.error().kind == kind);
        CHECK(calls.front() == "load");
        CHECK(calls.back() == "write");
    }
}

TEST_CASE("an attach whose answer was lost fences whoever attached before only if it is in the log") {
    for (const auto lost : {Moment::before, Moment::after}) {
        CAPTURE(static_cast<int>(lost));
        bool fails = false;
        const auto store = open(std::make_shared<MemoryEngine>(),
                                [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
                                    if (fails && call == "write" && moment == lost)
                                        return error(StorageError::Kind::unknown);
                                    return std::nullopt;
                                });
        const auto to = attach(*store);
        fails = true;
        CHECK_FALSE(store->attach({.identity = "a-client", .stream_id = 1}, pool).has_value());
        fails = false;
        CHECK(commit_one(*store, submission(to, 1, shares(1, 1))) ==
              (lost == Moment::before ? stored(1) : refused(Refused::fenced)));
    }
}

TEST_CASE("a poisoned store stores nothing more, does not touch its engine, and still answers") {
    const auto engine = std::make_shared<MemoryEngine>();
    bool fails = false;
    int writes = 0;
    const auto store = open(engine, [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
        if (call != "write" || moment != Moment::before) return std::nullopt;
        ++writes;
        if (fails) return error(StorageError::Kind::poisoned);
        return std::nullopt;
    });
    const auto to = attach(*store);
    REQUIRE(commit_one(*store, submission(to, 1, shares(1, 1))) == stored(1));
    fails = true;
    CHECK(store->commit(std::vector{submission(to, 2, shares(2, 2))}).error().kind == StorageError::Kind::poisoned);
    fails = false;
    writes = 0;
    CHECK(store->commit(std::vector{submission(to, 2, shares(2, 2))}).error().kind == StorageError::Kind::poisoned);
    CHECK(store->commit(std::vector{submission(to, 1, shares(1, 1))}).error().kind == StorageError::Kind::poisoned);
    CHECK(store->attach({.identity = "a-client", .stream_id = 1}, pool).error().kind == StorageError::Kind::poisoned);
    CHECK_FALSE(store->health().is_healthy);
    CHECK(totals(*store).shares_accepted == 1);
    CHECK(store->close().has_value());
    CHECK(writes == 0);
}

TEST_CASE("whoever opens a store takes it over, and the role before can write no more") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto before = open(engine);
    const auto to = attach(*before);
    const auto now = open(engine);
    CHECK(before->commit(std::vector{submission(to, 1, shares(1, 1))}).error().kind == StorageError::Kind::superseded);
    CHECK(before->close().has_value());
    CHECK(commit_one(*now, submission(attach(*now), 1, shares(1, 1))) == stored(1));
}

TEST_CASE("memory does not write behind another head than its own") {
    MemoryEngine engine;
    engine_scene::check_other_heads(engine);
}

TEST_CASE("a store that has lost its end, or got another one, under a running role is not written any more") {
    for (const bool is_shorter : {true, false}) {
        for (const std::string call : {"commit", "attach", "clean_up"}) {
            CAPTURE(is_shorter);
            CAPTURE(call);
            const auto engine = std::make_shared<MemoryEngine>();
            const auto store = open(engine);
            const auto to = attach(*store);
            REQUIRE(commit_one(*store, submission(to, 1, shares(1, 2))) == stored(2));
            auto other = behind(engine->load()->head);
            REQUIRE(commit_one(*store, submission(to, 3, shares(3, 5))) == stored(5));
            other.expected = engine->load()->head;
            if (is_shorter)
                other.removed = engine->read(3, 5, 3).value();
            else
                other.head.position = 5;
            REQUIRE(engine->write(other).has_value());
            const auto next = [&](std::uint64_t first) {
                return store->commit(std::vector{submission(to, first, shares(first, first))});
            };

            StorageError::Kind found{};
            if (call == "commit") found = next(6).error().kind;
            if (call == "attach") found = store->attach({.identity = "a-client", .stream_id = 2}, pool).error().kind;
            if (call == "clean_up") found = store->clean_up(today + 1).error().kind;
            CHECK(found == StorageError::Kind::unknown);
            for (const std::uint64_t first : {6, 5, 1}) { // new, and what it had acknowledged
                const auto answer = next(first);
                REQUIRE_FALSE(answer.has_value());
                CHECK(answer.error().kind == StorageError::Kind::poisoned);
                CHECK(answer.error().detail == (is_shorter ? "the store has lost records that it had acknowledged"
                                                           : "the store has other records than it had acknowledged"));
            }
            CHECK_FALSE(store->health().is_healthy);
            CHECK(store->close().has_value());
            CHECK(engine->load()->head == other.head);
            CHECK(engine->load()->streams.size() == 1);
            CHECK(engine->load()->runs.empty());
            CHECK(engine->read(1, 9, 9)->size() == (is_shorter ? 2 : 5));
        }
    }
}

TEST_CASE("questions while records are committed are answered for one position, not before the last commit") {
    const auto store = fresh();
    const auto to = attach(*store);
    std::atomic<bool> is_over = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 2; ++reader) {
        readers.emplace_back([&] {
            while (!is_over) {
                const Position before = store->position();
                const auto sums = store->totals(pool, {});
                const auto scanned = store->totals(pool, {.start = 0, .end = std::nullopt});
                for (const auto& totals : {sums, scanned}) {
                    const bool is_right =
                        totals && totals->position >= before && totals->position % 20 == 0 &&
                        totals->in_range.totals.shares_accepted + totals->in_range.totals.blocks_found ==
                            totals->position;
                    if (!is_right) ++wrong;
                }
            }
        });
    }
    for (std::uint64_t first = 1; first <= 2000; first += 20) {
        auto records = shares(first, first + 18);
        records.push_back(bytes(block(first)));
        CHECK(commit_one(*store, submission(to, first, records)) == stored(first + 19));
    }
    is_over = true;
    for (auto& reader : readers) reader.join();
    CHECK(wrong == 0);
}

TEST_CASE("an interrupted question ends, and the next one is answered") {
    Store* asked = nullptr;
    int slices = 0;
    const auto store = open(std::make_shared<MemoryEngine>(), [&](std::string_view call, Moment moment) {
        if (call == "scan" && moment == Moment::after && ++slices == 1) asked->interrupt();
        return std::optional<StorageError>{};
    });
    asked = store.get();
    REQUIRE(commit_one(*store, submission(attach(*store), 1, shares(1, 600))) == stored(600));
    const Range edge{.start = std::nullopt, .end = today}; // of several slices
    CHECK(store->totals(pool, edge).error().kind == StorageError::Kind::unavailable);
    CHECK(slices == 1);
    CHECK(store->totals(pool, edge)->in_range.totals.shares_accepted == 600);
}
