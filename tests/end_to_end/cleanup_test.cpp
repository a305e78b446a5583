// CleanupOldShares over the wire, on a store whose records came long ago.

#include "storage/open.hpp"
#include "tests/end_to_end/scene.hpp"

#include <memory>
#include <string>
#include <thread>

using namespace end_to_end;
using namespace protocol;

namespace {

constexpr std::uint64_t hour = 3'600'000;
constexpr std::uint64_t day = 24 * hour;

constexpr std::uint64_t old_shares = 10'000;

const Settings with_operator{.backend = "sqlite",
                             .clients = {{"a-pool", R"("share.write", "block.write", "query.own")", "a-pool"},
                                         {"operator", R"("query.all", "admin")", "office"}}};

// Within an hour, not at its edge.
std::uint64_t long_ago() {
    static const std::uint64_t time = (milliseconds_now() - 40 * day) / hour * hour + hour / 2;
    return time;
}

// As a role would have stored it forty days ago: shares, of which one found a block, and what they belong to. The
// stores of all backends are made the same way; only one with a file can be handed to a role.
void fill(const std::filesystem::path& file) {
    auto store = storage::open({.backend = "sqlite", .database_path = file}).value();
    const auto attachment = store->attach({.identity = "a-pool", .stream_id = 1}, "a-pool").value();
    Records records = shares(1, old_shares);
    BatchAcknowledgment batch;
    batch.channel_id.text = "1.1.1.1";
    records.push_back(bytes_of(block(old_shares)));
    records.push_back(bytes_of(batch));
    const storage::Submission submissions[]{{.stream = attachment.stream,
                                             .epoch = attachment.epoch,
                                             .first_sequence = 1,
                                             .records = std::move(records),
                                             .received_at = long_ago()}};
    REQUIRE(store->commit(submissions).value().front().has_value());
    REQUIRE(store->close().has_value());
}

std::shared_ptr<Premises> premises_with_old_records() {
    auto premises = std::make_shared<Premises>();
    fill(premises->folder.path() / "stratum_storage.db");
    return premises;
}

CleanupOldShares older_than(std::uint64_t time) {
    return {.request_id = 0, .older_than = time};
}

} // namespace

TEST_CASE("old shares are removed and counted, once; totals, blocks and what is younger stay, also over a restart") {
    const auto premises = premises_with_old_records();
    Totals before;
    const auto check_rest = [&](Client& client) {
        CHECK(client.stored_shares().size() == 3);
        CHECK(client.stored_records(all_of(RecordKind::batch_acknowledgment, "1.1.1.1")).empty());
        CHECK(client.stored_records(all_of(RecordKind::block, "1.1.1.1")).size() == 1);
        CHECK(client.ask<GetBlocksSuccess>(GetBlocks{}).blocks.items.size() == 1);
        CHECK(client.totals() == before);
        // Of the hour that is gone only its sums are left, whatever part of it is asked for.
        const auto begin = long_ago() - hour / 2;
        const auto check_hour = [&](const auto& answer) {
            CHECK(answer.start == begin);
            CHECK(answer.end == begin + hour - 1);
            CHECK(decode<Totals>(answer.totals.bytes).value().shares_accepted == old_shares);
        };
        check_hour(client.ask<GetTotalsSuccess>(
            GetTotals{.request_id = 0, .pool = {}, .start = long_ago() + 1, .end = long_ago() + 2}));
        check_hour(client.ask<GetChannelStatsSuccess>(GetChannelStats{
            .request_id = 0, .pool = {}, .channel_id = {"1.1.1.1"}, .start = long_ago() + 1, .end = long_ago() + 2}));
    };
    {
        Scene scene{with_operator, premises};
        auto client = scene.enter("a-pool");
        REQUIRE(client.granted.durable_sequence == old_shares + 2);
        client.go_on_from(old_shares + 3);
        client.store(shares(old_shares + 1, old_shares + 3));
        before = client.totals();
        CHECK(before.shares_accepted == old_shares + 3);
        auto person = scene.enter("operator", 0);
        CHECK(person.ask<CleanupOldSharesSuccess>(older_than(long_ago())).removed_shares == 0); // strictly older
        CHECK(person.ask<CleanupOldSharesSuccess>(older_than(long_ago() + 1)).removed_shares == old_shares);
        CHECK(person.ask<CleanupOldSharesSuccess>(older_than(long_ago() + 1)).removed_shares == 0);
        check_rest(client);
        scene.check_others_go_on();
    }
    Scene scene{with_operator, premises};
    auto client = scene.enter("a-pool");
    check_rest(client);
    CHECK(scene.process.output().find("unread") == std::string::npos);
    client.go_on_from(1);
    client.store(
        shares(500, 600)); // other bytes than were stored under these numbers: removed, and acknowledged unread
    CHECK(client.verdicts().empty());
    CHECK(client.totals() == before);
    CHECK(scene.logs(client.peer, "a-pool, stream 0000000000000001: numbers 1 to 101 are acknowledged unread, "
                                  "retention has gone past them; 101 in this session"));
    scene.check_others_go_on();
}

TEST_CASE("storing, and the removing of what is old at the same time, lose nothing of each other") {
    Scene scene{with_operator, premises_with_old_records()};
    auto client = scene.enter("a-pool");
    auto person = scene.enter("operator", 0);
    std::jthread cleaner{
        [&] { CHECK(person.ask<CleanupOldSharesSuccess>(older_than(long_ago() + day)).removed_shares == old_shares); }};
    client.go_on_from(old_shares + 3);
    for (std::uint64_t number = 1; number <= 100; ++number)
        client.store(shares(old_shares + number, old_shares + number));
    cleaner.join();
    CHECK(client.stored_shares().size() == 100);
    CHECK(client.totals().shares_accepted == old_shares + 100);
    scene.check_others_go_on();
}

TEST_CASE("what is less than 72 hours old may not be removed, because it tells duplicates") {
    Scene scene{with_operator};
    auto person = scene.enter("operator", 0);
    for (const std::uint64_t time : {milliseconds_now() - 71 * hour, milliseconds_now(), ~std::uint64_t{0}}) {
        person.peer.send(CleanupOldShares{.request_id = 5, .older_than = time});
        const auto error = person.receive<Error>();
        CHECK(error.request_id == 5);
        CHECK(error.code.text == "invalid-request");
        CHECK(error.detail.text.find("72 hours") != std::string::npos);
    }
    CHECK(person.ask<CleanupOldSharesSuccess>(older_than(milliseconds_now() - 73 * hour)).removed_shares == 0);
    CHECK(person.ask<CleanupOldSharesSuccess>(older_than(0)).removed_shares == 0);
    scene.check_others_go_on();
}

TEST_CASE("without the permission admin nobody may remove anything") {
    Scene scene{with_operator};
    auto client = scene.enter("a-pool");
    client.peer.send(CleanupOldShares{.request_id = 5, .older_than = 0});
    const auto error = client.receive<Error>();
    CHECK(error.request_id == 0);
    CHECK(error.code.text == "not-permitted");
    CHECK(client.peer.is_closed());
    CHECK(scene.logs(client.peer, "refused in phase open: not-permitted: CleanupOldShares"));
    scene.check_others_go_on();
}
