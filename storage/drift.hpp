// Where a pool's own accounting and the records it sent do not agree.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"

namespace storage {

// Whether the report says something else than what the records up to it add up to.
bool differs(const protocol::ShareAccounting& report, const protocol::Totals& derived);

} // namespace storage
