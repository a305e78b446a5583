// Makes up records: the same for the same seed and life, but for their times.
#pragma once

#include "protocol/records.hpp"

#include <cstdint>
#include <vector>

namespace mock_pool {

struct MadeRecord {
    protocol::AnyRecord record;
    bool is_duplicate = false; // the role must give it the verdict duplicate-share
};

class RecordMaker {
  public:
    RecordMaker() = default;
    RecordMaker(const RecordMaker&) = delete;
    RecordMaker& operator=(const RecordMaker&) = delete;
    virtual ~RecordMaker() = default;

    // Appends the next share or job, and what follows from it. `timestamp` in ms.
    virtual void make(std::uint64_t timestamp, std::vector<MadeRecord>& out) = 0;

    // The store has lost what it had: nothing may refer to it any more.
    virtual void forget() = 0;
};

} // namespace mock_pool
