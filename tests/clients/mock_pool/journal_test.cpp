#include "clients/mock_pool/journal.hpp"
#include "clients/mock_pool/recent_shares.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using mock_pool::Journal;
using mock_pool::JournalEntry;
using mock_pool::LifeBegan;
using mock_pool::RecordsAcknowledged;
using mock_pool::RecordSent;
using mock_pool::StoreMet;
using mock_pool::StreamReplaced;
using mock_pool::VerdictGiven;

namespace {

const std::vector<JournalEntry> story{
    LifeBegan{.stream_id = 7},
    StoreMet{.dataset_id = 1, .generation = 2, .durability = 1},
    RecordSent{.sequence = 1, .is_duplicate = false, .bytes = {{1, 2, 3}}},
    RecordSent{.sequence = 2, .is_duplicate = true, .bytes = {protocol::Bytes(70'000, 9)}},
    VerdictGiven{.entry = {.sequence = 2, .code = {"duplicate-share"}}},
    RecordsAcknowledged{.durable_sequence = 2},
    StreamReplaced{.stream_id = 8},
};

void write(const std::filesystem::path& file, const std::vector<JournalEntry>& entries) {
    auto journal = Journal::open(file, [](const JournalEntry&) {});
    REQUIRE(journal.has_value());
    for (const auto& entry : entries) journal->append(entry);
    journal->flush();
}

std::vector<JournalEntry> read(const std::filesystem::path& file) {
    std::vector<JournalEntry> entries;
    const auto journal = Journal::open(file, [&](const JournalEntry& entry) { entries.push_back(entry); });
    REQUIRE(journal.has_value());
    return entries;
}

protocol::Bytes accepted_share(std::uint8_t hash) {
    protocol::Share share;
    share.channel_id.text = "1.0.1.1";
    share.share_hash.bytes.fill(hash);
    share.accepted = 1;
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid);
    return protocol::encode_record(share).value();
}

} // namespace

TEST_CASE("a journal tells the next life what was written, and goes on where it ended") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "journal";
    write(file, story);
    CHECK(read(file) == story);
    write(file, {LifeBegan{.stream_id = 9}});
    auto longer = story;
    longer.emplace_back(LifeBegan{.stream_id = 9});
    CHECK(read(file) == longer);
}

TEST_CASE("an entry that was cut off anywhere is as if it had not been written, and what follows is whole") {
    const support::TemporaryFolder folder;
    const auto whole = folder.path() / "whole";
    const auto torn = folder.path() / "torn";
    const std::vector<JournalEntry> first{story.begin(), story.begin() + 3};
    write(whole, first);
    const auto first_size = std::filesystem::file_size(whole);
    write(whole, {RecordSent{.sequence = 2, .is_duplicate = false, .bytes = {{4, 5}}}});
    for (auto size = first_size; size < std::filesystem::file_size(whole); ++size) {
        CAPTURE(size);
        std::filesystem::copy_file(whole, torn, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(torn, size);
        CHECK(read(torn) == first);
        write(torn, {RecordsAcknowledged{.durable_sequence = 1}});
        auto longer = first;
        longer.emplace_back(RecordsAcknowledged{.durable_sequence = 1});
        CHECK(read(torn) == longer);
    }
}

TEST_CASE("a journal that was cut off at its birth is a new one") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "journal";
    std::ofstream{file} << "mock-p";
    write(file, story);
    CHECK(read(file) == story);
}

TEST_CASE("a file that is no journal is left alone") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "letters";
    std::ofstream{file} << "Dear pool, ";
    CHECK_FALSE(Journal::open(file, [](const JournalEntry&) {}).has_value());
    CHECK(std::filesystem::file_size(file) == 11);
}

TEST_CASE("a journal has one pool at a time") {
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "journal";
    const auto first = Journal::open(file, [](const JournalEntry&) {});
    REQUIRE(first.has_value());
    CHECK_FALSE(Journal::open(file, [](const JournalEntry&) {}).has_value());
}

TEST_CASE("the shares to send again are those that were accepted and acknowledged without a verdict") {
    mock_pool::RecentShares recent;
    recent.apply(LifeBegan{.stream_id = 7});
    for (std::uint8_t i = 1; i <= 5; ++i)
        recent.apply(RecordSent{.sequence = i, .is_duplicate = i == 2, .bytes = {accepted_share(i)}});
    recent.apply(VerdictGiven{.entry = {.sequence = 3, .code = {"above-target"}}});
    recent.apply(RecordsAcknowledged{.durable_sequence = 4});
    REQUIRE(recent.shares().size() == 2);
    CHECK(recent.shares()[0].share_hash.bytes[0] == 1);
    CHECK(recent.shares()[1].share_hash.bytes[0] == 4);
    SUBCASE("a store that lost them has no duplicates of them") {
        recent.apply(StreamReplaced{.stream_id = 8});
        CHECK(recent.shares().empty());
        recent.apply(RecordsAcknowledged{.durable_sequence = 1}); // the fifth, on the new stream
        REQUIRE(recent.shares().size() == 1);
        CHECK(recent.shares()[0].share_hash.bytes[0] == 5);
    }
}
