#include "clients/cpp/backlog.hpp"

#include <algorithm>
#include <utility>

namespace client {

namespace {

constexpr std::size_t message_overhead = 8 + 2; // first_sequence, and the length of the sequence
constexpr std::size_t record_overhead = 3;      // the length of B0_16M
constexpr std::size_t in_flight_overhead = 64;  // what the role adds for each record

} // namespace

std::optional<std::uint64_t> Backlog::add(protocol::Bytes record) {
    if (is_full()) return std::nullopt;
    records_.push_back({.bytes = std::move(record)});
    return last_numbered();
}

std::expected<std::optional<protocol::StoreRecords>, SendError> Backlog::next(const SendLimits& limits) {
    if (sent_ == records_.size()) return std::nullopt;
    const std::size_t most = std::min({records_.size() - sent_, limits.records_per_message,
                                       std::size_t{protocol::Seq0_64K<protocol::B0_16M>::max_size}});
    std::size_t count = 0;
    std::size_t payload = message_overhead;
    while (count < most) {
        const std::size_t longer = payload + record_overhead + records_[sent_ + count].bytes.size();
        const std::size_t soft_limit = count == 0 ? limits.max_frame : limits.bytes_per_message;
        const bool is_first_under_way = under_way_.empty() && count == 0; // may be larger than the window
        const std::size_t cost = longer + in_flight_overhead * (count + 1);
        if (longer > std::min(soft_limit, limits.max_frame) ||
            (!is_first_under_way && in_flight_ + cost > limits.max_in_flight))
            break;
        payload = longer;
        ++count;
    }
    if (count == 0) {
        // With nothing under way the record is larger than a frame: no acknowledgment will make room.
        if (under_way_.empty()) return std::unexpected(SendError::limits_too_small);
        return std::nullopt;
    }

    protocol::StoreRecords message{.first_sequence = last_acknowledged_ + sent_ + 1, .records = {}};
    const auto first = records_.begin() + static_cast<std::ptrdiff_t>(sent_);
    message.records.items.assign(first, first + static_cast<std::ptrdiff_t>(count));
    sent_ += count;
    const std::size_t cost = payload + in_flight_overhead * count;
    in_flight_ += cost;
    under_way_.push_back({.last_sequence = last_acknowledged_ + sent_, .cost = cost});
    return message;
}

std::expected<void, AcknowledgmentError> Backlog::acknowledge(std::uint64_t durable_sequence) {
    if (durable_sequence < last_acknowledged_) return std::unexpected(AcknowledgmentError::goes_back);
    const std::uint64_t count = durable_sequence - last_acknowledged_;
    if (count > sent_) return std::unexpected(AcknowledgmentError::never_sent);
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
    sent_ -= count;
    last_acknowledged_ = durable_sequence;
    for (; !under_way_.empty() && under_way_.front().last_sequence <= durable_sequence; under_way_.pop_front())
        in_flight_ -= under_way_.front().cost;
    return {};
}

void Backlog::rewind() {
    under_way_.clear();
    in_flight_ = 0;
    sent_ = 0;
}

void Backlog::renumber() {
    rewind();
    last_acknowledged_ = 0;
}

} // namespace client
