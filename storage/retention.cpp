#include "storage/retention.hpp"

#include "storage/integrity.hpp"

namespace storage {

bool outlives(const LogEntry& entry, Position last_report) {
    if (!entry.content) return false;
    switch (kind_of(entry.content->record)) {
    case protocol::RecordKind::block:
    case protocol::RecordKind::block_status:
    case protocol::RecordKind::solution:
    case protocol::RecordKind::accounting_deleted: return true;
    case protocol::RecordKind::share:
        return share_of(entry)->outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found);
    case protocol::RecordKind::share_accounting: return entry.position == last_report;
    case protocol::RecordKind::batch_acknowledgment:
    case protocol::RecordKind::declared_job:
    case protocol::RecordKind::lost: return false;
    }
    return false;
}

} // namespace storage
