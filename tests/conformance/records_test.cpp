#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::Verdict;

Verdict last_verdict(const Scene& scene) {
    return scene.model().log().back().verdict;
}

protocol::Share with_text(protocol::Share share, const std::string& text) {
    share.label.text = text;
    return share;
}

} // namespace

TEST_CASE("A bad record gets its verdict, uses its number, counts nowhere, and the stream goes on") {
    protocol::Bytes too_large = sent(share("a", 5)).bytes;
    too_large.resize(protocol::max_record_size + 1);
    protocol::Share undecided = share("a", 5);
    undecided.accepted = 2;
    protocol::Share infinite = share("a", 5);
    infinite.difficulty = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity());
    protocol::Share contradicting = with_block(share("a", 5));
    contradicting.accepted = 0;
    const struct {
        const char* what;
        protocol::B0_16M record;
        Verdict verdict;
    } bad[] = {
        {"no bytes", sent(protocol::Bytes{}), Verdict::invalid_record},
        {"cut short", sent(cut_short(share("a", 5))), Verdict::invalid_record},
        {"a block cut short", sent(cut_short(block("a", 5))), Verdict::invalid_record},
        {"accepted is neither", sent(undecided), Verdict::invalid_record},
        {"no channel", sent(share("", 5)), Verdict::invalid_record},
        {"an endless difficulty", sent(infinite), Verdict::invalid_record},
        {"a refused block", sent(contradicting), Verdict::invalid_record},
        {"kind 0", sent(protocol::Bytes{0, 1, 2}), Verdict::unknown_kind},
        {"kind 255", sent(protocol::Bytes{255}), Verdict::unknown_kind},
        {"too large", sent(too_large), Verdict::record_too_large},
        {"after the year 9999", sent(share("a", 5, protocol::last_timestamp + 1)), Verdict::invalid_timestamp},
        {"no UTF-8", sent(with_text(share("a", 5), "\xff")), Verdict::invalid_text},
        {"a control character", sent(with_text(share("a", 5), "\n")), Verdict::invalid_text},
        {"above its target", sent(with_target(share("a", 5), u256(4))), Verdict::above_target},
        {"a duplicate", sent(share("a", 1)), Verdict::duplicate_share},
    };
    Scene scene;
    const auto alice = scene.attach({.identity = "alice", .stream_id = 1}, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1))));
    std::uint64_t sequence = 1;
    for (const auto& [what, record, verdict] : bad) {
        INFO(what);
        ++sequence;
        const storage::Outcome expected{storage::Stored{.last_sequence = sequence, .verdicts = {{sequence, verdict}}}};
        CHECK(scene.commit(submission(alice, sequence, {record})) == expected);
        CHECK(scene.commit(submission(alice, sequence, {record})) == expected);
        CHECK(last_verdict(scene) == verdict);
    }
    CHECK(scene.commit(submission(alice, sequence + 1, all_sent(share("a", 5)))) ==
          storage::Outcome{storage::Stored{.last_sequence = sequence + 1, .verdicts = {}}});
    const auto totals = scene.store().totals(pool, {}).value();
    CHECK(totals.channels == 1);
    CHECK(totals.in_range.totals.shares_accepted == 2);
    CHECK(totals.in_range.totals.shares_duplicate == 1);
    CHECK(totals.in_range.totals.shares_above_target == 1);
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("A record as large as records may be is stored as it was sent, fields of later versions with it") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    const std::size_t size = sent(share("a", 1)).bytes.size();
    CHECK(writer.store(sent(share("a", 1), protocol::Bytes(protocol::max_record_size - size, 7))) == Verdict::stored);
    CHECK(writer.store(sent(share("a", 2), protocol::Bytes{1, 2, 3})) == Verdict::stored);
    scene.compare_answers();
}

TEST_CASE("One hash is accepted once in a pool, wherever it comes from") {
    Scene scene;
    Writer alice{scene, {.identity = "alice", .stream_id = 1}, pool};
    Writer alice_too{scene, {.identity = "alice", .stream_id = 2}, pool};
    Writer bob{scene, {.identity = "bob", .stream_id = 1}, pool};
    CHECK(alice.store(share("a", 1)) == Verdict::stored);
    CHECK(alice.store(share("a", 1)) == Verdict::duplicate_share);
    CHECK(alice.store(share("b", 1)) == Verdict::duplicate_share);
    CHECK(alice_too.store(share("a", 1, noon + 1)) == Verdict::duplicate_share);
    CHECK(bob.store(numbered(share("c", 1), 77)) == Verdict::duplicate_share);
    CHECK(bob.store(share("a", 1, noon - 40 * day), noon + 100 * day) == Verdict::duplicate_share);
    CHECK(bob.store(share("a", 2)) == Verdict::stored);
    scene.compare_answers();
    if (!scene.is_volatile()) scene.reopen();
    Writer again{scene, {.identity = "carol", .stream_id = 1}, pool};
    CHECK(again.store(share("d", 1)) == Verdict::duplicate_share);
    CHECK(again.store(share("d", 3)) == Verdict::stored);
    scene.compare_answers();
}

TEST_CASE("The same hash in another pool is another share") {
    Scene scene;
    Writer here{scene, {.identity = "alice", .stream_id = 1}, pool};
    Writer there{scene, {.identity = "alice", .stream_id = 2}, "another pool"};
    CHECK(here.store(share("a", 1)) == Verdict::stored);
    CHECK(there.store(share("a", 1)) == Verdict::stored);
    CHECK(there.store(share("b", 1)) == Verdict::duplicate_share);
    CHECK(here.store(share("b", 1)) == Verdict::duplicate_share);
    scene.compare_answers();
}

TEST_CASE("Within a batch, too, the first of two shares with one hash is accepted") {
    Scene scene;
    const auto alice = scene.attach({.identity = "alice", .stream_id = 1}, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, pool);
    const auto elsewhere = scene.attach({.identity = "carol", .stream_id = 1}, "another pool");
    scene.commit({submission(alice, 1, all_sent(share("a", 1), share("a", 2), share("b", 1))),
                  submission(elsewhere, 1, all_sent(share("a", 2), share("a", 1))),
                  submission(bob, 1, all_sent(share("c", 2), share("c", 3)))});
    std::vector<Verdict> verdicts;
    for (const auto& entry : scene.model().log()) verdicts.push_back(entry.verdict);
    CHECK(verdicts == std::vector{Verdict::stored, Verdict::stored, Verdict::duplicate_share, Verdict::stored,
                                  Verdict::stored, Verdict::duplicate_share, Verdict::stored});
    scene.compare_answers();
}

TEST_CASE("What a refused submission held makes no duplicate") {
    Scene scene;
    const auto alice = scene.attach({.identity = "alice", .stream_id = 1}, pool);
    Writer bob{scene, {.identity = "bob", .stream_id = 1}, pool};
    scene.commit(submission(alice, 2, all_sent(share("a", 1))));
    CHECK(bob.store(share("a", 1)) == Verdict::stored);
    scene.compare_answers();
}

TEST_CASE("Shares that the pool refused neither make nor are duplicates") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    CHECK(writer.store(rejected(share("a", 1))) == Verdict::stored);
    CHECK(writer.store(rejected(share("a", 1))) == Verdict::stored);
    CHECK(writer.store(share("a", 1)) == Verdict::stored);
    CHECK(writer.store(rejected(share("a", 1))) == Verdict::stored);
    CHECK(writer.store(share("a", 1)) == Verdict::duplicate_share);
    const auto totals = scene.store().totals(pool, {}).value().in_range.totals;
    CHECK(totals.shares_accepted == 1);
    CHECK(totals.shares_rejected == 3);
    scene.compare_answers();
}

TEST_CASE("Only a share that claims acceptance can lie above its target") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    CHECK(writer.store(with_target(share("a", 4), u256(4))) == Verdict::stored);
    CHECK(writer.store(with_target(share("a", 5), u256(4))) == Verdict::above_target);
    CHECK(writer.store(rejected(with_target(share("a", 5), u256(4)))) == Verdict::stored);
    CHECK(writer.store(with_target(share("a", 256), u256(255))) == Verdict::above_target);
    CHECK(writer.store(with_target(share("a", 255), u256(256))) == Verdict::stored);
    CHECK(writer.store(with_target(share("a", 6), {})) == Verdict::stored); // none was told
    scene.compare_answers();
}

TEST_CASE("A share above its target makes no duplicate and is none") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    CHECK(writer.store(with_target(share("a", 5), u256(4))) == Verdict::above_target);
    CHECK(writer.store(share("a", 5)) == Verdict::stored);
    CHECK(writer.store(with_target(share("a", 5), u256(4))) == Verdict::above_target);
    CHECK(writer.store(share("b", 5)) == Verdict::duplicate_share);
    scene.compare_answers();
}

TEST_CASE("Channels of one name in two pools are two channels") {
    Scene scene;
    Writer here{scene, {.identity = "alice", .stream_id = 1}, pool};
    Writer there{scene, {.identity = "alice", .stream_id = 2}, "another pool"};
    here.store(share("a", 1));
    there.store(share("a", 2));
    there.store(block("a", 2));
    scene.compare_answers();
}

TEST_CASE("Records of every kind are listed, each with its kind, its channel, and as they were sent") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    for (std::uint8_t i = 0; i < 3; ++i) {
        const auto time = noon + i * hour / 2;
        writer.store_all(noon + 1, share("a", i, time), report("a", {}, time), block("a", i, time),
                         block_status(i, protocol::BlockState::submitted, time), batch_acknowledgment("a", time),
                         declared_job(i, time), solution(i, i, time), accounting_deleted("a", time),
                         share("b", 100U + i, time), block("b", 100U + i, time));
    }
    const auto listed = [&](protocol::RecordKind kind, const std::string& channel_id) {
        const storage::RecordQuery query{
            .pool = pool, .kind = kind, .channel_id = channel_id, .range = {}, .after = {}, .limit = no_limit};
        scene.compare_pages(query);
        return scene.store().records(query).value().records;
    };
    using enum protocol::RecordKind;
    for (const auto kind : {share, share_accounting, block, batch_acknowledgment, accounting_deleted}) {
        const auto records = listed(kind, "a");
        REQUIRE(records.size() == 3);
        for (const auto& each : records) CHECK(each.record.bytes.front() == static_cast<std::uint8_t>(kind));
        CHECK(listed(kind, "").empty());
        CHECK(listed(kind, "c").empty());
    }
    for (const auto kind : {block_status, declared_job, solution}) { // of no channel
        const auto records = listed(kind, "");
        REQUIRE(records.size() == 3);
        CHECK(records.front().position > records.back().position);
        for (const auto& each : records) CHECK(each.record.bytes.front() == static_cast<std::uint8_t>(kind));
        CHECK(listed(kind, "a").empty());
    }
    CHECK(listed(share, "b").size() == 3);
    CHECK(listed(block, "b").size() == 3);
    CHECK(listed(share_accounting, "b").empty());
    CHECK(listed(lost, "a").empty());
    CHECK(scene.store().channels(pool, "", 9).value() == std::vector<std::string>{"a", "b"});
    CHECK(scene.store().totals(pool, {}).value().channels == 2);
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("A pool that has only records of no channel has no channel") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    writer.store_all(noon, block_status(1, protocol::BlockState::orphaned), declared_job(1), solution(1, 1));
    CHECK(scene.store().channels(pool, "", 9).value().empty());
    CHECK(scene.store().totals(pool, {}).value().channels == 0);
    CHECK(scene.store().totals(pool, {.start = noon, .end = noon}).value().channels == 0);
    CHECK(!scene.store().accounting(pool, "").value());
    CHECK(scene.store().users(pool, "", 9).value().empty());
    scene.compare_answers();
}

TEST_CASE("Records of every kind that say what cannot be are bad records") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    auto status = block_status(1, protocol::BlockState::submitted);
    status.status = 0;
    CHECK(writer.store(status) == Verdict::invalid_record);
    status.status = 4;
    CHECK(writer.store(status) == Verdict::invalid_record);
    auto twice = report("a", {});
    const protocol::RejectCount count{.error_code = {"stale-share"}, .count = 1};
    for (int i = 0; i < 2; ++i) twice.rejects.items.push_back({.bytes = protocol::encode(count).value()});
    CHECK(writer.store(twice) == Verdict::invalid_record);
    auto refused = declared_job(1);
    refused.accepted = 0;
    CHECK(writer.store(refused) == Verdict::invalid_record);
    refused.new_mining_job_token.bytes.clear();
    refused.error_code.text = "invalid-mining-job-token";
    CHECK(writer.store(refused) == Verdict::stored);
    CHECK(writer.store(accounting_deleted("")) == Verdict::invalid_record);
    CHECK(writer.store(sent(cut_short(solution(1, 1)))) == Verdict::invalid_record);
    CHECK(writer.store(sent(protocol::Bytes{static_cast<std::uint8_t>(protocol::RecordKind::lost)})) ==
          Verdict::unknown_kind);
    scene.compare_answers();
}

} // namespace conformance
