// The last shares that were accepted and acknowledged, as a journal tells it: the next life sends them again, and each
// must come back as a duplicate.
#pragma once

#include "clients/mock_pool/journal.hpp"
#include "protocol/records.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>

namespace mock_pool {

class RecentShares {
  public:
    void apply(const JournalEntry& entry);

    [[nodiscard]] const std::deque<protocol::Share>& shares() const { return shares_; }

  private:
    struct Pending {
        std::uint64_t sequence;
        bool is_duplicate;
        protocol::Bytes bytes;
    };

    void acknowledge(std::uint64_t durable_sequence);

    std::deque<Pending> pending_;
    std::set<std::uint64_t> judged_; // sequences with a verdict, until they are acknowledged
    std::deque<protocol::Share> shares_;
};

} // namespace mock_pool
