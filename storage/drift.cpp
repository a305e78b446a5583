#include "storage/drift.hpp"

#include "protocol/codec.hpp"
#include "storage/work.hpp"

namespace storage {

namespace {

Uint128 sum_of_rejects(const protocol::ShareAccounting& report) {
    Uint128 sum;
    for (const protocol::B0_64K& item : report.rejects.items) {
        const auto reject = protocol::decode<protocol::RejectCount>(protocol::ByteView{item.bytes});
        if (reject) sum = saturating_sum(sum, {.low = reject->count, .high = 0});
    }
    return sum;
}

} // namespace

bool differs(const protocol::ShareAccounting& report, const protocol::Totals& derived) {
    return report.shares_accepted != derived.shares_accepted || report.share_work_sum != derived.share_work_sum_low ||
           derived.share_work_sum_high != 0 || report.best_difficulty != derived.best_difficulty ||
           report.blocks_found != derived.blocks_found ||
           report.last_share_sequence_number != derived.last_sequence_number ||
           sum_of_rejects(report) != Uint128{.low = derived.shares_rejected, .high = 0};
}

} // namespace storage
