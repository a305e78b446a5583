#include "clients/mock_pool/ledger.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using mock_pool::Findings;
using mock_pool::Ledger;
using mock_pool::LifeBegan;
using mock_pool::RecordsAcknowledged;
using mock_pool::RecordSent;
using mock_pool::StreamReplaced;
using mock_pool::VerdictGiven;

namespace {

constexpr std::string_view channel = "1.0.1.1";

template <protocol::ChannelRecord R> R of_channel() {
    R record;
    record.channel_id.text = channel;
    return record;
}

protocol::Bytes encoded(const protocol::Record auto& record) {
    return protocol::encode_record(record).value();
}

protocol::Bytes share(std::uint8_t hash, std::uint32_t sequence_number) {
    protocol::Share share;
    share.channel_id.text = channel;
    share.sequence_number = sequence_number;
    share.share_hash.bytes.fill(hash);
    share.share_work = 10;
    share.accepted = 1;
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid);
    return protocol::encode_record(share).value();
}

protocol::StoredRecord stored(std::uint64_t stream_id, std::uint64_t sequence, protocol::Bytes bytes,
                              std::string verdict = {}) {
    protocol::StoredRecord record;
    record.stream_id = stream_id;
    record.sequence = sequence;
    record.record.bytes = std::move(bytes);
    record.verdict.text = std::move(verdict);
    return record;
}

// Four shares on stream 7, the third a duplicate of the first; three are acknowledged.
Ledger three_of_four() {
    Ledger ledger;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {share(1, 1)}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 2, .is_duplicate = false, .bytes = {share(2, 2)}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 3, .is_duplicate = true, .bytes = {share(1, 3)}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 4, .is_duplicate = false, .bytes = {share(4, 4)}}));
    REQUIRE(ledger.apply(VerdictGiven{.entry = {.sequence = 3, .code = {"duplicate-share"}}}));
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 3}));
    return ledger;
}

void see_the_three(Ledger& ledger) {
    ledger.see_record(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    ledger.see_record(stored(7, 2, share(2, 2)), channel);
    ledger.see_record(stored(7, 1, share(1, 1)), channel);
}

protocol::Totals totals_of(std::uint64_t accepted) {
    protocol::Totals totals;
    totals.shares_accepted = accepted;
    totals.shares_duplicate = 1;
    totals.share_work_sum_low = accepted * 10;
    return totals;
}

protocol::StreamState stream(std::uint64_t stream_id, std::uint64_t durable_sequence) {
    return {.identity = {"pool"}, .stream_id = stream_id, .epoch = 1, .durable_sequence = durable_sequence};
}

Findings compare_with(Ledger& ledger, std::uint64_t accepted, std::uint64_t durable_sequence) {
    ledger.see_channel_totals(channel, totals_of(accepted));
    ledger.see_pool_totals(totals_of(accepted));
    ledger.see_stream(stream(7, durable_sequence));
    return ledger.findings();
}

} // namespace

TEST_CASE("what is stored as it was acknowledged gives no finding, whether or not the rest is stored") {
    Ledger ledger = three_of_four();
    see_the_three(ledger);
    SUBCASE("the rest is not stored") {
        const Findings findings = compare_with(ledger, 2, 3);
        CHECK(findings.is_clean());
        CHECK(findings.stored == 3);
        CHECK(findings.accepted == 2);
    }
    SUBCASE("the rest is stored") {
        ledger.see_record(stored(7, 4, share(4, 4)), channel);
        const Findings findings = compare_with(ledger, 3, 4);
        CHECK(findings.is_clean());
        CHECK(findings.stored == 4);
    }
    CHECK(ledger.sent() == 4);
    CHECK(ledger.acknowledged() == 3);
    CHECK(ledger.refused().at("duplicate-share") == 1);
    CHECK(ledger.refused_by_mistake() == 0);
}

TEST_CASE("an acknowledged share that is not stored is lost") {
    Ledger ledger = three_of_four();
    ledger.see_record(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    ledger.see_record(stored(7, 1, share(1, 1)), channel);
    const Findings findings = compare_with(ledger, 1, 3);
    CHECK(findings.lost == 1);
    CHECK(findings.doubled + findings.phantom + findings.altered == 0);
}

TEST_CASE("an acknowledged record of another kind that is not listed is lost, however far its stream has come") {
    Ledger ledger;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    const auto batch = encoded(of_channel<protocol::BatchAcknowledgment>());
    protocol::DeclaredJob declared;
    declared.error_code.text = "refused";
    const auto job = encoded(declared);
    REQUIRE(ledger.apply(RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {batch}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 2, .is_duplicate = false, .bytes = {job}}));
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 2}));
    ledger.see_stream(stream(7, 2));
    SUBCASE("both are listed") {
        ledger.see_record(stored(7, 1, batch), channel);
        ledger.see_record(stored(7, 2, job), "");
        const Findings findings = ledger.findings();
        CHECK(findings.is_clean());
        CHECK(findings.stored == 2);
    }
    SUBCASE("one is not") {
        ledger.see_record(stored(7, 2, job), "");
        CHECK(ledger.findings().lost == 1);
    }
    SUBCASE("one is listed under a channel that it does not have") {
        ledger.see_record(stored(7, 1, batch), channel);
        ledger.see_record(stored(7, 2, job), channel);
        CHECK(ledger.findings().altered == 1);
    }
}

namespace {

// A share that found a block at position 11, its Block at 12, and what became of it at 13 and 14.
class BlockStory {
  public:
    BlockStory() {
        auto share = of_channel<protocol::Share>();
        share.share_hash = hash;
        share.accepted = 1;
        share.outcome = static_cast<std::uint8_t>(protocol::Outcome::block_found);
        share.outcome_data.bytes = protocol::encode(protocol::BlockFoundOutcome{}).value();
        send(share);
        auto block = of_channel<protocol::Block>();
        block.share_hash = hash;
        send(block);
        send(status(protocol::BlockState::submitted, 1));
        send(status(protocol::BlockState::confirmed, 2));
        REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 4}));
        for (std::uint64_t i = 4; i > 0; --i) ledger.see_record(at(i), i <= 2 ? channel : "");
    }

    protocol::FoundBlock found(std::uint64_t sequence = 2) {
        return {.status = static_cast<std::uint8_t>(protocol::BlockState::confirmed),
                .status_timestamp = 2,
                .record = {protocol::encode(at(sequence)).value()}};
    }

    Ledger ledger = begun();
    protocol::U256 hash{{1, 2, 3}};

  private:
    static Ledger begun() {
        Ledger ledger;
        REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
        return ledger;
    }
    protocol::BlockStatus status(protocol::BlockState state, std::uint64_t timestamp) const {
        return {.share_hash = hash, .status = static_cast<std::uint8_t>(state), .timestamp = timestamp, .label = {}};
    }
    void send(const protocol::Record auto& record) {
        sent_.push_back(protocol::encode_record(record).value());
        REQUIRE(ledger.apply(RecordSent{.sequence = sent_.size(), .is_duplicate = false, .bytes = {sent_.back()}}));
    }
    protocol::StoredRecord at(std::uint64_t sequence) const {
        auto record = stored(7, sequence, sent_.at(sequence - 1));
        record.position = 10 + sequence;
        return record;
    }

    std::vector<protocol::Bytes> sent_;
};

} // namespace

TEST_CASE("a block is listed once, by its first Block record, with its last status") {
    BlockStory story;
    SUBCASE("as it should be") {
        story.ledger.see_block(story.found());
        CHECK(story.ledger.findings().is_clean());
    }
    SUBCASE("not at all") {
        CHECK(story.ledger.findings().lost == 1);
    }
    SUBCASE("twice") {
        story.ledger.see_block(story.found());
        story.ledger.see_block(story.found());
        CHECK(story.ledger.findings().doubled == 1);
    }
    SUBCASE("with another status") {
        auto found = story.found();
        found.status = static_cast<std::uint8_t>(protocol::BlockState::submitted);
        story.ledger.see_block(found);
        CHECK(story.ledger.findings().altered == 1);
    }
    SUBCASE("by the share, though there is a Block") {
        story.ledger.see_block(story.found(1));
        CHECK(story.ledger.findings().altered == 1);
    }
    SUBCASE("one that nobody told of") {
        story.ledger.see_block(story.found());
        Ledger other;
        other.see_block(story.found());
        CHECK(other.findings().phantom == 1);
    }
}

TEST_CASE("the last report of a channel is the one that was stored last, and it does not drift") {
    Ledger ledger;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    std::vector<protocol::StoredRecord> reports;
    for (std::uint32_t i = 1; i <= 2; ++i) {
        auto report = of_channel<protocol::ShareAccounting>();
        report.last_share_sequence_number = i;
        const auto bytes = encoded(report);
        REQUIRE(ledger.apply(RecordSent{.sequence = i, .is_duplicate = false, .bytes = {bytes}}));
        reports.push_back(stored(7, i, bytes));
        reports.back().position = i;
    }
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 2}));
    ledger.see_record(reports[1], channel);
    ledger.see_record(reports[0], channel);
    SUBCASE("it is") {
        ledger.see_report(channel, reports[1]);
        CHECK(ledger.findings().is_clean());
    }
    SUBCASE("it is an older one") {
        ledger.see_report(channel, reports[0]);
        CHECK(ledger.findings().altered == 1);
    }
    SUBCASE("there is none") {
        ledger.see_report(channel, std::nullopt);
        CHECK(ledger.findings().altered == 1);
    }
    SUBCASE("it drifts") {
        ledger.see_report(channel, reports[1]);
        ledger.see_drift(channel);
        CHECK(ledger.findings().altered == 1);
    }
    SUBCASE("it drifts, because a volatile store has lost what was counted") {
        REQUIRE(ledger.apply(StreamReplaced{.stream_id = 8}));
        ledger.see_report(channel, reports[1]);
        ledger.see_drift(channel);
        CHECK(ledger.findings().altered == 0);
    }
}

TEST_CASE("a share that is listed twice is doubled") {
    Ledger ledger = three_of_four();
    see_the_three(ledger);
    ledger.see_record(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    CHECK(ledger.findings().doubled == 1);
}

TEST_CASE("a hash that counts twice is doubled, though both shares are acknowledged") {
    Ledger ledger;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {share(1, 1)}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 2, .is_duplicate = true, .bytes = {share(1, 2)}}));
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 2}));
    ledger.see_record(stored(7, 1, share(1, 1)), channel);
    ledger.see_record(stored(7, 2, share(1, 2)), channel);
    CHECK(ledger.findings().doubled == 1);
}

TEST_CASE("totals above what is stored are doubled, below it lost, and counted once") {
    Ledger ledger = three_of_four();
    see_the_three(ledger);
    SUBCASE("above") {
        const Findings findings = compare_with(ledger, 5, 3);
        CHECK(findings.doubled == 3 + 1); // shares, and their work
        CHECK(findings.lost == 0);
    }
    SUBCASE("below") {
        const Findings findings = compare_with(ledger, 1, 3);
        CHECK(findings.lost == 1 + 1);
        CHECK(findings.doubled == 0);
    }
}

TEST_CASE("a share that was never sent is a phantom, and so is a stream") {
    Ledger ledger = three_of_four();
    see_the_three(ledger);
    SUBCASE("a number of our stream") {
        ledger.see_record(stored(7, 5, share(5, 5)), channel);
        ledger.see_stream(stream(7, 5));
        CHECK(ledger.findings().phantom == 1);
    }
    SUBCASE("another stream's share") {
        ledger.see_record(stored(8, 1, share(5, 5)), channel);
        CHECK(ledger.findings().phantom == 1);
    }
    SUBCASE("another stream") {
        ledger.see_stream(stream(8, 2));
        CHECK(ledger.findings().phantom == 2);
    }
}

TEST_CASE("other bytes, and another verdict than was acknowledged, are altered") {
    Ledger ledger = three_of_four();
    SUBCASE("bytes") {
        ledger.see_record(stored(7, 1, share(9, 1)), channel);
    }
    SUBCASE("verdict") {
        ledger.see_record(stored(7, 1, share(1, 1), "above-target"), channel);
    }
    SUBCASE("no verdict") {
        ledger.see_record(stored(7, 3, share(1, 3)), channel);
    }
    SUBCASE("channel") {
        ledger.see_record(stored(7, 1, share(1, 1)), "another");
    }
    CHECK(ledger.findings().altered == 1);
}

TEST_CASE("a verdict on what should have been stored is a mistake") {
    Ledger ledger = three_of_four();
    REQUIRE(ledger.apply(VerdictGiven{.entry = {.sequence = 4, .code = {"invalid-record"}}}));
    CHECK(ledger.refused_by_mistake() == 1);
}

TEST_CASE("what a volatile store never acknowledged moves to the new stream, under new numbers") {
    Ledger ledger = three_of_four();
    REQUIRE(ledger.apply(StreamReplaced{.stream_id = 8}));
    CHECK(ledger.next_sequence() == 2);
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 1}));
    CHECK(ledger.sent() == 4);
    CHECK(ledger.acknowledged() == 4);
    ledger.see_record(stored(8, 1, share(4, 4)), channel);
    const Findings findings = ledger.findings();
    CHECK(findings.stored == 1);
    CHECK(findings.lost == 3); // as a volatile store does
}

TEST_CASE("a journal that contradicts itself is not believed") {
    Ledger ledger;
    CHECK_FALSE(ledger.apply(RecordsAcknowledged{.durable_sequence = 0}));
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    CHECK_FALSE(ledger.apply(RecordSent{.sequence = 2, .is_duplicate = false, .bytes = {share(1, 1)}}));
    CHECK_FALSE(ledger.apply(RecordsAcknowledged{.durable_sequence = 1}));
    CHECK_FALSE(ledger.apply(VerdictGiven{.entry = {.sequence = 1, .code = {"duplicate-share"}}}));
}
