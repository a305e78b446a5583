#include "clients/mock_pool/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <variant>

namespace mock_pool {

namespace {

constexpr std::size_t max_examples = 10;

std::uint64_t digest_of(protocol::ByteView bytes) {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Leading zero bits are in the last bytes: the first ones tell hashes apart.
std::uint64_t start_of(const protocol::U256& hash) {
    return protocol::Reader{hash.bytes}.take_integer<8>();
}

// Empty for those that belong to no channel.
std::string_view channel_of(const protocol::AnyRecord& record) {
    return std::visit(
        []<class R>(const R& one) -> std::string_view {
            if constexpr (protocol::ChannelRecord<R>) return one.channel_id.text;
            return {};
        },
        record);
}

// Of the records that tell of a block.
std::optional<protocol::U256> block_hash_of(const protocol::AnyRecord& record) {
    if (const auto* const block = std::get_if<protocol::Block>(&record)) return block->share_hash;
    if (const auto* const share = std::get_if<protocol::Share>(&record)) return share->share_hash;
    return std::nullopt;
}

std::optional<protocol::Verdict> verdict_of(std::string_view code) {
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(protocol::last_verdict); ++i)
        if (protocol::to_text(static_cast<protocol::Verdict>(i)) == code) return static_cast<protocol::Verdict>(i);
    return std::nullopt;
}

Work wide(std::uint64_t high, std::uint64_t low) {
    return static_cast<Work>(high) << 64U | low;
}

} // namespace

bool Ledger::apply(const JournalEntry& entry) {
    return std::visit([this](const auto& one) { return apply_one(one); }, entry);
}

bool Ledger::apply_one(const LifeBegan& entry) {
    ++lives_;
    streams_.emplace_back().id = entry.stream_id;
    return true;
}

bool Ledger::apply_one(const StreamReplaced& entry) {
    if (streams_.empty()) return false;
    Stream& before = streams_.back();
    const auto moved = std::span{before.records}.subspan(before.acknowledged);
    Stream after{.id = entry.stream_id, .records = {moved.begin(), moved.end()}};
    before.records.resize(before.acknowledged);
    streams_.push_back(std::move(after));
    was_store_replaced_ = true;
    return true;
}

bool Ledger::apply_one(const StoreMet& entry) {
    last_store_ = entry;
    return true;
}

bool Ledger::apply_one(const RecordSent& entry) {
    if (streams_.empty() || entry.sequence != next_sequence() || entry.bytes.bytes.empty()) return false;
    streams_.back().records.push_back({.digest = digest_of(entry.bytes.bytes), .is_duplicate = entry.is_duplicate});
    return true;
}

bool Ledger::apply_one(const VerdictGiven& entry) {
    const auto verdict = verdict_of(entry.entry.code.text);
    if (streams_.empty() || entry.entry.sequence == 0 || entry.entry.sequence >= next_sequence() || !verdict)
        return false;
    Record& record = streams_.back().records[entry.entry.sequence - 1];
    if (record.verdict != protocol::Verdict::stored) return false;
    record.verdict = *verdict;
    ++refused_[entry.entry.code.text];
    if (!record.is_duplicate || *verdict != protocol::Verdict::duplicate_share) ++refused_by_mistake_;
    return true;
}

bool Ledger::apply_one(const RecordsAcknowledged& entry) {
    if (streams_.empty() || entry.durable_sequence >= next_sequence()) return false;
    streams_.back().acknowledged = entry.durable_sequence;
    return true;
}

std::uint64_t Ledger::next_sequence() const {
    return streams_.empty() ? 1 : streams_.back().records.size() + 1;
}

std::uint64_t Ledger::sent() const {
    std::uint64_t sum = 0;
    for (const Stream& stream : streams_) sum += stream.records.size();
    return sum;
}

std::uint64_t Ledger::acknowledged() const {
    std::uint64_t sum = 0;
    for (const Stream& stream : streams_) sum += stream.acknowledged;
    return sum;
}

Ledger::Stream* Ledger::find(std::uint64_t stream_id) {
    const auto found = std::ranges::find(streams_, stream_id, &Stream::id);
    return found == streams_.end() ? nullptr : &*found;
}

void Ledger::note(std::string example) {
    if (findings_.examples.size() < max_examples) findings_.examples.push_back(std::move(example));
}

void Ledger::count(Sum& sum, std::uint64_t position, const protocol::AnyRecord& record) {
    const auto keep_first = [&](std::uint64_t& first) { first = first == 0 ? position : std::min(first, position); };
    if (const auto* const share = std::get_if<protocol::Share>(&record)) {
        if (share->accepted == 0) {
            ++sum.rejected;
            return;
        }
        ++sum.accepted;
        sum.work += share->share_work;
        counted_hashes_.push_back(start_of(share->share_hash));
        if (share->outcome != static_cast<std::uint8_t>(protocol::Outcome::block_found)) return;
        ++sum.blocks;
        keep_first(blocks_[share->share_hash.bytes].share);
    } else if (const auto* const block = std::get_if<protocol::Block>(&record)) {
        keep_first(blocks_[block->share_hash.bytes].block);
    } else if (const auto* const status = std::get_if<protocol::BlockStatus>(&record)) {
        FoundBlock& found = blocks_[status->share_hash.bytes];
        if (found.status_position > position) return;
        found.status_position = position;
        found.status = status->status;
        found.status_timestamp = status->timestamp;
    } else if (std::holds_alternative<protocol::ShareAccounting>(record)) {
        sum.last_report = std::max(sum.last_report, position);
    }
}

void Ledger::see_record(const protocol::StoredRecord& stored, std::string_view channel_id) {
    const auto name = [&] { return fmt::format("record {} of stream {:016x}", stored.sequence, stored.stream_id); };
    const auto read = protocol::read_record(stored.record.bytes);
    Sum& sum = sums_.try_emplace(std::string{channel_id}).first->second;
    if (read && stored.verdict.text.empty())
        count(sum, stored.position, read->record);
    else if (stored.verdict.text == protocol::to_text(protocol::Verdict::duplicate_share))
        ++sum.duplicate;

    Stream* const stream = find(stored.stream_id);
    if (stream == nullptr || stored.sequence == 0 || stored.sequence > stream->records.size()) {
        ++findings_.phantom;
        if (stream != nullptr) ++stream->phantoms;
        return note(name() + " was never sent");
    }
    Record& record = stream->records[stored.sequence - 1];
    if (std::exchange(record.is_seen, true)) {
        ++findings_.doubled;
        note(name() + " is stored twice");
    } else if (!read || record.digest != digest_of(stored.record.bytes) || channel_of(read->record) != channel_id) {
        ++findings_.altered;
        note(name() + " has other bytes than were sent");
    } else if (stored.sequence <= stream->acknowledged && stored.verdict.text != protocol::to_text(record.verdict)) {
        ++findings_.altered;
        note(fmt::format("{} was acknowledged with the verdict '{}' and has '{}'", name(),
                         protocol::to_text(record.verdict), stored.verdict.text));
    }
}

void Ledger::see_block(const protocol::FoundBlock& found) {
    const auto stored = protocol::decode<protocol::StoredRecord>(found.record.bytes);
    const auto read = stored ? protocol::read_record(stored->record.bytes) : std::unexpected{protocol::Verdict{}};
    const auto hash = read ? block_hash_of(read->record) : std::nullopt;
    const auto known = hash ? blocks_.find(hash->bytes) : blocks_.end();
    if (known == blocks_.end() || (known->second.block == 0 && known->second.share == 0)) {
        ++findings_.phantom;
        return note("a block is listed that no record tells of");
    }
    FoundBlock& block = known->second;
    if (std::exchange(block.is_seen, true)) {
        ++findings_.doubled;
        return note("a block is listed twice");
    }
    const bool has_status = block.status_position != 0;
    if (stored->position == (block.block != 0 ? block.block : block.share) && found.status == block.status &&
        found.status_timestamp == (has_status ? std::optional{block.status_timestamp} : std::nullopt))
        return;
    ++findings_.altered;
    note(fmt::format("the block at position {} is listed with the record at {} and the status {}, which should be {}",
                     block.block, stored->position, found.status, block.status));
}

void Ledger::see_report(std::string_view channel_id, const std::optional<protocol::StoredRecord>& reported) {
    const std::uint64_t position = reported ? reported->position : 0;
    const Sum& sum = sums_.try_emplace(std::string{channel_id}).first->second;
    if (position == sum.last_report) return;
    ++findings_.altered;
    note(fmt::format("channel {}: the last report is said to be at position {}, and is at {}", channel_id, position,
                     sum.last_report));
}

void Ledger::see_drift(std::string_view channel_id) {
    if (was_store_replaced_) return;
    ++findings_.altered;
    note(fmt::format("channel {}: the report of the pool differs from the totals at its position", channel_id));
}

bool Ledger::compare(std::string_view what, const Sum& sum, const protocol::Totals& totals) {
    bool agree = true;
    const auto count = [&](std::string_view name, Work listed, Work total, std::uint64_t by) {
        if (listed == total) return;
        agree = false;
        (total > listed ? findings_.doubled : findings_.lost) += by;
        note(fmt::format("{}: {} adds up to {} in its shares, and the totals say {}", what, name, listed, total));
    };
    const auto distance = [](std::uint64_t one, std::uint64_t other) {
        return std::max(one, other) - std::min(one, other);
    };
    count("accepted", sum.accepted, totals.shares_accepted, distance(sum.accepted, totals.shares_accepted));
    count("rejected", sum.rejected, totals.shares_rejected, distance(sum.rejected, totals.shares_rejected));
    count("duplicate", sum.duplicate, totals.shares_duplicate, distance(sum.duplicate, totals.shares_duplicate));
    count("blocks", sum.blocks, totals.blocks_found, distance(sum.blocks, totals.blocks_found));
    count("work", sum.work, wide(totals.share_work_sum_high, totals.share_work_sum_low), 1);
    return agree;
}

void Ledger::see_channel_totals(std::string_view channel_id, const protocol::Totals& totals) {
    const Sum& sum = sums_.try_emplace(std::string{channel_id}).first->second;
    if (!compare(fmt::format("channel {}", channel_id), sum, totals)) do_channels_agree_ = false;
}

void Ledger::see_pool_totals(const protocol::Totals& totals) {
    findings_.accepted = totals.shares_accepted;
    if (!do_channels_agree_) return; // counted already
    Sum sum;
    for (const auto& [channel_id, channel] : sums_) {
        sum.accepted += channel.accepted;
        sum.rejected += channel.rejected;
        sum.duplicate += channel.duplicate;
        sum.work += channel.work;
        sum.blocks += channel.blocks;
    }
    compare("the pool", sum, totals);
}

void Ledger::see_stream(const protocol::StreamState& stored) {
    Stream* const stream = find(stored.stream_id);
    if (stream != nullptr) {
        stream->durable = stored.durable_sequence;
    } else if (stored.durable_sequence > 0) {
        findings_.phantom += stored.durable_sequence;
        note(fmt::format("stream {:016x} is not of this journal", stored.stream_id));
    }
}

void Ledger::check_blocks() {
    for (const auto& [hash, block] : blocks_) {
        if (block.is_seen || (block.block == 0 && block.share == 0)) continue;
        ++findings_.lost;
        note(fmt::format("the block at position {} is not listed", std::max(block.block, block.share)));
    }
}

Findings Ledger::findings() {
    for (const Stream& stream : streams_) {
        for (std::size_t i = 0; i < stream.records.size(); ++i) {
            if (stream.records[i].is_seen) ++findings_.stored;
            if (stream.records[i].is_seen || i >= stream.acknowledged) continue;
            ++findings_.lost;
            note(fmt::format("record {} of stream {:016x} was acknowledged and is not stored", i + 1, stream.id));
        }
        if (stream.durable > stream.records.size() + stream.phantoms)
            findings_.phantom += stream.durable - stream.records.size() - stream.phantoms;
    }
    check_blocks();
    std::ranges::sort(counted_hashes_);
    for (std::size_t i = 1; i < counted_hashes_.size(); ++i) {
        if (counted_hashes_[i] != counted_hashes_[i - 1]) continue;
        ++findings_.doubled;
        note(fmt::format("a share whose hash starts with {:016x} counts twice", counted_hashes_[i]));
    }
    return findings_;
}

} // namespace mock_pool
