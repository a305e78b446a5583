#include "storage/state.hpp"

#include "storage/drift.hpp"
#include "storage/integrity.hpp"

#include <algorithm>
#include <variant>

namespace storage {

namespace {

// The row's place among `size` rows numbered from 1 on: one of theirs, or the next.
template <class Row> Result<std::size_t> place_of(const Row& row, std::size_t size, std::string_view noun) {
    if (row.number == 0 || row.number > size + 1) {
        std::string detail{noun};
        detail.append(" number ").append(std::to_string(row.number)).append(" is out of order");
        return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
    }
    return row.number - 1;
}

// How many there are with these.
template <class Row>
Result<std::size_t> size_with(const std::vector<Row>& rows, std::size_t size, std::string_view noun) {
    for (const Row& row : rows) {
        const auto place = place_of(row, size, noun);
        if (!place) return std::unexpected(place.error());
        size = std::max(size, *place + 1);
    }
    return size;
}

const std::string& user_identity_of(const protocol::Share& share) {
    return share.user_identity.text;
}

} // namespace

Transaction behind(const Head& head) {
    Transaction transaction;
    transaction.expected = head;
    transaction.head = head;
    return transaction;
}

const Stream* State::stream(std::uint32_t number) const {
    return number == 0 || number > streams_.size() ? nullptr : &streams_[number - 1];
}

const Stream* State::stream(const StreamName& name) const {
    const auto found = stream_names_.find(name);
    return found == stream_names_.end() ? nullptr : stream(found->second);
}

const Channel* State::channel(std::uint32_t number) const {
    return number == 0 || number > channels_.size() ? nullptr : &channels_[number - 1];
}

const Channel* State::channel(std::string_view pool_name, std::string_view channel_id) const {
    const Pool* const in = pool(pool_name);
    if (in == nullptr) return nullptr;
    const auto found = in->channels.find(channel_id);
    return found == in->channels.end() ? nullptr : channel(found->second);
}

const Pool* State::pool(std::string_view name) const {
    const auto found = pool_names_.find(name);
    return found == pool_names_.end() ? nullptr : &pools_[found->second];
}

std::uint32_t State::user_of(const LogEntry& entry) const {
    const auto* share = share_of(entry);
    if (share == nullptr) return 0;
    const auto& users = pool_of(entry).users;
    const auto found = users.find(user_identity_of(*share));
    return found == users.end() ? 0 : found->second;
}

Tally State::tally_of(const LogEntry& entry) const {
    Tally tally;
    if (!entry.content) return tally;
    if (const auto* share = share_of(entry)) add(tally, *share, entry.verdict, entry.time, entry.position);
    if (pool_of(entry).blocks.has_told(entry)) tally.totals.blocks_found = 1;
    tally.records = 1;
    return tally;
}

Result<void> State::apply(const Transaction& written) {
    const auto streams = size_with(written.streams, streams_.size(), "stream");
    if (!streams) return std::unexpected(streams.error());
    const auto channels = size_with(written.channels, channels_.size(), "channel");
    if (!channels) return std::unexpected(channels.error());
    // Those of the tail have their numbers already.
    const auto users = size_with(written.users, users_.size(), "user");
    if (!users) return std::unexpected(users.error());
    for (const LogEntry& entry : written.entries) {
        if (entry.content && (entry.channel == 0 || entry.channel > *channels)) {
            return std::unexpected(corrupt_at(entry.position, "its channel is not known"));
        }
    }

    streams_.resize(*streams);
    channels_.resize(*channels);
    users_.resize(*users);
    put_rows(written);
    for (const LogEntry& entry : written.entries) count(entry);
    head_ = written.head;
    return {};
}

void State::put_rows(const Transaction& written) {
    for (const StreamRow& row : written.streams) {
        streams_[row.number - 1].row = row;
        stream_names_.insert_or_assign(row.name, row.number);
    }
    for (const ChannelRow& row : written.channels) {
        Channel& channel = channels_[row.number - 1];
        channel.row = row;
        channel.pool_place = place_of_pool(row.pool);
        pools_[channel.pool_place].channels.insert_or_assign(row.channel_id, row.number);
    }
    for (const UserRow& row : written.users) {
        users_[row.number - 1] = row;
        pools_[place_of_pool(row.pool)].users.insert_or_assign(row.user_identity, row.number);
        written_users_ = std::max<std::size_t>(written_users_, row.number);
    }
    if (written.replaced_run) runs_.erase(*written.replaced_run);
    for (const Run& run : written.runs) {
        if (!tail_.is_empty() && run.last == tail_.run().last) tail_ = {};
        runs_.insert_or_assign(run.last, run);
    }
    if (!written.derived.empty()) {
        for (Channel& channel : channels_) channel.has_changed = false;
    }
}

std::size_t State::place_of_pool(const std::string& name) {
    const auto [found, is_new] = pool_names_.try_emplace(name, pools_.size());
    if (is_new) pools_.emplace_back();
    return found->second;
}

void State::count(const LogEntry& entry) {
    std::uint32_t user = 0;
    if (entry.content) {
        user = note_user(entry);
        note_block(entry);
    }
    const Tally record = tally_of(entry);
    if (entry.content) {
        Channel& channel = channels_[entry.channel - 1];
        add(channel.tally, record);
        channel.has_changed = true;
        note_report(entry, channel.tally.totals);
    }
    if (entry.position > saved_position()) tail_.add(entry, record, user);
}

std::uint32_t State::note_user(const LogEntry& entry) {
    const auto* share = share_of(entry);
    if (share == nullptr || user_identity_of(*share).empty()) return 0;
    const auto next = static_cast<std::uint32_t>(users_.size() + 1);
    const auto& identity = user_identity_of(*share);
    const auto [found, is_new] = pool_of(entry).users.try_emplace(identity, next);
    if (is_new) {
        users_.push_back({.number = next, .pool = channels_[entry.channel - 1].row.pool, .user_identity = identity});
    }
    return found->second;
}

void State::note_block(const LogEntry& entry) {
    const KnownBlock* const changed = pool_of(entry).blocks.add(entry);
    if (changed != nullptr) channels_[changed->channel - 1].has_changed = true;
}

void State::note_report(const LogEntry& entry, const protocol::Totals& derived_before) {
    if (!entry.content) return;
    Channel& channel = channels_[entry.channel - 1];
    if (std::holds_alternative<protocol::AccountingDeleted>(entry.content->record)) channel.report.reset();
    const auto* const report = std::get_if<protocol::ShareAccounting>(&entry.content->record);
    if (report == nullptr) return;
    channel.report = {
        .position = entry.position, .derived_before = derived_before, .is_drifting = differs(*report, derived_before)};
}

void State::refuse(std::uint32_t stream, std::uint64_t epoch) {
    streams_[stream - 1].refused_epoch = epoch;
}

void State::take_refusals(const State& from) {
    for (std::size_t i = 0; i < std::min(streams_.size(), from.streams_.size()); ++i) {
        streams_[i].refused_epoch = from.streams_[i].refused_epoch;
    }
}

bool State::has_unsaved() const {
    return !tail_.is_empty() || std::ranges::any_of(channels_, &Channel::has_changed);
}

void State::save(Transaction& transaction) const {
    std::map<std::uint32_t, SavedChannel> changed;
    for (const Channel& channel : channels_) {
        if (channel.has_changed)
            changed[channel.row.number] = {
                .tally = channel.tally, .report = channel.report, .blocks = {}, .statuses = {}};
    }
    for (const Pool& pool : pools_) {
        for (const auto& [time, block] : pool.blocks.by_time()) {
            const auto of = changed.find(block.channel);
            if (of != changed.end()) of->second.blocks.items.push_back(block);
        }
        const auto own = pool.channels.find("");
        const auto of = own == pool.channels.end() ? changed.end() : changed.find(own->second);
        if (of == changed.end()) continue;
        for (const auto& [hash, status] : pool.blocks.statuses()) of->second.statuses.items.push_back(status);
    }
    transaction.derived.push_back(
        storage::saved_position(head_.position, head_.chain, static_cast<std::uint32_t>(channels_.size())));
    for (const auto& [number, channel] : changed) transaction.derived.push_back(saved_channel(number, channel));
    if (tail_.is_empty()) return;
    tail_.close(transaction, head_.chain);
    for (std::size_t i = written_users_; i < users_.size(); ++i) transaction.users.push_back(users_[i]);
}

bool State::restore(const std::vector<KeyValue>& saved) {
    const auto snapshot = read_snapshot(saved);
    if (!snapshot || runs_.empty() || snapshot->channels.size() > channels_.size()) return false;
    const Run& last = runs_.rbegin()->second;
    if (snapshot->position != last.last || snapshot->chain != last.chain) return false;

    for (std::size_t i = 0; i < snapshot->channels.size(); ++i) {
        const SavedChannel& channel = snapshot->channels[i];
        channels_[i].tally = channel.tally;
        channels_[i].report = channel.report;
        PoolBlocks& blocks = pools_[channels_[i].pool_place].blocks;
        for (const KnownBlock& block : channel.blocks.items) blocks.add(block);
        for (const KnownStatus& status : channel.statuses.items) blocks.add(status);
    }
    go_on_from(snapshot->position, snapshot->chain);
    return true;
}

void State::recall(std::uint32_t channel, const Tally& sums) {
    add(channels_[channel - 1].tally, sums);
    channels_[channel - 1].has_changed = true;
}

void State::recall(const LogEntry& outlived, const protocol::Totals& derived_before) {
    note_block(outlived);
    note_report(outlived, derived_before);
}

void State::go_on_from(Position position, const ChainLink& chain) {
    head_.position = position;
    head_.chain = chain;
}

} // namespace storage
