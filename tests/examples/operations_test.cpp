// Each operation of the storage crate before this project, by its name, over the mock data and every backend that is
// built and needs no server, which PostgreSQL does: what docs/reference-mapping.md promises of it.
#include "examples/mock_data.hpp"
#include "examples/questions.hpp"
#include "examples/share_accounting_storage.hpp"
#include "storage/faulty_engine.hpp"
#include "storage/log_store.hpp"
#include "storage/memory/memory_engine.hpp"
#include "storage/open.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace examples;
using protocol::Verdict;

namespace {

template <class T> T must(Result<T> result) {
    if (!result) throw std::runtime_error{result.error()};
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

constexpr storage::Milliseconds second = 1000;

// A storage with all of the mock data.
struct Scene {
    explicit Scene(const std::string& name)
        : is_volatile{name == "memory"},
          storage{backend(name, folder.path() / "store")} {
        must(storage.initialize());
        for (const Verdict verdict : must(storage.store_batch(in_order(data)))) REQUIRE(verdict == Verdict::stored);
    }

    [[nodiscard]] std::vector<protocol::Share> shares_of(const std::string& channel) const { // newest first
        std::vector<protocol::Share> shares;
        std::ranges::copy_if(data.shares, std::back_inserter(shares),
                             [&](const auto& share) { return share.channel_id.text == channel; });
        std::ranges::reverse(shares);
        return shares;
    }

    support::TemporaryFolder folder;
    bool is_volatile;
    MockData data = make_mock_data(now());
    ShareAccountingStorage storage;
};

void over_each_backend(const std::function<void(Scene&)>& check) {
    for (const storage::Backend& built : storage::backends()) {
        if (!built.missing.empty() || built.name == "postgres") continue;
        const std::string name{built.name};
        CAPTURE(name);
        Scene scene{name};
        check(scene);
    }
}

// Another one than all of the mock data.
protocol::Share new_share(const Scene& scene) {
    protocol::Share share = scene.shares_of("channel_mining_001").front();
    share.sequence_number = 11;
    share.share_hash.bytes.at(20) = 0x77;
    share.timestamp += second;
    return share;
}

const std::string nobody = "nobody's channel";

} // namespace

TEST_CASE("the data set is the reference's") {
    const storage::Milliseconds now = 1'800'000'000'000;
    const auto data = make_mock_data(now);
    const struct {
        std::string id;
        std::uint64_t first_work;
        std::uint64_t step; // from one share's work to the next
    } channels[]{{"channel_mining_001", 1000, 100},
                 {"channel_mining_002", 2000, 150},
                 {"channel_extended_001", 5000, 200},
                 {"channel_standard_001", 5000, 200},
                 {"channel_standard_002", 5000, 200}};
    std::vector<std::string> ids;
    auto share = data.shares.begin();
    auto batch = data.batch_acknowledgments.begin();
    auto report = data.reports.begin();
    REQUIRE(data.shares.size() == 70);
    REQUIRE(data.batch_acknowledgments.size() == 15);
    REQUIRE(data.reports.size() == 5);
    for (std::uint64_t i = 0; i < 5; ++i, ++report) {
        const auto& [id, first_work, step] = channels[i];
        ids.push_back(id);
        for (std::uint64_t k = 0; k < 10 + 2 * i; ++k, ++share) {
            const auto sequence = k + 1;
            CAPTURE(id);
            CAPTURE(sequence);
            CHECK(share->channel_id.text == id);
            CHECK(share->sequence_number == sequence);
            CHECK(share->label.text == "share_" + id + "_" + std::to_string(sequence));
            CHECK(share->accepted == (k == 0 || k == 7 || k == 14 ? 0 : 1));
            CHECK(share->share_work == first_work + step * k);
            CHECK(std::bit_cast<double>(share->difficulty) == static_cast<double>(first_work + step * k) / 1000);
            CHECK(share->timestamp == now - 1'800'000 + 300 * second * i + 30 * second * k);
        }
        for (int n = 0; n < 3; ++n, ++batch) {
            CHECK(batch->channel_id.text == id);
            CHECK(batch->label.text == "batch_" + id + "_" + std::to_string(n));
        }
        CHECK(report->channel_id.text == id);
        CHECK(report->shares_accepted == 50 * (i + 1));
        CHECK(report->share_work_sum == 1'000'000 * (i + 1));
    }
    CHECK(data.channels == ids);
    CHECK(std::ranges::count(data.shares, 0, &protocol::Share::accepted) == 12);
    std::vector<std::pair<std::string, std::string>> blocks;
    for (const auto& block : data.blocks) blocks.emplace_back(block.label.text, block.channel_id.text);
    CHECK(blocks == std::vector<std::pair<std::string, std::string>>{{"block_12345", "channel_mining_001"},
                                                                     {"block_12346", "channel_extended_001"},
                                                                     {"block_12347", "channel_mining_002"}});
    CHECK(in_order(data).size() == 93);
}

TEST_CASE("what the comparison of backends asks") {
    over_each_backend([](Scene& scene) {
        const std::size_t names = 5;         // of channels
        const std::size_t blocks = 3 + 3;    // of all, and channel by channel
        const std::size_t accounts = 5;      // one a channel
        const std::size_t shares = 5 * 10;   // the newest ten, which each channel has
        const std::size_t seen = 5;          // one accepted hash a channel
        const std::size_t batches = 5 * 3;   // all of them
        const std::size_t counted = 70 + 70; // channel by channel, and in all
        const std::size_t work = 303'650;    // of accepted shares: 11800 + 28850 + 76800 + 84800 + 101400
        const std::size_t healthy = 1;
        CHECK(ask(scene.storage, make_questions(scene.data)) ==
              names + blocks + accounts + shares + seen + batches + counted + work + healthy);
    });
}

TEST_CASE("initialize") {
    over_each_backend([](Scene& scene) {
        // Once more: the next number of the stream is the one after the last.
        must(scene.storage.initialize());
        CHECK(must(scene.storage.store_share_record(new_share(scene))) == Verdict::stored);
        CHECK(scene.storage.store().position() == 94);

        ShareAccountingStorage nowhere{backend("nonesuch")};
        const auto failed = nowhere.initialize();
        REQUIRE(!failed);
        CHECK(failed.error().find("no backend is named 'nonesuch'") != std::string::npos);
        CHECK(nowhere.get_total_shares() == std::unexpected("the storage is not initialized, or is closed"));
    });
}

TEST_CASE("close") {
    over_each_backend([](Scene& scene) {
        must(scene.storage.close());
        CHECK(!scene.storage.get_total_shares());
        CHECK(!scene.storage.store_share_record(new_share(scene)));
        CHECK(!scene.storage.close());
        must(scene.storage.initialize());
        CHECK(must(scene.storage.get_total_shares()) == (scene.is_volatile ? 0U : 70U));
    });
}

TEST_CASE("store_share_accounting") {
    over_each_backend([](Scene& scene) {
        protocol::ShareAccounting report = scene.data.reports.front();
        report.shares_accepted = 9;
        report.rejects.items.push_back(
            {protocol::encode(protocol::RejectCount{.error_code = {"stale-share"}, .count = 2}).value()});
        CHECK(must(scene.storage.store_share_accounting(report)) == Verdict::stored);
        CHECK(must(scene.storage.get_share_accounting("channel_mining_001"))->shares_accepted == 9);
        // It counts in no total.
        CHECK(must(scene.storage.get_channel_stats("channel_mining_001")).accepted_shares == 8);

        report.rejects.items.push_back(report.rejects.items.front());
        CHECK(must(scene.storage.store_share_accounting(report)) == Verdict::invalid_record);
    });
}

TEST_CASE("get_share_accounting") {
    over_each_backend([](Scene& scene) {
        const auto reported = must(scene.storage.get_share_accounting("channel_mining_002"));
        REQUIRE(reported);
        CHECK(reported->source == Source::reported);
        CHECK(reported->channel_id == "channel_mining_002");
        CHECK(reported->shares_accepted == 100);
        CHECK(reported->share_work_sum == storage::Uint128{.low = 2'000'000, .high = 0});
        CHECK(reported->best_diff == 3.65);
        CHECK(reported->last_share_sequence_number == 12);
        CHECK(reported->last_updated == scene.data.reports.at(1).timestamp);
        CHECK(must(scene.storage.get_share_accounting(nobody)) == std::nullopt);
    });
}

TEST_CASE("delete_share_accounting") {
    over_each_backend([](Scene& scene) {
        CHECK(must(scene.storage.delete_share_accounting("channel_mining_001")) == Verdict::stored);
        const auto derived = must(scene.storage.get_share_accounting("channel_mining_001"));
        REQUIRE(derived);
        CHECK(derived->source == Source::derived);
        CHECK(derived->shares_accepted == 8);
        CHECK(derived->share_work_sum == storage::Uint128{.low = 11'800, .high = 0});
        CHECK(derived->best_diff == 1.9);
        CHECK(derived->last_share_sequence_number == 10);
        CHECK(derived->last_updated == scene.shares_of("channel_mining_001").front().timestamp);
        // Others, and the shares, are as they were; the next report counts again.
        CHECK(must(scene.storage.get_share_accounting("channel_mining_002"))->source == Source::reported);
        CHECK(must(scene.storage.get_total_shares()) == 70);
        must(scene.storage.store_share_accounting(scene.data.reports.front()));
        CHECK(must(scene.storage.get_share_accounting("channel_mining_001"))->source == Source::reported);
    });
}

TEST_CASE("list_channels") {
    over_each_backend([](Scene& scene) {
        CHECK(must(scene.storage.list_channels()) ==
              std::vector<std::string>{"channel_extended_001", "channel_mining_001", "channel_mining_002",
                                       "channel_standard_001", "channel_standard_002"});
    });
}

TEST_CASE("store_share_record") {
    over_each_backend([](Scene& scene) {
        const auto share = new_share(scene);
        CHECK(must(scene.storage.store_share_record(share)) == Verdict::stored);
        CHECK(must(scene.storage.get_share_records("channel_mining_001", {}, 1)).front() == share);
        CHECK(must(scene.storage.store_share_record(share)) == Verdict::duplicate_share);
        auto elsewhere = share; // the same work, claimed by another channel
        elsewhere.channel_id.text = "channel_mining_002";
        CHECK(must(scene.storage.store_share_record(elsewhere)) == Verdict::duplicate_share);
        CHECK(must(scene.storage.get_total_shares()) == 71);
    });
}

TEST_CASE("get_share_records") {
    over_each_backend([](Scene& scene) {
        const auto all = scene.shares_of("channel_extended_001");
        REQUIRE(all.size() == 14);
        const std::string channel = "channel_extended_001";
        const auto get = [&](const storage::Range& range, std::optional<std::size_t> limit = {}) {
            return must(scene.storage.get_share_records(channel, range, limit));
        };
        CHECK(get({}) == all);
        CHECK(get({}, 3) == std::vector(all.begin(), all.begin() + 3));
        CHECK(get({}, 0).empty());
        CHECK(get({}, 1000) == all);
        // Both bounds are inclusive.
        CHECK(get({.start = all[5].timestamp, .end = all[2].timestamp}) ==
              std::vector(all.begin() + 2, all.begin() + 6));
        CHECK(get({.start = all[5].timestamp + 1, .end = all[2].timestamp - 1}) ==
              std::vector(all.begin() + 3, all.begin() + 5));
        CHECK(get({.start = all[2].timestamp, .end = all[5].timestamp}).empty());
        CHECK(must(scene.storage.get_share_records(nobody)).empty());
        // What counts nowhere is left out, and does not use up the limit.
        auto again = all[1];
        again.timestamp = all[0].timestamp + 1;
        CHECK(must(scene.storage.store_share_record(again)) == Verdict::duplicate_share);
        CHECK(get({}, 2) == std::vector(all.begin(), all.begin() + 2));
    });
}

TEST_CASE("is_share_seen") {
    over_each_backend([](Scene& scene) {
        for (const protocol::Share& share : scene.data.shares) {
            CHECK(must(scene.storage.is_share_seen(share.channel_id.text, share.share_hash)) == (share.accepted != 0));
        }
        const auto accepted = scene.shares_of("channel_mining_001").front();
        CHECK(!must(scene.storage.is_share_seen("channel_mining_002", accepted.share_hash)));
        CHECK(!must(scene.storage.is_share_seen(nobody, accepted.share_hash)));
        CHECK(!must(scene.storage.is_share_seen("channel_mining_001", new_share(scene).share_hash)));
    });
}

TEST_CASE("cleanup_old_shares") {
    over_each_backend([](Scene& scene) {
        // By arrival, and all of this has just arrived: its timestamps are half an hour old.
        CHECK(must(scene.storage.cleanup_old_shares(scene.data.shares.front().timestamp + second)) == 0);
        CHECK(must(scene.storage.get_share_records("channel_mining_001")).size() == 10);
        // Shares that found a block stay, as blocks do.
        CHECK(must(scene.storage.cleanup_old_shares(now() + second)) == 67);
        CHECK(must(scene.storage.get_share_records("channel_standard_001")).empty());
        CHECK(must(scene.storage.get_share_records("channel_mining_001")).size() == 1);
        CHECK(must(scene.storage.get_batch_acknowledgments("channel_mining_001")).empty());
        CHECK(must(scene.storage.get_block_records()).size() == 3);
        CHECK(must(scene.storage.get_share_accounting("channel_mining_001"))->source == Source::reported);
        // What they added up to stays.
        CHECK(must(scene.storage.get_total_shares()) == 70);
        CHECK(must(scene.storage.get_total_work()) == storage::Uint128{.low = 303'650, .high = 0});
        CHECK(must(scene.storage.cleanup_old_shares(now() + second)) == 0);
    });
}

TEST_CASE("store_block_record") {
    over_each_backend([](Scene& scene) {
        protocol::Block block = scene.data.blocks.front();
        block.share_hash.bytes.at(20) = 0x55;
        block.label.text = "block_12348";
        block.timestamp = scene.data.reports.front().timestamp;
        CHECK(must(scene.storage.store_block_record(block)) == Verdict::stored);
        CHECK(must(scene.storage.get_block_records({}, 1)).front().block == block);
        CHECK(must(scene.storage.get_channel_stats("channel_mining_001")).blocks_found == 2);
        // The same block once more is no other.
        CHECK(must(scene.storage.store_block_record(block)) == Verdict::stored);
        CHECK(must(scene.storage.get_block_records()).size() == 4);
    });
}

TEST_CASE("get_block_records") {
    over_each_backend([](Scene& scene) {
        const auto labels = [&](const storage::Range& range, std::optional<std::size_t> limit = {}) {
            std::vector<std::string> found;
            for (const auto& [block, state] : must(scene.storage.get_block_records(range, limit))) {
                CHECK(state == protocol::BlockState::unknown);
                found.push_back(block.label.text);
            }
            return found;
        };
        using Labels = std::vector<std::string>;
        CHECK(labels({}) == Labels{"block_12346", "block_12347", "block_12345"});
        CHECK(labels({}, 2) == Labels{"block_12346", "block_12347"});
        CHECK(labels({}, 0).empty());
        const auto middle = scene.data.blocks.at(2).timestamp; // 12347
        CHECK(labels({.start = middle, .end = middle}) == Labels{"block_12347"});
        CHECK(labels({.start = middle + 1, .end = {}}) == Labels{"block_12346"});
        CHECK(labels({.start = {}, .end = middle - 1}) == Labels{"block_12345"});
        CHECK(must(scene.storage.get_block_records()).front().block == scene.data.blocks.at(1));
    });
}

TEST_CASE("get_channel_blocks") {
    over_each_backend([](Scene& scene) {
        const auto blocks = must(scene.storage.get_channel_blocks("channel_extended_001"));
        REQUIRE(blocks.size() == 1);
        CHECK(blocks.front().block == scene.data.blocks.at(1));
        CHECK(must(scene.storage.get_channel_blocks("channel_standard_001")).empty());
        CHECK(must(scene.storage.get_channel_blocks(nobody)).empty());
        CHECK(must(scene.storage.get_channel_blocks("")).empty());
    });
}

TEST_CASE("store_batch_acknowledgment") {
    over_each_backend([](Scene& scene) {
        protocol::BatchAcknowledgment batch = scene.data.batch_acknowledgments.front();
        batch.label.text = "another";
        batch.timestamp = scene.data.reports.front().timestamp;
        CHECK(must(scene.storage.store_batch_acknowledgment(batch)) == Verdict::stored);
        CHECK(must(scene.storage.get_batch_acknowledgments(batch.channel_id.text)).front() == batch);
        CHECK(must(scene.storage.get_total_shares()) == 70);
    });
}

TEST_CASE("get_batch_acknowledgments") {
    over_each_backend([](Scene& scene) {
        const std::string channel = "channel_standard_002";
        const auto all = must(scene.storage.get_batch_acknowledgments(channel));
        REQUIRE(all.size() == 3);
        CHECK(all.front() == scene.data.batch_acknowledgments.back());
        CHECK(all.back().label.text == "batch_channel_standard_002_0");
        CHECK(must(scene.storage.get_batch_acknowledgments(channel, {}, 1)) ==
              std::vector(all.begin(), all.begin() + 1));
        const storage::Range of_second{.start = all[1].timestamp, .end = all[1].timestamp};
        CHECK(must(scene.storage.get_batch_acknowledgments(channel, of_second)) ==
              std::vector(all.begin() + 1, all.begin() + 2));
        CHECK(must(scene.storage.get_batch_acknowledgments(nobody)).empty());
    });
}

TEST_CASE("get_total_shares") {
    over_each_backend([](Scene& scene) {
        CHECK(must(scene.storage.get_total_shares()) == 70);
        // Of all channels: the first 300 s are those of the first channel alone, and end with the second's first share.
        const auto begin = scene.data.shares.front().timestamp;
        CHECK(must(scene.storage.get_total_shares({.start = begin, .end = begin + 300 * second})) == 10 + 1);
        CHECK(must(scene.storage.get_total_shares({.start = {}, .end = begin - 1})) == 0);
    });
}

TEST_CASE("get_total_work") {
    over_each_backend([](Scene& scene) {
        CHECK(must(scene.storage.get_total_work()) == storage::Uint128{.low = 303'650, .high = 0});
        const auto begin = scene.data.shares.front().timestamp; // of a refused share
        CHECK(must(scene.storage.get_total_work({.start = begin, .end = begin + 60 * second})) ==
              storage::Uint128{.low = 1100 + 1200, .high = 0});
        // Past what 64 bits hold.
        auto share = new_share(scene);
        share.share_work = ~std::uint64_t{0};
        must(scene.storage.store_share_record(share));
        CHECK(must(scene.storage.get_total_work()) == storage::Uint128{.low = 303'649, .high = 1});
    });
}

TEST_CASE("get_channel_stats") {
    over_each_backend([](Scene& scene) {
        const auto shares = scene.shares_of("channel_standard_002");
        const auto stats = must(scene.storage.get_channel_stats("channel_standard_002"));
        CHECK(stats.total_shares == 18);
        CHECK(stats.accepted_shares == 15);
        CHECK(stats.rejected_shares == 3);
        CHECK(stats.total_work == storage::Uint128{.low = 101'400, .high = 0});
        CHECK(stats.blocks_found == 0);
        CHECK(stats.best_difficulty == 8.4);
        CHECK(stats.first_share_timestamp == shares.back().timestamp);
        CHECK(stats.last_share_timestamp == shares.front().timestamp);
        CHECK(must(scene.storage.get_channel_stats("channel_mining_001")).blocks_found == 1);

        const storage::Range last_two{.start = shares[1].timestamp, .end = shares[0].timestamp};
        const auto of_two = must(scene.storage.get_channel_stats("channel_standard_002", last_two));
        CHECK(of_two.total_shares == 2);
        CHECK(of_two.total_work.low == 8200 + 8400);
        CHECK(of_two.first_share_timestamp == shares[1].timestamp);
        CHECK(of_two.covered.start == last_two.start);
        CHECK(of_two.covered.end == last_two.end);

        const auto none = must(scene.storage.get_channel_stats(nobody));
        CHECK(none.total_shares == 0);
        CHECK(none.first_share_timestamp == std::nullopt);
    });
}

TEST_CASE("health_check") {
    over_each_backend([](Scene& scene) {
        const auto health = scene.storage.health_check();
        CHECK(health.is_healthy);
        CHECK(health.backend_type == scene.storage.store().backend());
        CHECK(health.connection_status == "connected");
        REQUIRE(health.last_operation_timestamp);
        CHECK(*health.last_operation_timestamp >= scene.data.reports.front().timestamp);
        CHECK(!health.error_message);
        must(scene.storage.close());
        CHECK(!scene.storage.health_check().is_healthy);
        CHECK(scene.storage.health_check().connection_status == "closed");
    });
}

TEST_CASE("health_check of a store that cannot write") {
    bool is_full = false;
    const auto fault = [&](std::string_view call, storage::Moment moment) -> std::optional<storage::StorageError> {
        if (!is_full || call != "write" || moment != storage::Moment::before) return std::nullopt;
        return storage::StorageError{.kind = storage::StorageError::Kind::full, .detail = "no room"};
    };
    ShareAccountingStorage adapter{[&]() -> storage::Result<std::unique_ptr<storage::Store>> {
        return storage::LogStore::open(
            std::make_unique<storage::FaultyEngine>(std::make_shared<storage::MemoryEngine>(), fault));
    }};
    must(adapter.initialize());
    const protocol::Share share = make_mock_data(now()).shares.front();
    is_full = true;
    CHECK(!adapter.store_share_record(share));
    CHECK(!adapter.health_check().is_healthy);
    CHECK(adapter.health_check().connection_status == "failed");
    CHECK(adapter.health_check().error_message == "no space: no room");
    is_full = false;
    CHECK(must(adapter.store_share_record(share)) == Verdict::stored);
    CHECK(adapter.health_check().is_healthy);
    CHECK(adapter.health_check().connection_status == "connected");
    CHECK(!adapter.health_check().error_message);
}
