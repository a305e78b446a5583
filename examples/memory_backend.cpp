// The memory backend: stores the mock data, asks every question, shows that a share counts once, and that nothing is
// left when the storage is closed. For tests and for trying things out; the fastest there is, and it keeps nothing.
#include "examples/mock_data.hpp"
#include "examples/program.hpp"
#include "examples/share_accounting_storage.hpp"
#include "examples/tour.hpp"

#include <fmt/format.h>

namespace {

using namespace examples;

void run() {
    const MockData data = make_mock_data(now());
    ShareAccountingStorage storage{backend("memory")};
    must(storage.initialize());

    store_each(storage, data);
    fmt::print("stored: {} shares, {} blocks, {} batch acknowledgments, {} reports\n", data.shares.size(),
               data.blocks.size(), data.batch_acknowledgments.size(), data.reports.size());
    fmt::print("{}", answers(storage, data));

    // A pool that sends an accepted share a second time, whatever the reason, is not paid twice.
    const auto again = must(storage.store_share_record(data.shares.at(1)));
    fmt::print("the same share again: {}, still {} shares\n", protocol::to_text(again),
               must(storage.get_total_shares()));

    const auto begin = data.shares.front().timestamp;
    const storage::Range first_minutes{.start = begin, .end = begin + 299'999}; // inclusive, in milliseconds
    fmt::print("in the first five minutes: {} shares\n", must(storage.get_total_shares(first_minutes)));

    // Without the pool's own report the accounting is what the shares add up to.
    must(storage.delete_share_accounting("channel_mining_001"));
    const auto derived = must(storage.get_share_accounting("channel_mining_001")).value();
    fmt::print("the report of channel_mining_001 deleted: {} shares accepted, work {}\n", derived.shares_accepted,
               derived.share_work_sum.low);

    const StorageHealth health = storage.health_check();
    fmt::print("health: {}, {}, {}\n", health.is_healthy ? "healthy" : "not healthy", health.backend_type,
               health.connection_status);

    // Retention. Three shares found a block and stay; the one that was sent again goes, too.
    const auto removed = must(storage.cleanup_old_shares(now() + 1));
    fmt::print("what came until now removed: {} records of shares; all channels: still {} shares\n", removed,
               must(storage.get_total_shares()));

    must(storage.close());
    must(storage.initialize());
    fmt::print("after closing and opening again: {} shares\n", must(storage.get_total_shares()));
    must(storage.close());
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Shows the memory backend.", "memory_backend"};
    return examples::run_program(app, argc, argv, run);
}
