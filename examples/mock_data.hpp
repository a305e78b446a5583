// What all examples store: five channels with 70 shares, 12 of them refused, three blocks, three batch acknowledgments
// a channel, and a report a channel of what the pool itself has counted. The reports differ from what the shares add
// up to on purpose, so that one sees which of the two an answer is.
#pragma once

#include "protocol/records.hpp"
#include "storage/store.hpp"

#include <string>
#include <vector>

namespace examples {

struct MockData {
    std::vector<std::string> channels; // in the order in which they were opened
    std::vector<protocol::Share> shares;
    std::vector<protocol::Block> blocks; // each found by one of the shares
    std::vector<protocol::BatchAcknowledgment> batch_acknowledgments;
    std::vector<protocol::ShareAccounting> reports;
};

// The half hour before `now`.
MockData make_mock_data(storage::Milliseconds now);

storage::Milliseconds now();

// Everything, as a pool would send it.
std::vector<protocol::AnyRecord> in_order(const MockData& data);

} // namespace examples
