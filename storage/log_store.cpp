#include "storage/log_store.hpp"

#include "protocol/codec.hpp"
#include "storage/batch.hpp"
#include "storage/counted_share.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <shared_mutex>

namespace storage {

namespace {

// Records can be large: a slice of them must fit in memory.
constexpr std::size_t entries_at_once = 256;

using Kind = StorageError::Kind;

Milliseconds first_of(const Range& range) {
    return range.start.value_or(0);
}
Milliseconds last_of(const Range& range) {
    return range.end.value_or(std::numeric_limits<Milliseconds>::max());
}
bool is_everything(const Range& range) {
    return !range.start && !range.end;
}

ShareScan scan_of(std::uint32_t channel, const Range& range, Position cut) {
    return {.channel = channel,
            .first_time = first_of(range),
            .last_time = last_of(range),
            .cut = cut,
            .before = std::nullopt,
            .limit = entries_at_once};
}

Milliseconds now() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<Milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

// The next entries behind `from`, up to `last`, and the head after them.
Result<Transaction> read_on(const Engine& engine, const Head& from, Position last) {
    auto entries = engine.read(from.position + 1, last, entries_at_once);
    if (!entries) return std::unexpected(entries.error());
    Transaction next = behind(from);
    next.entries = *std::move(entries);
    for (const LogEntry& entry : next.entries) {
        if (entry.position != next.head.position + 1) break;
        if (const auto fine = check(entry); !fine) return std::unexpected(fine.error());
        next.head.position = entry.position;
        next.head.chain = next_link(next.head.chain, entry.checksum);
    }
    if (next.entries.empty() || next.head.position != next.entries.back().position) {
        return std::unexpected(corrupt_at(next.head.position + 1, "it is missing"));
    }
    return next;
}

Result<void> compare_chain(const Head& counted, const Head& written) {
    if (counted.chain == written.chain) return {};
    return std::unexpected(corrupt_at(written.position, "the chain of records does not end here as it was written"));
}

template <class Row> std::vector<Row> in_order(std::vector<Row> rows) {
    std::ranges::sort(rows, {}, &Row::number);
    return rows;
}

// With the 3 bytes of its length, as in a list of records.
std::size_t encoded_size(const protocol::StoredRecord& record) {
    static const std::size_t empty = protocol::encode(protocol::StoredRecord{})->size();
    return 3 + empty + record.identity.text.size() + record.verdict.text.size() + record.record.bytes.size();
}

} // namespace

LogStore::LogStore(std::unique_ptr<Engine> engine, Position save_interval, const Contents& contents)
    : engine_{std::move(engine)},
      save_interval_{save_interval},
      data_set_{contents.data_set},
      fingerprint_key_{contents.fingerprint_key} {}

Result<std::unique_ptr<LogStore>> LogStore::open(std::unique_ptr<Engine> engine, Position save_interval) {
    auto contents = engine->load();
    if (!contents) return std::unexpected(contents.error());
    Transaction taking = behind(contents->head);
    ++taking.head.term;
    if (const auto taken = engine->write(taking); !taken) return std::unexpected(taken.error());
    contents->head = taking.head;

    std::unique_ptr<LogStore> store{new LogStore{std::move(engine), save_interval, *contents}};
    if (const auto loaded = store->load(*contents); !loaded) return std::unexpected(loaded.error());
    return store;
}

Result<void> LogStore::load(const Contents& contents) {
    Transaction rows = behind({.term = contents.head.term, .position = 0, .chain = {}});
    rows.streams = in_order(contents.streams);
    rows.channels = in_order(contents.channels);
    if (const auto known = state_.apply(rows); !known) return known;
    state_.restore(contents.derived, contents.head.position);
    while (state_.head().position < contents.head.position) {
        const auto next = read_on(*engine_, state_.head(), contents.head.position);
        if (!next) return std::unexpected(next.error());
        if (const auto counted = state_.apply(*next); !counted) return counted;
    }
    return compare_chain(state_.head(), contents.head);
}

Result<Attachment> LogStore::attach(const StreamName& stream, const std::string& pool) {
    if (const auto ready = get_ready(); !ready) return std::unexpected(ready.error());
    const Stream* const known = state_.stream(stream);
    StreamRow row = known != nullptr ? known->row : StreamRow{};
    if (known == nullptr) {
        row.number = static_cast<std::uint32_t>(state_.stream_names().size() + 1);
        row.name = stream;
    }
    row.pool = pool;
    ++row.epoch;
    Transaction transaction = behind(state_.head());
    transaction.streams.push_back(row);
    if (const auto written = write(transaction); !written) return std::unexpected(written.error());
    return Attachment{.stream = row.number, .epoch = row.epoch, .durable_sequence = row.durable_sequence};
}

Result<std::vector<Outcome>> LogStore::commit(std::span<const Submission> submissions) {
    if (const auto ready = get_ready(); !ready) return std::unexpected(ready.error());
    std::size_t records = 0;
    for (const Submission& submission : submissions) records += submission.records.size();
    Batch batch{state_, *engine_, fingerprint_key_, records};
    std::vector<Outcome> outcomes;
    outcomes.reserve(submissions.size());
    for (const Submission& submission : submissions) {
        auto outcome = batch.add(submission);
        if (!outcome) return failed(std::move(outcome).error());
        outcomes.push_back(*std::move(outcome));
    }
    const auto refused = batch.refused();
    Transaction transaction = std::move(batch).transaction();
    if (!transaction.entries.empty()) {
        if (state_.head().position - state_.saved_position() >= save_interval_) transaction.derived = state_.unsaved();
        if (const auto written = write(transaction); !written) return std::unexpected(written.error());
    }
    const std::unique_lock lock{mutex_};
    for (const auto& [stream, epoch] : refused) state_.refuse(stream, epoch);
    last_commit_ = now();
    return outcomes;
}

Result<void> LogStore::get_ready() {
    if (poison_) return std::unexpected(*poison_);
    return is_behind_ ? catch_up() : Result<void>{};
}

// After a write whose answer was lost: it is in the log, whole, or it is not.
Result<void> LogStore::catch_up() {
    auto contents = engine_->load();
    if (!contents) return failed(std::move(contents).error());
    if (contents->head.term != state_.head().term) {
        return poisoned({.kind = Kind::poisoned, .detail = "another role has taken over the store"});
    }
    if (contents->head.position < state_.head().position) {
        return poisoned({.kind = Kind::poisoned, .detail = "the store has lost records that it had acknowledged"});
    }
    Transaction missed = behind(state_.head());
    missed.streams = in_order(std::move(contents->streams));
    missed.channels = in_order(std::move(contents->channels));
    while (missed.head.position < contents->head.position) {
        auto next = read_on(*engine_, missed.head, contents->head.position);
        if (!next) return failed(std::move(next).error());
        std::ranges::move(next->entries, std::back_inserter(missed.entries));
        missed.head = next->head;
    }
    if (const auto whole = compare_chain(missed.head, contents->head); !whole) return failed(whole.error());
    if (const auto published = publish(missed); !published) return published;
    is_behind_ = false;
    return {};
}

Result<void> LogStore::write(const Transaction& transaction) {
    auto written = engine_->write(transaction);
    if (written) return publish(transaction);
    switch (written.error().kind) {
    case Kind::full:
    case Kind::unavailable: return failed(std::move(written).error());
    case Kind::poisoned: return poisoned(std::move(written).error());
    case Kind::unknown:
    case Kind::corrupt:
    case Kind::in_use:
    case Kind::foreign:
    case Kind::newer_schema:
    case Kind::older_schema:
    case Kind::unusable: break;
    }
    is_behind_ = true;
    return failed(std::move(written).error());
}

// Readers see the transaction, or they do not: never its records without its totals.
Result<void> LogStore::publish(const Transaction& transaction) {
    const std::unique_lock lock{mutex_};
    if (!transaction.derived.empty()) state_.mark_saved(); // it is that of the state before this transaction
    if (auto applied = state_.apply(transaction); !applied) {
        is_behind_ = true;
        failure_ = applied.error();
        return applied;
    }
    failure_.reset();
    return {};
}

std::unexpected<StorageError> LogStore::failed(StorageError error) {
    const std::unique_lock lock{mutex_};
    failure_ = error;
    return std::unexpected(std::move(error));
}

std::unexpected<StorageError> LogStore::poisoned(StorageError error) {
    poison_ = error;
    return failed(std::move(error));
}

Position LogStore::position() const {
    const std::shared_lock lock{mutex_};
    return state_.head().position;
}

LogStore::View LogStore::view() const {
    return {.cut = state_.head().position, .interrupts = interrupts_};
}

Result<void> LogStore::go_on(const View& view) const {
    if (interrupts_ == view.interrupts) return {};
    return std::unexpected(StorageError{.kind = Kind::unavailable, .detail = "interrupted"});
}

Result<std::vector<LogEntry>> LogStore::read_shares(const ShareScan& scan) const {
    auto entries = engine_->shares(scan);
    if (!entries) return entries;
    for (const LogEntry& entry : *entries) {
        if (const auto fine = check(entry); !fine) return std::unexpected(fine.error());
        if (entry.channel != scan.channel || share_of(entry) == nullptr) {
            return std::unexpected(corrupt_at(entry.position, "it is no share of its channel"));
        }
    }
    return entries;
}

Result<SharePage> LogStore::shares(const ShareQuery& query) const {
    std::uint32_t number = 0;
    View seen;
    {
        const std::shared_lock lock{mutex_};
        const Channel* const channel = state_.channel(query.pool, query.channel_id);
        if (channel == nullptr) return SharePage{};
        number = channel->row.number;
        seen = view();
    }
    ShareScan scan = scan_of(number, query.range, seen.cut);
    if (query.after) {
        scan.cut = std::min(scan.cut, query.after->cut);
        scan.before = {query.after->time, query.after->position};
    }
    if (query.max_shares > 0)
        scan.limit = std::min(scan.limit - 1, query.max_shares) + 1; // the last tells of a next page

    SharePage page;
    ShareCursor last; // of the page so far
    std::size_t bytes = 0;
    for (;;) {
        if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
        const auto entries = read_shares(scan);
        if (!entries) return std::unexpected(entries.error());
        for (const LogEntry& entry : *entries) {
            auto share = stored_record(entry);
            bytes += encoded_size(share);
            const bool is_full =
                bytes > query.max_bytes || (query.max_shares > 0 && page.shares.size() == query.max_shares);
            if (is_full && !page.shares.empty()) {
                page.next = last;
                return page;
            }
            page.shares.push_back(std::move(share));
            last = {.cut = scan.cut, .time = entry.time, .position = entry.position};
        }
        if (entries->size() < scan.limit) return page;
        scan.before = {last.time, last.position};
    }
}

protocol::StoredRecord LogStore::stored_record(const LogEntry& entry) const {
    protocol::StoredRecord record;
    record.position = entry.position;
    record.received_at = entry.received_at;
    record.sequence = entry.sequence;
    record.verdict.text = protocol::to_text(entry.verdict);
    record.record.bytes = entry.bytes;
    const std::shared_lock lock{mutex_};
    if (const Stream* const stream = state_.stream(entry.stream)) {
        record.identity.text = stream->row.name.identity;
        record.stream_id = stream->row.name.stream_id;
    }
    return record;
}

Result<std::vector<bool>> LogStore::are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                    std::span<const protocol::U256> hashes) const {
    View seen;
    {
        const std::shared_lock lock{mutex_};
        seen = view();
    }
    const auto is_asked_for = [&](std::uint32_t number) {
        const std::shared_lock lock{mutex_};
        const Channel* const channel = state_.channel(number);
        return channel != nullptr && channel->row.pool == pool &&
               (channel_id.empty() || channel->row.channel_id == channel_id);
    };
    std::vector<bool> answers;
    answers.reserve(hashes.size());
    for (const protocol::U256& hash : hashes) {
        if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
        const auto channels =
            channels_that_count(*engine_, fingerprint_of(fingerprint_key_, pool, hash), hash, seen.cut);
        if (!channels) return std::unexpected(channels.error());
        answers.push_back(std::ranges::any_of(*channels, is_asked_for));
    }
    return answers;
}

Result<std::optional<protocol::Totals>> LogStore::accounting(const std::string& pool,
                                                             const std::string& channel_id) const {
    const std::shared_lock lock{mutex_};
    const Channel* const channel = state_.channel(pool, channel_id);
    if (channel == nullptr) return std::nullopt;
    return channel->tally.totals;
}

Result<protocol::Totals> LogStore::channel_stats(const std::string& pool, const std::string& channel_id,
                                                 const Range& range) const {
    Scanned asked;
    View seen;
    {
        const std::shared_lock lock{mutex_};
        const Channel* const channel = state_.channel(pool, channel_id);
        if (channel == nullptr) return protocol::Totals{};
        if (is_everything(range)) return channel->tally.totals;
        asked = scanned(*channel, range);
        seen = view();
    }
    const auto in_range = tally(asked, range, seen);
    if (!in_range) return std::unexpected(in_range.error());
    return in_range->totals;
}

Result<PoolTotals> LogStore::totals(const std::string& pool, const Range& range) const {
    std::vector<Scanned> asked;
    View seen;
    Tally sum;
    std::uint64_t channels = 0;
    {
        const std::shared_lock lock{mutex_};
        seen = view();
        if (const Pool* const known = state_.pool(pool)) {
            for (const auto& [channel_id, number] : known->channels) {
                const Channel& channel = *state_.channel(number);
                if (is_everything(range)) {
                    add(sum, channel.tally);
                    ++channels;
                } else {
                    asked.push_back(scanned(channel, range));
                }
            }
        }
    }
    for (const Scanned& channel : asked) {
        const auto has = has_records(channel, range, seen);
        if (!has) return std::unexpected(has.error());
        if (!*has) continue;
        const auto in_range = tally(channel, range, seen);
        if (!in_range) return std::unexpected(in_range.error());
        add(sum, *in_range);
        ++channels;
    }
    return PoolTotals{.position = seen.cut, .channels = channels, .totals = sum.totals};
}

LogStore::Scanned LogStore::scanned(const Channel& channel, const Range& range) {
    const auto blocks = std::ranges::count_if(channel.blocks, [&](const Block& block) {
        return block.time >= first_of(range) && block.time <= last_of(range);
    });
    return {.channel = channel.row.number, .blocks = static_cast<std::uint64_t>(blocks)};
}

Result<bool> LogStore::has_records(const Scanned& channel, const Range& range, const View& view) const {
    if (const auto on = go_on(view); !on) return std::unexpected(on.error());
    return engine_->has_entries(channel.channel, first_of(range), last_of(range), view.cut);
}

Result<Tally> LogStore::tally(const Scanned& channel, const Range& range, const View& view) const {
    Tally tally;
    tally.totals.blocks_found = channel.blocks;
    ShareScan scan = scan_of(channel.channel, range, view.cut);
    for (;;) {
        if (const auto on = go_on(view); !on) return std::unexpected(on.error());
        const auto entries = read_shares(scan);
        if (!entries) return std::unexpected(entries.error());
        for (const LogEntry& entry : *entries) {
            if (const auto* share = share_of(entry)) add(tally, *share, entry.verdict, entry.time, entry.position);
        }
        if (entries->size() < scan.limit) return tally;
        scan.before = {entries->back().time, entries->back().position};
    }
}

Result<std::vector<std::string>> LogStore::channels(const std::string& pool, const std::string& after,
                                                    std::size_t limit) const {
    std::vector<std::string> names;
    const std::shared_lock lock{mutex_};
    const Pool* const known = state_.pool(pool);
    if (known == nullptr) return names;
    for (auto next = known->channels.upper_bound(after); next != known->channels.end() && names.size() < limit;
         ++next) {
        names.push_back(next->first);
    }
    return names;
}

Result<std::vector<protocol::StreamState>>
LogStore::streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const {
    std::vector<protocol::StreamState> states;
    const std::shared_lock lock{mutex_};
    const auto& names = state_.stream_names();
    for (auto next = after ? names.upper_bound(*after) : names.begin(); next != names.end() && states.size() < limit;
         ++next) {
        const StreamRow& row = state_.stream(next->second)->row;
        if (row.pool != pool) continue;
        states.push_back({.identity = {row.name.identity},
                          .stream_id = row.name.stream_id,
                          .epoch = row.epoch,
                          .durable_sequence = row.durable_sequence});
    }
    return states;
}

Health LogStore::health() const {
    const std::shared_lock lock{mutex_};
    Health health{.is_healthy = !failure_, .last_commit = last_commit_, .error_message = {}};
    if (failure_) {
        health.error_message = to_text(failure_->kind);
        if (!failure_->detail.empty()) health.error_message.append(": ").append(failure_->detail);
    }
    return health;
}

void LogStore::interrupt() {
    ++interrupts_;
    engine_->interrupt();
}

Result<void> LogStore::close() {
    if (!poison_ && !is_behind_ && state_.head().position != state_.saved_position()) {
        Transaction saving = behind(state_.head());
        saving.derived = state_.unsaved();
        [[maybe_unused]] const auto saved = engine_->write(saving); // if not, the next opening reads more of the log
    }
    return engine_->close();
}

} // namespace storage
