#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::Verdict;

const std::string pool = "pool";

Verdict last_verdict(const Scene& scene) {
    return scene.model().log().back().verdict;
}

// A session on a stream: each record goes behind the last.
class Writer {
  public:
    Writer(Scene& scene, const storage::StreamName& name, const std::string& pool)
        : scene_{scene},
          attachment_{scene.attach(name, pool)},
          next_{attachment_.durable_sequence + 1} {}

    Verdict store(const protocol::B0_16M& record, storage::Milliseconds received_at = noon) {
        const auto outcome = scene_.commit(submission(attachment_, next_++, {record}, received_at));
        REQUIRE(outcome.has_value());
        return outcome->verdicts.empty() ? Verdict::stored : outcome->verdicts.front().verdict;
    }
    template <protocol::Record R> Verdict store(const R& record, storage::Milliseconds received_at = noon) {
        return store(sent(record), received_at);
    }

  private:
    Scene& scene_;
    storage::Attachment attachment_;
    std::uint64_t next_;
};

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
    CHECK(totals.totals.shares_accepted == 2);
    CHECK(totals.totals.shares_duplicate == 1);
    CHECK(totals.totals.shares_above_target == 1);
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
    scene.reopen();
    if (scene.is_volatile()) return;
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
    const auto totals = scene.store().totals(pool, {}).value().totals;
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

} // namespace conformance
