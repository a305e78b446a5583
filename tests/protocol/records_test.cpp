// Records (EXTENSION.md 7): each kind against its golden file, and the verdict on what cannot count, at its exact
// edges.

#include "protocol/records.hpp"
#include "protocol/tlv.hpp"
#include "tests/protocol/golden.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <filesystem>
#include <limits>
#include <set>
#include <string>

using namespace golden;
using namespace protocol;
using support::to_hex;

namespace {

std::uint64_t bits(double value) {
    return std::bit_cast<std::uint64_t>(value);
}

template <Struct S> B0_64K data(const S& value) {
    return {encode(value).value()};
}

template <Record R> Bytes record_bytes(const R& record, ByteView extra = {}) {
    return encode_record(record, extra).value();
}

// What a record deserves by itself.
Verdict verdict_on(ByteView bytes) {
    const auto read = read_record(bytes);
    return read ? read->verdict : read.error();
}
template <Record R> Verdict verdict_on(const R& record) {
    return verdict_on(record_bytes(record));
}

Share good_share() {
    return {.channel_id = {"eu.1"},
            .sequence_number = 1,
            .share_hash = {},
            .target = {},
            .share_work = 1,
            .difficulty = bits(1.0),
            .timestamp = 1'767'225'600'000,
            .accepted = 1,
            .outcome = static_cast<std::uint8_t>(Outcome::valid),
            .outcome_data = {},
            .user_identity = {"worker"},
            .label = {}};
}

Block good_block() {
    return {.channel_id = {"eu.1"},
            .share_hash = {},
            .template_id = 7,
            .coinbase = {{1, 2, 3}},
            .difficulty = bits(1.0),
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

BatchAcknowledgment good_batch() {
    return {.channel_id = {"eu.1"},
            .last_sequence_number = 1,
            .new_submits_accepted_count = 1,
            .new_shares_sum = 1,
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

B0_64K reject(std::string error_code, std::uint64_t count = 1) {
    return data(RejectCount{.error_code = {std::move(error_code)}, .count = count});
}

ShareAccounting good_report() {
    return {.channel_id = {"eu.1"},
            .last_share_sequence_number = 1,
            .shares_accepted = 1,
            .share_work_sum = 1,
            .best_difficulty = bits(1.0),
            .blocks_found = 1,
            .rejects = {{reject("stale-share"), reject("difficulty-too-low")}},
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

BlockStatus good_status() {
    return {.share_hash = {},
            .status = static_cast<std::uint8_t>(BlockState::submitted),
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

DeclaredJob good_job() {
    return {.mining_job_token = {{1}},
            .new_mining_job_token = {{2}},
            .user_identity = {"worker"},
            .accepted = 1,
            .error_code = {},
            .version = 0x2000'0000,
            .coinbase_tx_prefix = {{3}},
            .coinbase_tx_suffix = {{4}},
            .wtxid_list = {{U256{}}},
            .excess_data = {{5}},
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

DeclaredJob refused_job() {
    DeclaredJob job = good_job();
    job.accepted = 0;
    job.new_mining_job_token.bytes.clear();
    job.error_code.text = "invalid-job-param-value-coinbase_tx_suffix";
    return job;
}

Solution good_solution() {
    return {.mining_job_token = {{2}},
            .share_hash = {},
            .extranonce = {{6}},
            .prev_hash = {},
            .nonce = 1,
            .ntime = 1,
            .nbits = 1,
            .version = 1,
            .timestamp = 1'767'225'600'000,
            .label = {}};
}

AccountingDeleted good_deletion() {
    return {.channel_id = {"eu.1"}, .timestamp = 1'767'225'600'000, .label = {}};
}

void for_each_good_record(auto&& check) {
    check(good_share());
    check(good_report());
    check(good_block());
    check(good_status());
    check(good_batch());
    check(good_job());
    check(refused_job());
    check(good_solution());
    check(good_deletion());
}

Share with_outcome(Outcome outcome, B0_64K outcome_data, std::uint8_t accepted) {
    Share share = good_share();
    share.accepted = accepted;
    share.outcome = static_cast<std::uint8_t>(outcome);
    share.outcome_data = std::move(outcome_data);
    return share;
}

const AcknowledgmentOutcome acknowledgment{
    .last_sequence_number = 41, .new_submits_accepted_count = 20, .new_shares_sum = 20'480};
const BlockFoundOutcome block_found{.template_id = 77, .coinbase = {{1, 2, 3}}};
const FailedOutcome failed{.error_code = {"stale-share"}};

template <Record R> R from_golden(const std::string& name) {
    return std::get<R>(read_record(concatenated(read_file("records/" + name))).value().record);
}

// The number 256^place * byte.
U256 number(std::size_t place, std::uint8_t byte) {
    U256 value;
    value.bytes.at(place) = byte;
    return value;
}

} // namespace

TEST_CASE("every kind of record is its kind, its fields and TLV fields, as its golden bytes are") {
    for_each_record([]<class R>(std::string_view name) {
        INFO("record: ", std::string{name});
        GoldenFields expected = read_file("records/" + std::string{name});
        const Bytes bytes = concatenated(expected);
        const auto read = read_record(bytes);
        REQUIRE(read.has_value());
        REQUIRE(std::holds_alternative<R>(read->record));
        CHECK(read->verdict == Verdict::stored);

        CHECK(expected.front().name == "kind");
        CHECK(to_hex(expected.front().bytes) == to_hex(Bytes{static_cast<std::uint8_t>(R::kind)}));
        expected.erase(expected.begin());
        Bytes extra;
        if (expected.back().name == "extra") {
            extra = expected.back().bytes;
            expected.pop_back();
        }
        CHECK(to_hex(read->extra) == to_hex(extra));
        check_same(fields_of(std::get<R>(read->record)), expected);
        CHECK(to_hex(record_bytes(std::get<R>(read->record), read->extra)) == to_hex(bytes));
    });
}

TEST_CASE("every golden record belongs to a kind") {
    std::set<std::string> names;
    for_each_record([&]<class R>(std::string_view name) { names.insert(std::string{name} + ".hex"); });
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{golden::folder() / "records"})
        files.insert(entry.path().filename().string());
    CHECK(files == names);
}

TEST_CASE("golden records mean what EXTENSION.md says they mean") {
    const auto read = read_record(concatenated(read_file("records/Share"))).value();
    const auto& share = std::get<Share>(read.record);
    CHECK(share.channel_id.text == "eu.1767225600.12.3");
    CHECK(share.sequence_number == 41);
    CHECK(share.share_work == 1024);
    CHECK(share.difficulty == bits(1.0));
    CHECK(share.timestamp == 1'767'225'600'123);
    CHECK(share.accepted == 1);
    CHECK(share.outcome == static_cast<std::uint8_t>(Outcome::valid_with_acknowledgment));
    CHECK((decode<AcknowledgmentOutcome>(share.outcome_data.bytes) == acknowledgment));
    CHECK(share.user_identity.text == "acct.worker-1");
    CHECK(decode_tlvs(read.extra).size() == 1);
    const auto block = std::get<Block>(read_record(concatenated(read_file("records/Block")))->record);
    CHECK(block.share_hash == share.share_hash);
    CHECK(block.template_id == 77);
    CHECK(block.difficulty == bits(2536.5));
    const auto batch =
        std::get<BatchAcknowledgment>(read_record(concatenated(read_file("records/BatchAcknowledgment")))->record);
    CHECK(batch.new_submits_accepted_count == 20);
    CHECK(batch.new_shares_sum == 20'480);
}

TEST_CASE("golden records of reports, statuses, jobs and solutions mean what EXTENSION.md says they mean") {
    constexpr std::uint64_t new_year = 1'767'225'600'000; // 2026-01-01 00:00 UTC
    CHECK(from_golden<ShareAccounting>("ShareAccounting") ==
          ShareAccounting{.channel_id = {"eu.1767225600.12.3"},
                          .last_share_sequence_number = 41,
                          .shares_accepted = 1001,
                          .share_work_sum = 1'025'024,
                          .best_difficulty = bits(2536.5),
                          .blocks_found = 1,
                          .rejects = {{reject("stale-share", 5), reject("difficulty-too-low", 2)}},
                          .timestamp = new_year + 223,
                          .label = {"hourly"}});
    const auto block = from_golden<Block>("Block");
    CHECK(from_golden<BlockStatus>("BlockStatus") ==
          BlockStatus{.share_hash = block.share_hash,
                      .status = static_cast<std::uint8_t>(BlockState::confirmed),
                      .timestamp = new_year + 3'723'000,
                      .label = {"6 deep"}});
    const auto job = from_golden<DeclaredJob>("DeclaredJob");
    CHECK(job.mining_job_token == B0_255{{1, 0, 0, 0}});
    CHECK(job.new_mining_job_token == B0_255{{0x8a, 0, 0, 0, 0, 0, 0, 1}});
    CHECK(job.user_identity.text == "acct.worker-1");
    CHECK(job.accepted == 1);
    CHECK(job.error_code.text.empty());
    CHECK(job.version == 0x2000'0000);
    CHECK(job.coinbase_tx_prefix.bytes.size() == 46);
    CHECK(job.coinbase_tx_suffix.bytes.size() == 19);
    CHECK(job.wtxid_list.items.size() == 1);
    CHECK(job.excess_data.bytes.empty());
    CHECK(job.timestamp == new_year + 123);
    CHECK(from_golden<Solution>("Solution") == Solution{.mining_job_token = job.new_mining_job_token,
                                                        .share_hash = block.share_hash,
                                                        .extranonce = {{0, 0, 0, 0, 0, 0, 1, 7}},
                                                        .prev_hash = {},
                                                        .nonce = 2'083'236'893,
                                                        .ntime = 1'231'006'505,
                                                        .nbits = 0x1d00'ffff,
                                                        .version = 1,
                                                        .timestamp = new_year + 123,
                                                        .label = {}});
    CHECK(from_golden<AccountingDeleted>("AccountingDeleted") ==
          AccountingDeleted{.channel_id = {"eu.1767225600.12.3"}, .timestamp = new_year + 223, .label = {"closed"}});
}

TEST_CASE("each outcome takes its own data and its own side of `accepted`") {
    struct Case {
        Outcome outcome;
        B0_64K data;
        bool may_be_refused;
        bool may_be_accepted;
    };
    const std::vector<Case> cases{{Outcome::none, {}, true, true},
                                  {Outcome::valid, {}, false, true},
                                  {Outcome::valid_with_acknowledgment, data(acknowledgment), false, true},
                                  {Outcome::block_found, data(block_found), false, true},
                                  {Outcome::failed, data(failed), true, false}};
    for (const auto& [outcome, right_data, may_be_refused, may_be_accepted] : cases) {
        INFO("outcome ", static_cast<int>(outcome));
        const auto expected = [](bool allowed) { return allowed ? Verdict::stored : Verdict::invalid_record; };
        CHECK(verdict_on(with_outcome(outcome, right_data, 0)) == expected(may_be_refused));
        CHECK(verdict_on(with_outcome(outcome, right_data, 1)) == expected(may_be_accepted));

        const std::uint8_t accepted = may_be_accepted ? 1 : 0;
        B0_64K longer = right_data;
        longer.bytes.push_back(0);
        CHECK(verdict_on(with_outcome(outcome, longer, accepted)) == Verdict::invalid_record);
        if (right_data.bytes.empty()) continue;
        B0_64K shorter = right_data;
        shorter.bytes.pop_back();
        CHECK(verdict_on(with_outcome(outcome, shorter, accepted)) == Verdict::invalid_record);
        CHECK(verdict_on(with_outcome(outcome, {}, accepted)) == Verdict::invalid_record);
    }
}

TEST_CASE("a block_found outcome may leave out template and coinbase") {
    CHECK(verdict_on(with_outcome(Outcome::block_found, data(BlockFoundOutcome{}), 1)) == Verdict::stored);
}

TEST_CASE("an outcome that does not exist is invalid-record") {
    Share share = good_share();
    for (const int outcome : {5, 6, 255}) {
        share.outcome = static_cast<std::uint8_t>(outcome);
        for (const int accepted : {0, 1}) {
            share.accepted = static_cast<std::uint8_t>(accepted);
            CHECK(verdict_on(share) == Verdict::invalid_record);
        }
    }
}

TEST_CASE("accepted is 0 or 1: 2 is invalid-record") {
    for (const int accepted : {2, 3, 255})
        CHECK(verdict_on(with_outcome(Outcome::none, {}, static_cast<std::uint8_t>(accepted))) ==
              Verdict::invalid_record);
}

TEST_CASE("a record of a channel whose channel_id is empty is invalid-record") {
    for_each_good_record([]<class R>(R record) {
        CHECK(verdict_on(record) == Verdict::stored);
        if constexpr (ChannelRecord<R>) {
            record.channel_id.text.clear();
            CHECK(verdict_on(record) == Verdict::invalid_record);
        }
    });
}

TEST_CASE("statuses of blocks, declared jobs and solutions belong to no channel, all else to one") {
    static_assert(!ChannelRecord<BlockStatus> && !ChannelRecord<DeclaredJob> && !ChannelRecord<Solution>);
    static_assert(ChannelRecord<Share> && ChannelRecord<ShareAccounting> && ChannelRecord<Block> &&
                  ChannelRecord<BatchAcknowledgment> && ChannelRecord<AccountingDeleted>);
}

TEST_CASE("a status is submitted, confirmed or orphaned: any other is invalid-record") {
    BlockStatus status = good_status();
    for (int number = 0; number <= 255; ++number) {
        status.status = static_cast<std::uint8_t>(number);
        const bool exists = number >= 1 && number <= 3;
        CHECK(verdict_on(status) == (exists ? Verdict::stored : Verdict::invalid_record));
    }
}

TEST_CASE("a report tells each reject once, whole and alone") {
    ShareAccounting report = good_report();
    const auto verdict_with = [&](std::vector<B0_64K> rejects) {
        report.rejects.items = std::move(rejects);
        return verdict_on(report);
    };
    CHECK(verdict_with({}) == Verdict::stored);
    CHECK(verdict_with({reject("a", 0), reject("A", UINT64_MAX), reject(std::string(255, 'a'))}) == Verdict::stored);
    CHECK(verdict_with({reject("")}) == Verdict::invalid_record);
    CHECK(verdict_with({reject("a"), reject("b"), reject("a", 2)}) == Verdict::invalid_record);
    CHECK(verdict_with({B0_64K{}}) == Verdict::invalid_record);
    const Bytes whole = reject("stale-share").bytes;
    for (std::size_t size = 0; size < whole.size(); ++size)
        CHECK(verdict_with({reject("a"), {Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))}}) ==
              Verdict::invalid_record);
    B0_64K longer{whole};
    longer.bytes.push_back(0);
    CHECK(verdict_with({longer}) == Verdict::invalid_record);
    CHECK(verdict_with({reject("\n")}) == Verdict::invalid_text);
    // What is wrong with the structs comes before what is wrong with their text, wherever it stands.
    CHECK(verdict_with({reject("\n"), reject("")}) == Verdict::invalid_record);
    CHECK(verdict_with({reject("\n"), reject("\n")}) == Verdict::invalid_record);
    CHECK(verdict_with({reject("\n"), longer}) == Verdict::invalid_record);
}

TEST_CASE("a declared job has a new token and no error_code if it was accepted, else the reverse") {
    for (const std::uint8_t accepted : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}) {
        for (const bool has_token : {false, true}) {
            for (const bool has_error : {false, true}) {
                DeclaredJob job = good_job();
                job.accepted = accepted;
                job.new_mining_job_token.bytes = Bytes(has_token ? 1 : 0);
                job.error_code.text = std::string(has_error ? 1 : 0, 'e');
                const bool fits = accepted == 1 ? has_token && !has_error : accepted == 0 && !has_token && has_error;
                CHECK(verdict_on(job) == (fits ? Verdict::stored : Verdict::invalid_record));
            }
        }
    }
}

TEST_CASE("a declared job may leave out what its declaration may, and a solution what is not told") {
    DeclaredJob job = good_job();
    job.mining_job_token.bytes.clear();
    job.user_identity.text.clear();
    job.coinbase_tx_prefix.bytes.clear();
    job.coinbase_tx_suffix.bytes.clear();
    job.wtxid_list.items.clear();
    job.excess_data.bytes.clear();
    CHECK(verdict_on(job) == Verdict::stored);
    Solution solution = good_solution();
    solution.mining_job_token.bytes.clear();
    solution.extranonce.bytes.clear();
    CHECK(verdict_on(solution) == Verdict::stored);
}

TEST_CASE("an extranonce has at most 32 bytes: 33 are invalid-record") {
    Solution solution = good_solution();
    solution.extranonce.bytes = Bytes(32, 0xee);
    Bytes bytes = record_bytes(solution);
    CHECK(verdict_on(bytes) == Verdict::stored);
    const std::size_t length = 1 + 2 + 32; // behind the kind, the token and the hash
    REQUIRE(bytes.at(length) == 32);
    bytes[length] = 33;
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(length + 1), 0);
    CHECK(verdict_on(bytes) == Verdict::invalid_record);
}

TEST_CASE("a list that announces more than follows is invalid-record") {
    DeclaredJob job = good_job();
    job.label.text = "l";
    Bytes bytes = record_bytes(job);
    const Bytes one_hash{1, 0};
    const std::size_t count = 1 + 2 + 2 + 7 + 1 + 1 + 4 + 3 + 3;
    REQUIRE(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(count),
                  bytes.begin() + static_cast<std::ptrdiff_t>(count + 2)) == one_hash);
    bytes[count + 1] = 0xff;
    CHECK(verdict_on(bytes) == Verdict::invalid_record);
}

TEST_CASE("a declared job has as many transactions as a record holds") {
    DeclaredJob job = good_job();
    job.wtxid_list.items.clear();
    const std::size_t room = (max_record_size - record_bytes(job).size()) / 32;
    job.wtxid_list.items.resize(room);
    CHECK(verdict_on(job) == Verdict::stored);
    job.wtxid_list.items.emplace_back();
    CHECK(verdict_on(job) == Verdict::record_too_large);
}

TEST_CASE("a difficulty is finite, not below 0 and not -0") {
    using Limits = std::numeric_limits<double>;
    const auto check = []<class R>(R record, std::uint64_t R::* difficulty) {
        for (const double fine : {0.0, Limits::denorm_min(), Limits::min(), 1.5, Limits::max()}) {
            record.*difficulty = bits(fine);
            CHECK(verdict_on(record) == Verdict::stored);
        }
        for (const double wrong : {-0.0, -Limits::denorm_min(), -1.0, Limits::infinity(), -Limits::infinity(),
                                   Limits::quiet_NaN(), Limits::signaling_NaN()}) {
            record.*difficulty = bits(wrong);
            CHECK(verdict_on(record) == Verdict::invalid_record);
        }
        record.*difficulty = 0xffff'ffff'ffff'ffff; // a NaN with its sign
        CHECK(verdict_on(record) == Verdict::invalid_record);
    };
    check(good_share(), &Share::difficulty);
    check(good_block(), &Block::difficulty);
    check(good_report(), &ShareAccounting::best_difficulty);
}

TEST_CASE("a timestamp ends with the year 9999") {
    for_each_good_record([](auto record) {
        for (const std::uint64_t fine : {std::uint64_t{0}, std::uint64_t{253'402'300'799'999}}) {
            record.timestamp = fine;
            CHECK(verdict_on(record) == Verdict::stored);
        }
        for (const std::uint64_t wrong : {std::uint64_t{253'402'300'800'000}, UINT64_MAX}) {
            record.timestamp = wrong;
            CHECK(verdict_on(record) == Verdict::invalid_timestamp);
        }
    });
}

TEST_CASE("text is UTF-8 without control characters") {
    const std::vector<std::string> fine{"~",
                                        " ",
                                        "\xc2\xa0",         // U+00A0, the first after the controls
                                        "\xdf\xbf",         // U+07FF
                                        "\xe0\xa0\x80",     // U+0800
                                        "\xed\x9f\xbf",     // U+D7FF, before the surrogates
                                        "\xee\x80\x80",     // U+E000, behind them
                                        "\xef\xbf\xbf",     // U+FFFF
                                        "\xf0\x90\x80\x80", // U+10000
                                        "\xf4\x8f\xbf\xbf", // U+10FFFF, the last
                                        std::string(255, 'x')};
    const std::vector<std::string> wrong{std::string(1, '\0'),
                                         "\x01",
                                         "\t",
                                         "\n",
                                         "\x1f",
                                         "\x7f",
                                         "\xc2\x80", // U+0080
                                         "\xc2\x9f", // U+009F
                                         "\x80",     // a continuation of nothing
                                         "\xbf",
                                         "\xc0\x80",         // overlong: U+0000
                                         "\xc1\xbf",         // overlong: U+007F
                                         "\xe0\x80\xaf",     // overlong: U+002F
                                         "\xe0\x9f\xbf",     // overlong: U+07FF
                                         "\xf0\x80\x80\xaf", // overlong: U+002F
                                         "\xf0\x8f\xbf\xbf", // overlong: U+FFFF
                                         "\xed\xa0\x80",     // U+D800, the first surrogate
                                         "\xed\xbf\xbf",     // U+DFFF, the last
                                         "\xf4\x90\x80\x80", // U+110000
                                         "\xf5\x80\x80\x80",
                                         "\xfe",
                                         "\xff",
                                         "\xc3", // cut short
                                         "\xe2\x82",
                                         "\xf0\x9f\x98",
                                         "\xc3(", // no continuation
                                         "\xe2\x28\xa1",
                                         "\xe2\x82("};
    const auto check_field = [&](const auto& record, Str0_255& field) {
        for (const auto& text : fine) {
            INFO("text: ", to_hex(Bytes{text.begin(), text.end()}));
            field.text = text;
            CHECK(verdict_on(record) == Verdict::stored);
        }
        for (const auto& text : wrong) {
            for (const std::string& whole : {text, text + "b", "a" + text}) {
                INFO("text: ", to_hex(Bytes{whole.begin(), whole.end()}));
                field.text = whole;
                CHECK(verdict_on(record) == Verdict::invalid_text);
            }
        }
        field.text = "fine";
    };
    for_each_good_record([&]<class R>(R record) {
        if constexpr (ChannelRecord<R>) check_field(record, record.channel_id);
        check_field(record, record.label);
    });
    Share share = good_share();
    check_field(share, share.user_identity);
    DeclaredJob job = good_job();
    check_field(job, job.user_identity);
    job = refused_job();
    check_field(job, job.error_code);
    ShareAccounting report = good_report();
    for (const auto& text : wrong) {
        CHECK(verdict_on(with_outcome(Outcome::failed, data(FailedOutcome{.error_code = {text}}), 0)) ==
              Verdict::invalid_text);
        report.rejects.items = {reject("stale-share"), reject(text)};
        CHECK(verdict_on(report) == Verdict::invalid_text);
    }
    for (const auto& text : fine) {
        report.rejects.items = {reject("stale-share"), reject(text)};
        CHECK(verdict_on(report) == Verdict::stored);
    }
}

TEST_CASE("a share is above its target from one above on, hash and target being little-endian numbers") {
    Share share = good_share();
    for (const std::size_t place : {0, 1, 15, 31}) {
        share.target = number(place, 2);
        share.share_hash = number(place, 2);
        CHECK(verdict_on(share) == Verdict::stored);
        share.share_hash = number(place, 1);
        CHECK(verdict_on(share) == Verdict::stored);
        share.share_hash = number(place, 3);
        CHECK(verdict_on(share) == Verdict::above_target);
        share.share_hash = number(place, 2);
        share.share_hash.bytes[0] = static_cast<std::uint8_t>(share.share_hash.bytes[0] + 1); // one above
        CHECK(verdict_on(share) == Verdict::above_target);
    }
    share.target = number(31, 1); // 2^248, above every number that ends before byte 31
    share.share_hash.bytes.fill(0xff);
    share.share_hash.bytes[31] = 0;
    CHECK(verdict_on(share) == Verdict::stored);
}

TEST_CASE("above-target is for shares that claim acceptance and state a target; they are read all the same") {
    Share share = with_outcome(Outcome::none, {}, 1);
    share.share_hash.bytes.fill(0xff);
    CHECK(verdict_on(share) == Verdict::stored);
    share.target = number(0, 1);
    CHECK(verdict_on(share) == Verdict::above_target);
    CHECK((std::get<Share>(read_record(record_bytes(share)).value().record) == share));
    share.accepted = 0;
    CHECK(verdict_on(share) == Verdict::stored);
}

TEST_CASE("a record of 512 KiB is taken, one more byte is record-too-large, whatever it holds") {
    for_each_good_record([](const auto& record) {
        const std::size_t size = record_bytes(record).size();
        CHECK(verdict_on(record_bytes(record, Bytes(524'288 - size))) == Verdict::stored);
        CHECK(verdict_on(record_bytes(record, Bytes(524'289 - size))) == Verdict::record_too_large);
    });
    CHECK(verdict_on(Bytes(524'288, 0xff)) == Verdict::unknown_kind);
    CHECK(verdict_on(Bytes(524'289, 0xff)) == Verdict::record_too_large);
}

TEST_CASE("a record that is cut short anywhere is invalid-record") {
    for_each_good_record([](const auto& record) {
        const Bytes bytes = record_bytes(record);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            CHECK(verdict_on(ByteView{bytes}.first(size)) == Verdict::invalid_record);
    });
}

TEST_CASE("a template_id that is neither there nor missing is invalid-record") {
    Bytes bytes = record_bytes(good_block());
    bytes.at(1 + 5 + 32) = 2; // the count of the OPTION
    CHECK(verdict_on(bytes) == Verdict::invalid_record);
}

TEST_CASE("a kind that is reserved or unknown is unknown-kind, with or without a body") {
    for (int kind = 0; kind <= 255; ++kind) {
        if (kind >= 1 && kind <= 8) continue;
        const auto byte = static_cast<std::uint8_t>(kind);
        CHECK(verdict_on(Bytes{byte}) == Verdict::unknown_kind);
        CHECK(verdict_on(Bytes{byte, 1, 2, 3}) == Verdict::unknown_kind);
    }
}

TEST_CASE("the kind of a record is its first byte, known or not; no bytes have none") {
    CHECK_FALSE(kind_of({}).has_value());
    for (const int kind : {0, 1, 9, 255}) CHECK(kind_of(Bytes{static_cast<std::uint8_t>(kind), 7}) == kind);
}

TEST_CASE("of several things wrong with a record the first in the order of the specification is its verdict") {
    Share share = good_share();
    share.share_hash.bytes.fill(0xff);
    share.target = number(0, 1);
    CHECK(verdict_on(share) == Verdict::above_target);
    share.timestamp = UINT64_MAX;
    CHECK(verdict_on(share) == Verdict::invalid_timestamp);
    share.label.text = "\n";
    CHECK(verdict_on(share) == Verdict::invalid_text);
    share.accepted = 2;
    CHECK(verdict_on(share) == Verdict::invalid_record);
    CHECK(verdict_on(record_bytes(share, Bytes(524'288))) == Verdict::record_too_large);
}

TEST_CASE("what follows the fields is kept as it is, whether it is TLV fields or not") {
    const Tlv worker{.extension_type = 2, .field_type = 1, .value = {'W'}};
    for (const Bytes& extra : {Bytes{}, encode(worker).value(), Bytes{0}, Bytes{0xff, 0xff, 0xff, 0xff, 0xff}}) {
        for_each_good_record([&](const auto& record) {
            const auto read = read_record(record_bytes(record, extra));
            REQUIRE(read.has_value());
            CHECK(to_hex(read->extra) == to_hex(extra));
        });
    }
}

TEST_CASE("kind, fields encoded again and extra reproduce every record that is read") {
    const auto check = [](const Bytes& bytes) {
        const auto read = read_record(bytes);
        REQUIRE(read.has_value());
        const auto again =
            std::visit([&](const auto& record) { return encode_record(record, read->extra); }, read->record);
        CHECK(to_hex(again.value()) == to_hex(bytes));
    };
    for_each_good_record([&](const auto& record) {
        check(record_bytes(record));
        check(record_bytes(record, Bytes{1, 2, 3}));
    });
    for (const Outcome outcome : {Outcome::none, Outcome::valid}) check(record_bytes(with_outcome(outcome, {}, 1)));
    check(record_bytes(with_outcome(Outcome::valid_with_acknowledgment, data(acknowledgment), 1)));
    check(record_bytes(with_outcome(Outcome::block_found, data(block_found), 1)));
    check(record_bytes(with_outcome(Outcome::failed, data(failed), 0)));

    Share extreme = with_outcome(Outcome::block_found, {}, 1);
    extreme.channel_id.text = std::string(255, 'c');
    extreme.sequence_number = UINT32_MAX;
    extreme.share_hash.bytes.fill(0xff);
    extreme.target.bytes.fill(0xff);
    extreme.share_work = UINT64_MAX;
    extreme.difficulty = bits(std::numeric_limits<double>::max());
    extreme.timestamp = last_timestamp;
    extreme.outcome_data = data(BlockFoundOutcome{.template_id = UINT64_MAX, .coinbase = {Bytes(65'535 - 11, 0xcb)}});
    extreme.user_identity.text = "\xf4\x8f\xbf\xbf";
    check(record_bytes(extreme));
    Block block = good_block();
    block.template_id.reset();
    block.coinbase.bytes.clear();
    check(record_bytes(block));
    ShareAccounting report = good_report();
    report.channel_id.text = std::string(255, 'c');
    report.last_share_sequence_number = UINT32_MAX;
    report.shares_accepted = report.share_work_sum = report.blocks_found = UINT64_MAX;
    report.best_difficulty = bits(std::numeric_limits<double>::max());
    report.rejects.items = {reject(std::string(255, 'e'), UINT64_MAX), reject("f", 0)};
    report.timestamp = last_timestamp;
    check(record_bytes(report));
    report.rejects.items.clear();
    check(record_bytes(report));
    BlockStatus status = good_status();
    status.share_hash.bytes.fill(0xff);
    status.status = static_cast<std::uint8_t>(BlockState::orphaned);
    status.label.text = std::string(255, 'l');
    check(record_bytes(status));
    BatchAcknowledgment batch = good_batch();
    batch.last_sequence_number = batch.new_submits_accepted_count = UINT32_MAX;
    batch.new_shares_sum = UINT64_MAX;
    check(record_bytes(batch));
    DeclaredJob job = good_job();
    job.mining_job_token.bytes = job.new_mining_job_token.bytes = Bytes(255, 0xff);
    job.version = UINT32_MAX;
    job.coinbase_tx_prefix.bytes = job.coinbase_tx_suffix.bytes = job.excess_data.bytes = Bytes(65'535, 0xcb);
    job.wtxid_list.items.resize(10'000, number(31, 0xff));
    check(record_bytes(job));
    Solution solution = good_solution();
    solution.mining_job_token.bytes = Bytes(255, 0xff);
    solution.extranonce.bytes = Bytes(32, 0xff);
    solution.nonce = solution.ntime = solution.nbits = solution.version = UINT32_MAX;
    check(record_bytes(solution));
    extreme.target = number(0, 1); // above-target is read, too
    check(record_bytes(extreme));
}

TEST_CASE("a record whose field has no encoding is not encoded") {
    Share share = good_share();
    share.label.text = std::string(256, 'x');
    CHECK(encode_record(share).error() == EncodeError::too_long);
}

TEST_CASE("every verdict but `stored` has a code of its own") {
    std::set<std::string_view> codes;
    for (int number = 1; number <= static_cast<int>(last_verdict); ++number)
        codes.insert(to_text(static_cast<Verdict>(number)));
    CHECK(codes == std::set<std::string_view>{"duplicate-share", "above-target", "invalid-record", "unknown-kind",
                                              "record-too-large", "invalid-timestamp", "invalid-text"});
    CHECK(to_text(Verdict::stored).empty());
}
