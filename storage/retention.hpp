// What clean_up() leaves.
#pragma once

#include "storage/engine.hpp"

namespace storage {

// Whether the entry stays when its run is removed: blocks and what became of them, the shares and solutions that found
// them, deletions of reports, and the channel's last report, if it was not deleted: that at `last_report`.
bool outlives(const LogEntry& entry, Position last_report);

} // namespace storage
