#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::Verdict;
using storage::Outcome;
using storage::Refused;
using storage::StreamName;
using storage::Submission;

const StreamName first_stream{.identity = "alice", .stream_id = 1};
const StreamName second_stream{.identity = "alice", .stream_id = 2};

bool is_stored(const Outcome& outcome, std::uint64_t last_sequence) {
    return outcome == Outcome{storage::Stored{.last_sequence = last_sequence, .verdicts = {}}};
}
bool is_refused(const Outcome& outcome, Refused reason) {
    return !outcome && outcome.error() == reason;
}

} // namespace

TEST_CASE("A stream numbers its records 1, 2, 3, ...") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    CHECK(alice.durable_sequence == 0);
    CHECK(is_stored(scene.commit(submission(alice, 1, all_sent(share("a", 1)))), 1));
    CHECK(is_stored(scene.commit(submission(alice, 2, all_sent(share("a", 2), share("a", 3)))), 3));
    CHECK(scene.attach(first_stream, pool).durable_sequence == 3);
    scene.compare_answers();
}

TEST_CASE("Each record gets the next position, and nothing else does") {
    Scene scene;
    CHECK(scene.store().position() == 0);
    const auto alice = scene.attach(first_stream, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, pool);
    CHECK(scene.store().position() == 0);
    scene.commit(submission(alice, 1, all_sent(share("a", 1), share("a", 1), batch_acknowledgment("a"))));
    CHECK(scene.store().position() == 3);
    scene.commit(submission(alice, 1, all_sent(share("a", 1))));
    scene.commit(submission(bob, 9, all_sent(share("a", 2))));
    scene.commit(std::vector<Submission>{});
    CHECK(scene.store().position() == 3);
    scene.commit(submission(alice, 4, {sent(protocol::Bytes{})}));
    CHECK(scene.store().position() == 4);
    scene.compare_answers();
}

TEST_CASE("Bytes that are sent again count once") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto records = all_sent(share("a", 1), share("a", 2));
    scene.commit(submission(alice, 1, records));
    CHECK(is_stored(scene.commit(submission(alice, 1, records)), 2));
    CHECK(is_stored(scene.commit(submission(alice, 2, {records[1]})), 2));
    CHECK(is_stored(scene.commit(submission(alice, 1, {records[0]})), 1));
    CHECK(scene.store().position() == 2);
    scene.compare_answers();
}

TEST_CASE("What is sent again, and later, keeps the time it was first received at") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto records = all_sent(share("a", 1, 0));
    scene.commit(submission(alice, 1, records, noon));
    scene.commit(submission(alice, 1, records, noon + day));
    CHECK(scene.model().log().front().received_at == noon);
    scene.compare_answers();
}

TEST_CASE("A submission may begin with old records and end with new ones") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1), share("a", 2))));
    CHECK(is_stored(scene.commit(submission(alice, 2, all_sent(share("a", 2), share("a", 3), share("a", 4)))), 4));
    CHECK(scene.store().position() == 4);
    scene.compare_answers();
}

TEST_CASE("The same submission twice in one batch counts once") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto twice = submission(alice, 1, all_sent(share("a", 1), share("a", 1)));
    const auto outcomes = scene.commit({twice, twice});
    CHECK(outcomes[0] == outcomes[1]);
    CHECK(scene.store().position() == 2);
    scene.compare_answers();
}

TEST_CASE("Other bytes under a used number are a conflict, and nothing changes") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1), share("a", 2))));

    SUBCASE("another record") {
        CHECK(is_refused(scene.commit(submission(alice, 2, all_sent(share("a", 3)))), Refused::sequence_conflict));
    }
    SUBCASE("one byte more") {
        const auto longer = sent(share("a", 2), protocol::Bytes{0});
        CHECK(is_refused(scene.commit(submission(alice, 2, {longer})), Refused::sequence_conflict));
    }
    SUBCASE("one byte less") {
        const auto shorter = sent(cut_short(share("a", 2)));
        CHECK(is_refused(scene.commit(submission(alice, 2, {shorter})), Refused::sequence_conflict));
    }
    SUBCASE("with new records behind it") {
        const auto records = all_sent(share("a", 1), share("a", 3), share("a", 4));
        CHECK(is_refused(scene.commit(submission(alice, 1, records)), Refused::sequence_conflict));
    }
    SUBCASE("against an earlier submission of the same batch") {
        const auto outcomes = scene.commit(
            {submission(alice, 3, all_sent(share("a", 3))), submission(alice, 3, all_sent(share("a", 4)))});
        CHECK(is_stored(outcomes[0], 3));
        CHECK(is_refused(outcomes[1], Refused::sequence_conflict));
    }
    scene.compare_answers();
    const auto again = scene.attach(first_stream, pool);
    CHECK(is_stored(scene.commit(submission(again, 1, all_sent(share("a", 1), share("a", 2)))), 2));
}

TEST_CASE("A record of no known form conflicts like any other") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    scene.commit(submission(alice, 1, {sent(protocol::Bytes{200, 1})}));
    CHECK(is_refused(scene.commit(submission(alice, 1, {sent(protocol::Bytes{200, 2})})), Refused::sequence_conflict));
    scene.compare_answers();
}

TEST_CASE("A number that leaves some out is a gap, and nothing changes") {
    Scene scene;
    auto alice = scene.attach(first_stream, pool);
    const auto is_gap = [&](std::uint64_t first_sequence) {
        const auto outcome = scene.commit(submission(alice, first_sequence, all_sent(share("a", 1), share("a", 2))));
        alice = scene.attach(first_stream, pool);
        return is_refused(outcome, Refused::sequence_gap);
    };
    CHECK(is_gap(2));
    CHECK(is_gap(0));
    CHECK(is_gap(std::numeric_limits<std::uint64_t>::max()));
    scene.commit(submission(alice, 1, all_sent(share("a", 3))));
    CHECK(is_gap(3));
    CHECK(is_gap(0));
    CHECK(is_gap(std::numeric_limits<std::uint64_t>::max()));
    scene.compare_answers();
}

TEST_CASE("After a refusal nothing more of the same attachment is stored") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto other = scene.attach(second_stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1))));
    const auto good = submission(alice, 2, all_sent(share("a", 2)));
    const auto gap = submission(alice, 3, all_sent(share("a", 3)));
    const auto conflict = submission(alice, 1, all_sent(share("a", 3)));

    SUBCASE("a gap, in the same batch") {
        const auto outcomes = scene.commit(
            {gap, good, submission(alice, 1, all_sent(share("a", 1))), submission(other, 1, all_sent(share("b", 9)))});
        CHECK(is_refused(outcomes[1], Refused::fenced));
        CHECK(is_refused(outcomes[2], Refused::fenced));
        CHECK(is_stored(outcomes[3], 1));
    }
    SUBCASE("a conflict, in the same batch, behind what was stored") {
        const auto outcomes = scene.commit({good, conflict, submission(alice, 3, all_sent(share("a", 4)))});
        CHECK(is_stored(outcomes[0], 2));
        CHECK(is_refused(outcomes[2], Refused::fenced));
    }
    SUBCASE("a gap, before") {
        scene.commit(gap);
    }
    SUBCASE("a conflict, before") {
        scene.commit(conflict);
    }
    scene.compare_answers();
    CHECK(is_refused(scene.commit(good), Refused::fenced));
    CHECK(is_refused(scene.commit(submission(alice, 1, all_sent(share("a", 1)))), Refused::fenced));
    const auto again = scene.attach(first_stream, pool);
    CHECK(scene.commit(submission(again, again.durable_sequence + 1, all_sent(share("a", 5)))).has_value());
    scene.compare_answers();
}

TEST_CASE("Whoever attached before is fenced") {
    Scene scene;
    const auto older = scene.attach(first_stream, pool);
    scene.commit(submission(older, 1, all_sent(share("a", 1))));
    const auto newer = scene.attach(first_stream, pool);
    CHECK(newer.stream == older.stream);
    CHECK(newer.epoch == older.epoch + 1);
    CHECK(newer.durable_sequence == 1);

    const auto outcomes =
        scene.commit({submission(older, 2, all_sent(share("a", 2))), submission(newer, 2, all_sent(share("a", 3))),
                      submission(older, 1, all_sent(share("a", 1)))});
    CHECK(is_refused(outcomes[0], Refused::fenced));
    CHECK(is_stored(outcomes[1], 2));
    CHECK(is_refused(outcomes[2], Refused::fenced));
    scene.compare_answers();
}

TEST_CASE("An epoch that was not given yet, and a stream that there is not, are fenced") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    auto stranger = alice;
    stranger.epoch = 2;
    CHECK(is_refused(scene.commit(submission(stranger, 1, all_sent(share("a", 1)))), Refused::fenced));
    for (const std::uint32_t stream : {0U, alice.stream + 1, std::numeric_limits<std::uint32_t>::max()}) {
        stranger = {.stream = stream, .epoch = 1, .durable_sequence = 0};
        CHECK(is_refused(scene.commit(submission(stranger, 1, all_sent(share("a", 1)))), Refused::fenced));
    }
    CHECK(is_stored(scene.commit(submission(alice, 1, all_sent(share("a", 1)))), 1));
    scene.compare_answers();
}

TEST_CASE("Streams of two identities with one stream_id are two streams") {
    Scene scene;
    const auto alice = scene.attach({.identity = "alice", .stream_id = 1}, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, pool);
    const auto most = scene.attach({.identity = "bob", .stream_id = std::numeric_limits<std::uint64_t>::max()}, pool);
    CHECK(alice.stream != bob.stream);
    CHECK(alice.epoch == bob.epoch);
    const auto outcomes =
        scene.commit({submission(alice, 1, all_sent(share("a", 1))), submission(bob, 1, all_sent(share("b", 2))),
                      submission(most, 1, all_sent(share("c", 3))), submission(alice, 2, all_sent(share("a", 4)))});
    for (const auto& outcome : outcomes) CHECK(outcome.has_value());
    scene.compare_answers();
}

TEST_CASE("A batch is stored in its order, whatever of it is refused") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto other = scene.attach(second_stream, pool);
    scene.commit({submission(alice, 1, all_sent(share("a", 1))), submission(other, 1, all_sent(share("a", 1))),
                  submission(other, 3, all_sent(share("a", 2))), submission(alice, 2, all_sent(share("a", 2)))});
    REQUIRE(scene.model().position() == 3);
    CHECK(scene.model().log()[1].verdict == Verdict::duplicate_share);
    scene.compare_answers();
}

TEST_CASE("Verdicts are told in ascending order, and again when the records are sent again") {
    Scene scene;
    auto alice = scene.attach(first_stream, pool);
    const auto records = all_sent(share("a", 1), share("a", 1), share("a", 2));
    const std::vector<protocol::B0_16M> mixed{records[0], sent(protocol::Bytes{}),
                                              records[1], sent(protocol::Bytes{250}),
                                              records[2], sent(with_target(share("b", 9), u256(8)))};
    const storage::Stored expected{.last_sequence = 6,
                                   .verdicts = {{2, Verdict::invalid_record},
                                                {3, Verdict::duplicate_share},
                                                {4, Verdict::unknown_kind},
                                                {6, Verdict::above_target}}};
    CHECK(scene.commit(submission(alice, 1, mixed)) == Outcome{expected});
    CHECK(scene.commit(submission(alice, 1, mixed)) == Outcome{expected});
    if (!scene.is_volatile()) scene.reopen();
    alice = scene.attach(first_stream, pool);
    CHECK(scene.commit(submission(alice, 1, mixed)) == Outcome{expected});
    const storage::Stored tail{.last_sequence = 4,
                               .verdicts = {{3, Verdict::duplicate_share}, {4, Verdict::unknown_kind}}};
    CHECK(scene.commit(submission(alice, 3, {mixed[2], mixed[3]})) == Outcome{tail});
    scene.compare_answers();
}

TEST_CASE("A stream that attaches for another pool keeps its numbers, and what it stored stays where it was") {
    Scene scene;
    auto alice = scene.attach(first_stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1))));
    alice = scene.attach(first_stream, "another pool");
    CHECK(alice.durable_sequence == 1);
    CHECK(is_stored(scene.commit(submission(alice, 2, all_sent(share("a", 1)))), 2));
    CHECK(is_stored(scene.commit(submission(alice, 1, all_sent(share("a", 1)))), 1));
    scene.compare_answers();
}

TEST_CASE("A store that is opened again says the same, or is a new one if it is volatile") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    const auto other = scene.attach(second_stream, pool);
    scene.commit({submission(alice, 1, all_sent(share("a", 1), with_block(share("b", 2)), share("a", 1))),
                  submission(other, 1, {sent(block("b", 2)), sent(protocol::Bytes{99})})});
    const auto data_set = scene.store().data_set();

    SUBCASE("after it was closed") {
        scene.reopen();
    }
    SUBCASE("after it was not closed") {
        scene.drop_and_reopen();
    }
    if (scene.is_volatile()) {
        CHECK(scene.store().data_set().id != data_set.id);
        CHECK(scene.store().position() == 0);
        CHECK(scene.attach(first_stream, pool).epoch == 1);
        return;
    }
    CHECK(scene.store().data_set().id == data_set.id);
    CHECK(scene.store().data_set().generation == data_set.generation);
    CHECK(scene.store().position() == 5);
    scene.compare_answers();

    const auto again = scene.attach(first_stream, pool);
    CHECK(again.epoch == alice.epoch + 1);
    CHECK(again.durable_sequence == 3);
    CHECK(is_refused(scene.commit(submission(alice, 4, all_sent(share("a", 4)))), Refused::fenced));
    const auto outcome = scene.commit(submission(again, 4, all_sent(share("c", 1), share("c", 4))));
    CHECK(outcome == Outcome{storage::Stored{.last_sequence = 5, .verdicts = {{4, Verdict::duplicate_share}}}});
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("Attaching is durable without any record") {
    Scene scene;
    const auto alice = scene.attach(first_stream, pool);
    scene.attach(second_stream, "another pool");
    scene.drop_and_reopen();
    if (scene.is_volatile()) return;
    scene.compare_answers();
    CHECK(scene.attach(first_stream, pool).epoch == alice.epoch + 1);
}

TEST_CASE("A healthy store says so, and when it last committed") {
    Scene scene;
    CHECK(!scene.store().backend().empty());
    CHECK(!scene.store().health().last_commit);
    const auto alice = scene.attach(first_stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1))));
    const auto health = scene.store().health();
    CHECK(health.is_healthy);
    CHECK(health.error_message.empty());
    CHECK(health.last_commit.value_or(0) > noon);
    scene.reopen();
    if (scene.is_volatile())
        CHECK(!scene.store().health().last_commit);
    else
        CHECK(scene.store().health().last_commit == noon);
}

} // namespace conformance
