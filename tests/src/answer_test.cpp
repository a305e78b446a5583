// Questions to a store in memory: pages and their cursors, limits, ranges, and what nobody knows.

#include "src/answer.hpp"

#include "protocol/catalogue.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "storage/open.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace protocol;

namespace {

constexpr std::uint64_t hour = 3'600'000;
constexpr std::uint64_t now = 1'767'268'800'000;
constexpr std::string_view pool = "a-pool";
constexpr int names = 300; // channels and users; more than fit on a page
constexpr int hours = 700; // of one channel and user; the same
constexpr int streams = 800;

U256 hash(std::uint64_t number) {
    U256 hash;
    for (std::size_t i = 0; i < sizeof number; ++i) hash.bytes.at(i) = static_cast<std::uint8_t>(number >> (8 * i));
    return hash;
}

Bytes share(std::uint64_t number, const std::string& channel_id, const std::string& user_identity,
            std::uint64_t timestamp) {
    Share share;
    share.channel_id.text = channel_id;
    share.share_hash = hash(number);
    share.share_work = 1;
    share.timestamp = timestamp;
    share.accepted = 1;
    share.user_identity.text = user_identity;
    return encode_record(share).value();
}

// "c" and "u" have a share in each hour; 300 other channels and users have one each, which the channel's report has not
// counted; there are five blocks, and 800 streams.
std::unique_ptr<storage::Store> filled_store() {
    auto store = storage::open({.backend = "memory"}).value();
    storage::Attachment attachment;
    for (int i = 0; i < streams; ++i)
        attachment = store->attach({"a-client", static_cast<std::uint64_t>(i) + 1}, std::string{pool}).value();
    storage::Submission all{
        .stream = attachment.stream, .epoch = attachment.epoch, .first_sequence = 1, .records = {}, .received_at = now};
    std::uint64_t number = 0;
    for (int i = 0; i < hours; ++i)
        all.records.push_back({share(++number, "c", "u", now - static_cast<std::uint64_t>(i) * hour)});
    for (int i = 0; i < names; ++i) {
        ShareAccounting report;
        report.channel_id.text = fmt::format("channel-{}", i);
        report.timestamp = now;
        all.records.push_back({share(++number, report.channel_id.text, fmt::format("user-{}", i), now)});
        all.records.push_back({encode_record(report).value()});
    }
    for (std::uint64_t i = 0; i < 5; ++i) {
        Block block;
        block.channel_id.text = "c";
        block.share_hash = hash(i);
        block.timestamp = now - i;
        all.records.push_back({encode_record(block).value()});
    }
    REQUIRE(store->commit(std::span{&all, 1}).value().front().has_value());
    return store;
}

const storage::Store& store() {
    static const auto store = filled_store();
    return *store;
}

AnyMessage answer_of(const storage::Store& asked, role::Request request) {
    std::visit(
        [](auto& question) {
            question.request_id = 7;
            if constexpr (requires { question.pool; })
                if (question.pool.text.empty()) question.pool.text = pool;
        },
        request);
    const auto frame = role::answer(asked, {}, request);
    const auto header = decode_header(std::span{frame}.first<frame_header_size>());
    return decode_any(header, std::span{frame}.subspan(frame_header_size)).value();
}

template <class Success> Success ask(const role::Request& request) {
    const auto message = answer_of(store(), request);
    REQUIRE(std::holds_alternative<Success>(message));
    CHECK(std::get<Success>(message).request_id == 7);
    return std::get<Success>(message);
}

void check_request_refused(const role::Request& request, std::string_view code, const storage::Store& asked = store()) {
    const auto message = answer_of(asked, request);
    REQUIRE(std::holds_alternative<Error>(message));
    CHECK(std::get<Error>(message).request_id == 7);
    CHECK(std::get<Error>(message).code.text == code);
}

template <class R> R records_of(RecordKind kind, const std::string& channel_id) {
    R request;
    request.kind = static_cast<std::uint8_t>(kind);
    request.channel_id.text = channel_id;
    return request;
}
GetRecords shares_of(const std::string& channel_id) {
    return records_of<GetRecords>(RecordKind::share, channel_id);
}
GetHours hours_of(Subject subject, const std::string& subject_id) {
    GetHours request;
    request.subject = static_cast<std::uint8_t>(subject);
    request.subject_id.text = subject_id;
    return request;
}

// How many items all pages have together; each is at most 64 KiB.
template <class Success, class R> std::size_t count_pages(R request, auto Success::* items, int least_pages = 1) {
    std::size_t count = 0;
    int pages = 0;
    do {
        const auto page = ask<Success>(request);
        CHECK(encode(page).value().size() <= 64 * 1024);
        count += (page.*items).items.size();
        request.cursor = page.next_cursor;
        ++pages;
    } while (!request.cursor.bytes.empty());
    CHECK(pages >= least_pages);
    return count;
}

template <class Success, class R> B0_255 first_cursor(const R& request) {
    auto cursor = ask<Success>(request).next_cursor;
    REQUIRE_FALSE(cursor.bytes.empty());
    return cursor;
}

GetBlocks two_blocks() {
    GetBlocks request;
    request.limit = 2;
    return request;
}

// A list whose first page has ended here.
template <class Success, class R> R begun(R request) {
    request.cursor = first_cursor<Success>(request);
    return request;
}

} // namespace

TEST_CASE("every list gives all that there is, page by page") {
    CHECK(count_pages(shares_of("c"), &GetRecordsSuccess::records, 2) == hours);
    CHECK(count_pages(two_blocks(), &GetBlocksSuccess::blocks, 3) == 5);
    CHECK(count_pages(ListChannels{}, &ListChannelsSuccess::channels, 2) == names + 1);
    CHECK(count_pages(ListUsers{}, &ListUsersSuccess::users, 2) == names + 1);
    CHECK(count_pages(hours_of(Subject::channel, "c"), &GetHoursSuccess::hours, 2) == hours);
    CHECK(count_pages(hours_of(Subject::user, "u"), &GetHoursSuccess::hours, 2) == hours);
    CHECK(count_pages(ListDrift{}, &ListDriftSuccess::channels, 3) == names);
    CHECK(count_pages(ListStreams{}, &ListStreamsSuccess::streams, 2) == streams);
}

TEST_CASE("a limit is that of the page: 0 is as many as fit, and so is any that is larger") {
    auto shares = shares_of("c");
    const auto as_many_as_fit = ask<GetRecordsSuccess>(shares).records.items.size();
    CHECK(as_many_as_fit > 100);
    shares.limit = std::numeric_limits<std::uint32_t>::max();
    CHECK(ask<GetRecordsSuccess>(shares).records.items.size() == as_many_as_fit);
    shares.limit = 1;
    CHECK(ask<GetRecordsSuccess>(shares).records.items.size() == 1);
    GetBlocks blocks;
    CHECK(ask<GetBlocksSuccess>(blocks).blocks.items.size() == 5);
    blocks.limit = std::numeric_limits<std::uint32_t>::max();
    CHECK(ask<GetBlocksSuccess>(blocks).blocks.items.size() == 5);
    shares.cursor = first_cursor<GetRecordsSuccess>(shares);
    shares.limit = 3; // another on each page, if one likes
    CHECK(ask<GetRecordsSuccess>(shares).records.items.size() == 3);
}

namespace {

// Each byte of the cursor changed, and the cursor cut or longer.
template <class R> void check_alterations_are_refused(const R& request) {
    INFO(std::string{R::name});
    auto altered = request;
    for (auto& byte : altered.cursor.bytes) {
        byte ^= 0x20U;
        check_request_refused(altered, "invalid-cursor");
        byte ^= 0x20U;
    }
    altered.cursor.bytes.pop_back();
    check_request_refused(altered, "invalid-cursor");
    altered.cursor = request.cursor;
    altered.cursor.bytes.push_back(0);
    check_request_refused(altered, "invalid-cursor");
}

} // namespace

TEST_CASE("a cursor that was altered is refused, in every list") {
    check_alterations_are_refused(begun<GetRecordsSuccess>(shares_of("c")));
    check_alterations_are_refused(begun<GetBlocksSuccess>(two_blocks()));
    check_alterations_are_refused(begun<GetHoursSuccess>(hours_of(Subject::user, "u")));
    check_alterations_are_refused(begun<ListStreamsSuccess>(ListStreams{}));
    // Lists of names go on behind a name that they have. These have digits at their end: another would be known, too.
    for (const Bytes& bytes : {Bytes{'n', 'o'}, Bytes{0}, Bytes(255, 0xff)}) {
        check_request_refused(ListChannels{.request_id = 0, .pool = {}, .cursor = {bytes}}, "invalid-cursor");
        check_request_refused(ListUsers{.request_id = 0, .pool = {}, .cursor = {bytes}}, "invalid-cursor");
        check_request_refused(ListDrift{.request_id = 0, .pool = {}, .cursor = {bytes}}, "invalid-cursor");
    }
}

TEST_CASE("a cursor means its own list, with the range, the channel and the pool that it was made for") {
    auto shares = begun<GetRecordsSuccess>(shares_of("c"));
    auto blocks = begun<GetBlocksSuccess>(two_blocks());
    auto of_user = begun<GetHoursSuccess>(hours_of(Subject::user, "u"));
    const auto refused_with = [](auto request, auto change) {
        change(request);
        check_request_refused(request, "invalid-cursor");
    };
    refused_with(shares, [](GetRecords& request) { request.channel_id.text = "channel-1"; });
    refused_with(shares, [](GetRecords& request) { request.kind = 3; });
    refused_with(shares, [](GetRecords& request) { request.start = 1; });
    refused_with(shares, [](GetRecords& request) { request.end = now; });
    refused_with(shares, [](GetRecords& request) { request.pool.text = "another"; });
    refused_with(blocks, [](GetBlocks& request) { request.channel_id.text = "c"; });
    refused_with(blocks, [](GetBlocks& request) { request.end = now; });
    refused_with(of_user, [](GetHours& request) { request.subject = 1; });
    refused_with(of_user, [](GetHours& request) { request.subject_id.text = "user-1"; });
    refused_with(of_user, [](GetHours& request) { request.start = 1; });

    std::swap(shares.cursor, blocks.cursor);
    check_request_refused(shares, "invalid-cursor");
    check_request_refused(blocks, "invalid-cursor");
    for (const B0_255& cursor : {shares.cursor, of_user.cursor, first_cursor<ListStreamsSuccess>(ListStreams{})}) {
        check_request_refused(ListChannels{.request_id = 0, .pool = {}, .cursor = cursor}, "invalid-cursor");
        check_request_refused(ListUsers{.request_id = 0, .pool = {}, .cursor = cursor}, "invalid-cursor");
        check_request_refused(ListDrift{.request_id = 0, .pool = {}, .cursor = cursor}, "invalid-cursor");
    }
    const auto of_users = first_cursor<ListUsersSuccess>(ListUsers{});
    check_request_refused(ListChannels{.request_id = 0, .pool = {}, .cursor = of_users}, "invalid-cursor");
    check_request_refused(ListStreams{.request_id = 0, .pool = {}, .cursor = of_users}, "invalid-cursor");
}

TEST_CASE("a cursor of another store is refused, even if that holds the same; one that is a name goes on behind it") {
    const auto other = filled_store();
    REQUIRE(other->data_set().id != store().data_set().id);
    check_request_refused(begun<GetRecordsSuccess>(shares_of("c")), "invalid-cursor", *other);
    check_request_refused(begun<GetBlocksSuccess>(two_blocks()), "invalid-cursor", *other);
    check_request_refused(begun<GetHoursSuccess>(hours_of(Subject::channel, "c")), "invalid-cursor", *other);
    check_request_refused(begun<ListStreamsSuccess>(ListStreams{}), "invalid-cursor", *other);

    const auto goes_on = [&](const auto& request) {
        const auto here = answer_of(store(), request);
        CHECK_FALSE(std::holds_alternative<Error>(here));
        CHECK(answer_of(*other, request) == here);
    };
    goes_on(begun<ListChannelsSuccess>(ListChannels{}));
    goes_on(begun<ListUsersSuccess>(ListUsers{}));
    goes_on(begun<ListDriftSuccess>(ListDrift{}));
    goes_on(ListDrift{.request_id = 0, .pool = {}, .cursor = first_cursor<ListChannelsSuccess>(ListChannels{})});
}

TEST_CASE("a cursor that is a name of another store, and none of this one, is refused") {
    const auto other = storage::open({.backend = "memory"}).value();
    check_request_refused(begun<ListChannelsSuccess>(ListChannels{}), "invalid-cursor", *other);
    check_request_refused(begun<ListUsersSuccess>(ListUsers{}), "invalid-cursor", *other);
    check_request_refused(begun<ListDriftSuccess>(ListDrift{}), "invalid-cursor", *other);
}

TEST_CASE("a range whose start lies after its end is refused, wherever there is one") {
    const auto turned = [](auto request) {
        request.start = 2;
        request.end = 1;
        check_request_refused(request, "invalid-request");
        request.end = 2; // the last moment of it
        CHECK_FALSE(std::holds_alternative<Error>(answer_of(store(), request)));
    };
    turned(shares_of("c"));
    turned(GetBlocks{});
    turned(hours_of(Subject::channel, "c"));
    turned(GetTotals{});
    GetChannelStats stats;
    stats.channel_id.text = "c";
    turned(stats);
}

TEST_CASE("a channel, user or pool that the store has never heard of gets an empty answer") {
    for (const std::string name : {"nobody", "a-pool"}) { // the second is a pool, and no channel or user of it
        CHECK(ask<GetRecordsSuccess>(shares_of(name)).records.items.empty());
        CHECK(ask<GetHoursSuccess>(hours_of(Subject::channel, name)).hours.items.empty());
        CHECK(ask<GetHoursSuccess>(hours_of(Subject::user, name)).hours.items.empty());
        GetBlocks blocks;
        blocks.channel_id.text = name;
        CHECK(ask<GetBlocksSuccess>(blocks).blocks.items.empty());
        GetAccounting accounting;
        accounting.channel_id.text = name;
        const auto known = ask<GetAccountingSuccess>(accounting);
        CHECK((known.derived.bytes.empty() && known.reported.bytes.empty() && known.derived_before.bytes.empty()));
        GetChannelStats stats;
        stats.channel_id.text = name;
        CHECK(ask<GetChannelStatsSuccess>(stats).totals.bytes == encode(Totals{}).value());
        IsShareSeen seen;
        seen.channel_id.text = name;
        seen.share_hashes.items = {hash(1)};
        CHECK(ask<IsShareSeenSuccess>(seen).seen.items == std::vector{false});
    }
    const auto elsewhere = [](auto request) {
        request.pool.text = "nowhere";
        return request;
    };
    CHECK(ask<GetRecordsSuccess>(elsewhere(shares_of("c"))).records.items.empty());
    CHECK(ask<GetRecordsSuccess>(elsewhere(records_of<GetRecords>(RecordKind::solution, ""))).records.items.empty());
    CHECK(ask<GetBlocksSuccess>(elsewhere(GetBlocks{})).blocks.items.empty());
    CHECK(ask<GetHoursSuccess>(elsewhere(hours_of(Subject::user, "u"))).hours.items.empty());
    CHECK(ask<ListChannelsSuccess>(elsewhere(ListChannels{})).channels.items.empty());
    CHECK(ask<ListUsersSuccess>(elsewhere(ListUsers{})).users.items.empty());
    CHECK(ask<ListDriftSuccess>(elsewhere(ListDrift{})).channels.items.empty());
    CHECK(ask<ListStreamsSuccess>(elsewhere(ListStreams{})).streams.items.empty());
    CHECK(ask<GetTotalsSuccess>(elsewhere(GetTotals{})).channels == 0);
}

TEST_CASE("records of a channel need its name, and records of the pool have none") {
    for (const auto kind : {RecordKind::share, RecordKind::share_accounting, RecordKind::block,
                            RecordKind::batch_acknowledgment, RecordKind::accounting_deleted}) {
        check_request_refused(records_of<GetRecords>(kind, ""), "invalid-request");
        ask<GetRecordsSuccess>(records_of<GetRecords>(kind, "c"));
    }
    for (const auto kind : {RecordKind::block_status, RecordKind::declared_job, RecordKind::solution}) {
        check_request_refused(records_of<GetRecords>(kind, "c"), "invalid-request");
        ask<GetRecordsSuccess>(records_of<GetRecords>(kind, ""));
    }
    for (const int kind : {0, 9, 10, 255})
        for (const std::string channel_id : {"", "c"})
            check_request_refused(records_of<GetRecords>(static_cast<RecordKind>(kind), channel_id), "invalid-request");
}

TEST_CASE("hours are those of a channel or of a user, who has a name") {
    for (const int subject : {0, 3, 255})
        check_request_refused(hours_of(static_cast<Subject>(subject), "c"), "invalid-request");
    check_request_refused(hours_of(Subject::channel, ""), "invalid-request");
    check_request_refused(hours_of(Subject::user, ""), "invalid-request");
}

TEST_CASE("a range is told as it is covered: while all records are there, as it was asked for") {
    GetTotals totals;
    totals.start = now - 5 * hour + 1;
    totals.end = now - 1;
    const auto all = ask<GetTotalsSuccess>(totals);
    CHECK(all.start == totals.start);
    CHECK(all.end == totals.end);
    GetChannelStats stats;
    stats.channel_id.text = "c";
    stats.end = now;
    const auto of_channel = ask<GetChannelStatsSuccess>(stats);
    CHECK_FALSE(of_channel.start.has_value());
    CHECK(of_channel.end == now);
}

TEST_CASE("a page of drift holds one report however long, and otherwise what fits") {
    auto long_reports = storage::open({.backend = "memory"}).value();
    const auto attachment = long_reports->attach({"a-client", 1}, std::string{pool}).value();
    storage::Submission all{
        .stream = attachment.stream, .epoch = attachment.epoch, .first_sequence = 1, .records = {}, .received_at = now};
    for (int i = 0; i < 3; ++i) {
        ShareAccounting report;
        report.channel_id.text = fmt::format("channel-{}", i);
        report.shares_accepted = 1;
        for (int code = 0; code < 10'000; ++code)
            report.rejects.items.push_back(
                {encode(RejectCount{.error_code = {fmt::format("code-{}", code)}, .count = 1}).value()});
        all.records.push_back({encode_record(report).value()});
    }
    REQUIRE(long_reports->commit(std::span{&all, 1}).value().front().has_value());
    ListDrift request;
    for (int i = 0; i < 3; ++i) {
        const auto page = std::get<ListDriftSuccess>(answer_of(*long_reports, request));
        REQUIRE(page.channels.items.size() == 1);
        CHECK(decode<ChannelDrift>(page.channels.items.front().bytes).value().channel_id.text ==
              fmt::format("channel-{}", i));
        CHECK(page.next_cursor.bytes.empty() == (i == 2));
        request.cursor = page.next_cursor;
    }
}
