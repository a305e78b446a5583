#include "clients/mock_pool/latencies.hpp"
#include "clients/mock_pool/share_maker.hpp"
#include "tests/clients/mock_pool/encoded.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

using mock_pool::MadeRecord;
using mock_pool::ShareMaker;
using mock_pool::ShareSettings;
using namespace std::chrono_literals;

namespace {

std::vector<MadeRecord> make(const ShareSettings& settings, int shares) {
    ShareMaker maker{settings};
    std::vector<MadeRecord> made;
    for (int i = 0; i < shares; ++i) maker.make(1000, made);
    return made;
}

constexpr ShareSettings lively{
    .seed = 42, .life = 0, .channels = 5, .grind_bits = 0, .duplicates_percent = 10, .rejects_percent = 10};

} // namespace

TEST_CASE("the same seed makes the same records; another seed or life, others under other names") {
    CHECK(encoded(make(lively, 500)) == encoded(make(lively, 500)));
    for (const bool is_life : {true, false}) {
        ShareSettings other = lively;
        (is_life ? other.life = 1 : other.seed = 43U);
        const auto one = make(lively, 1);
        const auto another = make(other, 1);
        const auto& share = std::get<protocol::Share>(one[0].record);
        const auto& other_share = std::get<protocol::Share>(another[0].record);
        CHECK_FALSE(share.share_hash == other_share.share_hash);
        CHECK_FALSE(share.channel_id == other_share.channel_id);
    }
}

TEST_CASE("every record is one that the role takes, but for what it says is a duplicate") {
    std::set<std::array<std::uint8_t, 32>> accepted;
    std::map<std::string, std::uint32_t> last_numbers;
    std::size_t duplicates = 0;
    std::size_t rejects = 0;
    std::size_t blocks = 0;
    std::size_t statuses = 0;
    std::size_t batches = 0;
    const auto made = make(lively, 20'000);
    const auto bytes = encoded(made);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const auto read = protocol::read_record(bytes[i]);
        REQUIRE(read.has_value());
        CHECK(read->verdict == protocol::Verdict::stored);
        if (std::holds_alternative<protocol::Block>(read->record)) ++blocks;
        if (std::holds_alternative<protocol::BlockStatus>(read->record)) ++statuses;
        if (std::holds_alternative<protocol::BatchAcknowledgment>(read->record)) ++batches;
        const auto* const share = std::get_if<protocol::Share>(&read->record);
        if (share == nullptr) continue;
        std::uint32_t& last_number = last_numbers[share->channel_id.text];
        CHECK(share->sequence_number == last_number + 1);
        last_number = share->sequence_number;
        if (share->accepted == 0) {
            ++rejects;
            continue;
        }
        CHECK(accepted.insert(share->share_hash.bytes).second == !made[i].is_duplicate);
        if (made[i].is_duplicate) ++duplicates;
    }
    CHECK(last_numbers.size() == 5);
    CHECK(duplicates > 1000);
    CHECK(rejects > 1000);
    CHECK(blocks > 0);
    CHECK(statuses > blocks);
    CHECK(batches > 300);
}

TEST_CASE("a report says what the channel's records before it add up to") {
    std::map<std::string, protocol::ShareAccounting> counted;
    std::map<std::string, std::map<std::string, std::uint64_t>> rejects;
    std::size_t reports = 0;
    for (const MadeRecord& made : make(lively, 20'000)) {
        if (const auto* const share = std::get_if<protocol::Share>(&made.record); share != nullptr) {
            if (made.is_duplicate) continue;
            auto& sum = counted[share->channel_id.text];
            sum.last_share_sequence_number = share->sequence_number;
            if (share->accepted == 0) {
                const auto failed = protocol::decode<protocol::FailedOutcome>(share->outcome_data.bytes).value();
                ++rejects[share->channel_id.text][failed.error_code.text];
                continue;
            }
            ++sum.shares_accepted;
            sum.share_work_sum += share->share_work;
            sum.best_difficulty = share->difficulty;
            if (share->outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found)) ++sum.blocks_found;
        } else if (const auto* const report = std::get_if<protocol::ShareAccounting>(&made.record)) {
            ++reports;
            auto expected = counted.at(report->channel_id.text);
            expected.channel_id = report->channel_id;
            expected.timestamp = report->timestamp;
            std::map<std::string, std::uint64_t> told;
            for (const auto& item : report->rejects.items) {
                const auto reject = protocol::decode<protocol::RejectCount>(item.bytes).value();
                told[reject.error_code.text] = reject.count;
            }
            expected.rejects = report->rejects;
            CHECK(*report == expected);
            CHECK(told == rejects[report->channel_id.text]);
        }
    }
    CHECK(reports > 50);
}

TEST_CASE("what becomes of a block is told after it was submitted, and once") {
    ShareSettings settings = lively;
    settings.grind_bits = 0;
    std::map<std::array<std::uint8_t, 32>, std::string> states;
    for (const MadeRecord& made : make(settings, 50'000))
        if (const auto* const status = std::get_if<protocol::BlockStatus>(&made.record))
            states[status->share_hash.bytes].push_back(static_cast<char>(status->status));
    std::set<std::string> lives;
    for (const auto& [hash, life] : states) lives.insert(life);
    CHECK(lives.contains(std::string{1, 2}));
    for (const auto& life : lives) {
        CHECK(life.front() == static_cast<char>(protocol::BlockState::submitted));
        CHECK(life.size() <= 2);
    }
}

TEST_CASE("a store that has lost what it had is told nothing of it in reports") {
    ShareMaker maker{{.seed = 42, .channels = 1, .duplicates_percent = 10}};
    std::vector<MadeRecord> made;
    for (int i = 0; i < 1000; ++i) maker.make(1000, made);
    maker.forget();
    made.clear();
    std::uint64_t accepted = 0;
    for (int i = 0; i < 1000; ++i) maker.make(1000, made);
    for (const MadeRecord& one : made) {
        if (const auto* const share = std::get_if<protocol::Share>(&one.record))
            accepted += one.is_duplicate ? 0 : share->accepted;
        if (const auto* const report = std::get_if<protocol::ShareAccounting>(&one.record))
            CHECK(report->shares_accepted == accepted);
    }
}

TEST_CASE("ground hashes have their leading zero bits, and their target says so") {
    ShareSettings settings = lively;
    settings.grind_bits = 9;
    settings.rejects_percent = 0;
    for (const MadeRecord& made : make(settings, 50)) {
        const auto* const share = std::get_if<protocol::Share>(&made.record);
        if (share == nullptr) continue;
        CHECK(share->share_hash.bytes[31] == 0);
        CHECK((share->share_hash.bytes[30] & 0x80) == 0);
        CHECK(share->target.bytes[31] == 0);
        CHECK(share->target.bytes[30] == 0x7f);
        CHECK(share->target.bytes[0] == 0xff);
    }
}

TEST_CASE("percentiles are right to 4.5 %") {
    mock_pool::Latencies latencies;
    CHECK(latencies.percentile(0.5) == 0);
    latencies.add(1ms, 98);
    latencies.add(1s, 2);
    CHECK(latencies.percentile(0.5) == doctest::Approx(1).epsilon(0.045));
    CHECK(latencies.percentile(0.99) == doctest::Approx(1000).epsilon(0.045));
}
