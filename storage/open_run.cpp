#include "storage/open_run.hpp"

#include <algorithm>
#include <iterator>

namespace storage {

void OpenRun::add(const LogEntry& entry, const Tally& record, std::uint32_t user) {
    if (is_empty()) {
        run_.first = entry.position;
        run_.first_received = entry.received_at;
    }
    run_.last = entry.position;
    run_.last_received = std::max(run_.last_received, entry.received_at);
    if (entry.content) hours_.add(entry, record, user);
}

void OpenRun::close(Transaction& transaction, const ChainLink& chain) const {
    transaction.runs.push_back(run_);
    transaction.runs.back().chain = chain;
    std::ranges::move(hours_.rows(run_.last), std::back_inserter(transaction.hours));
}

} // namespace storage
