#include "clients/mock_pool/ledger.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

using mock_pool::Findings;
using mock_pool::Ledger;
using mock_pool::LifeBegan;
using mock_pool::RecordsAcknowledged;
using mock_pool::RecordSent;
using mock_pool::StreamReplaced;
using mock_pool::VerdictGiven;

namespace {

constexpr std::string_view channel = "1.0.1.1";

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
    ledger.see_share(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    ledger.see_share(stored(7, 2, share(2, 2)), channel);
    ledger.see_share(stored(7, 1, share(1, 1)), channel);
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
        ledger.see_share(stored(7, 4, share(4, 4)), channel);
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
    ledger.see_share(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    ledger.see_share(stored(7, 1, share(1, 1)), channel);
    const Findings findings = compare_with(ledger, 1, 3);
    CHECK(findings.lost == 1);
    CHECK(findings.doubled + findings.phantom + findings.altered == 0);
}

TEST_CASE("a record of another kind is lost if its stream has not come as far") {
    Ledger ledger;
    protocol::Block block;
    block.channel_id.text = channel;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    REQUIRE(ledger.apply(
        RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {protocol::encode_record(block).value()}}));
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 1}));
    SUBCASE("it has") {
        ledger.see_stream(stream(7, 1));
        CHECK(ledger.findings().stored == 1);
    }
    SUBCASE("it has not") {
        ledger.see_stream(stream(7, 0));
        CHECK(ledger.findings().lost == 1);
    }
}

TEST_CASE("a share that is listed twice is doubled") {
    Ledger ledger = three_of_four();
    see_the_three(ledger);
    ledger.see_share(stored(7, 3, share(1, 3), "duplicate-share"), channel);
    CHECK(ledger.findings().doubled == 1);
}

TEST_CASE("a hash that counts twice is doubled, though both shares are acknowledged") {
    Ledger ledger;
    REQUIRE(ledger.apply(LifeBegan{.stream_id = 7}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {share(1, 1)}}));
    REQUIRE(ledger.apply(RecordSent{.sequence = 2, .is_duplicate = true, .bytes = {share(1, 2)}}));
    REQUIRE(ledger.apply(RecordsAcknowledged{.durable_sequence = 2}));
    ledger.see_share(stored(7, 1, share(1, 1)), channel);
    ledger.see_share(stored(7, 2, share(1, 2)), channel);
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
        ledger.see_share(stored(7, 5, share(5, 5)), channel);
        ledger.see_stream(stream(7, 5));
        CHECK(ledger.findings().phantom == 1);
    }
    SUBCASE("another stream's share") {
        ledger.see_share(stored(8, 1, share(5, 5)), channel);
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
        ledger.see_share(stored(7, 1, share(9, 1)), channel);
    }
    SUBCASE("verdict") {
        ledger.see_share(stored(7, 1, share(1, 1), "above-target"), channel);
    }
    SUBCASE("no verdict") {
        ledger.see_share(stored(7, 3, share(1, 3)), channel);
    }
    SUBCASE("channel") {
        ledger.see_share(stored(7, 1, share(1, 1)), "another");
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
    ledger.see_share(stored(8, 1, share(4, 4)), channel);
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
