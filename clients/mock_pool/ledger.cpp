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
    return protocol::Reader{hash.bytes}.take_integer(8);
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
    return true;
}

bool Ledger::apply_one(const StoreMet& entry) {
    last_store_ = entry;
    return true;
}

bool Ledger::apply_one(const RecordSent& entry) {
    if (streams_.empty() || entry.sequence != next_sequence() || entry.bytes.bytes.empty()) return false;
    streams_.back().records.push_back({.digest = digest_of(entry.bytes.bytes),
                                       .kind = static_cast<protocol::RecordKind>(entry.bytes.bytes.front()),
                                       .is_duplicate = entry.is_duplicate});
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

void Ledger::see_share(const protocol::StoredRecord& stored, std::string_view channel_id) {
    const auto name = [&] { return fmt::format("record {} of stream {:016x}", stored.sequence, stored.stream_id); };
    const auto read = protocol::read_record(stored.record.bytes);
    const auto* const share = read ? std::get_if<protocol::Share>(&read->record) : nullptr;
    Sum& sum = sums_.try_emplace(std::string{channel_id}).first->second;
    if (share != nullptr && stored.verdict.text.empty() && share->accepted == 1) {
        ++sum.accepted;
        sum.work += share->share_work;
        counted_hashes_.push_back(start_of(share->share_hash));
        if (share->outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found)) ++sum.blocks;
    } else if (share != nullptr && stored.verdict.text.empty()) {
        ++sum.rejected;
    } else if (stored.verdict.text == protocol::to_text(protocol::Verdict::duplicate_share)) {
        ++sum.duplicate;
    }

    Stream* const stream = find(stored.stream_id);
    if (stream == nullptr || stored.sequence == 0 || stored.sequence > stream->records.size()) {
        ++findings_.phantom;
        if (stream != nullptr) ++stream->phantom_shares;
        return note(name() + " was never sent");
    }
    Record& record = stream->records[stored.sequence - 1];
    if (std::exchange(record.is_seen, true)) {
        ++findings_.doubled;
        note(name() + " is stored twice");
    } else if (record.digest != digest_of(stored.record.bytes) || share == nullptr ||
               share->channel_id.text != channel_id) {
        ++findings_.altered;
        note(name() + " has other bytes than were sent");
    } else if (stored.sequence <= stream->acknowledged && stored.verdict.text != protocol::to_text(record.verdict)) {
        ++findings_.altered;
        note(fmt::format("{} was acknowledged with the verdict '{}' and has '{}'", name(),
                         protocol::to_text(record.verdict), stored.verdict.text));
    }
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

Findings Ledger::findings() {
    for (const Stream& stream : streams_) {
        for (std::size_t i = 0; i < stream.records.size(); ++i) {
            const Record& record = stream.records[i];
            // Only shares are listed; of the others the role tells how far the stream has come.
            const bool is_stored = record.kind == protocol::RecordKind::share ? record.is_seen : i < stream.durable;
            if (is_stored) ++findings_.stored;
            if (is_stored || i >= stream.acknowledged) continue;
            ++findings_.lost;
            note(fmt::format("record {} of stream {:016x} was acknowledged and is not stored", i + 1, stream.id));
        }
        if (stream.durable > stream.records.size() + stream.phantom_shares)
            findings_.phantom += stream.durable - stream.records.size() - stream.phantom_shares;
    }
    std::ranges::sort(counted_hashes_);
    for (std::size_t i = 1; i < counted_hashes_.size(); ++i) {
        if (counted_hashes_[i] != counted_hashes_[i - 1]) continue;
        ++findings_.doubled;
        note(fmt::format("a share whose hash starts with {:016x} counts twice", counted_hashes_[i]));
    }
    return findings_;
}

} // namespace mock_pool
