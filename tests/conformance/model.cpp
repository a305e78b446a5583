#include "tests/conformance/model.hpp"

#include "protocol/codec.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace conformance {

namespace {

using protocol::Subject;
using protocol::Totals;
using protocol::Verdict;
using storage::Milliseconds;

// Newest first, and what is behind the cursor.
template <class T>
std::vector<Listed<T>> in_order(std::vector<Listed<T>> list, const std::optional<storage::RecordCursor>& after) {
    std::erase_if(list, [&](const Listed<T>& each) {
        return after && (each.position > after->cut || each.place() >= std::pair{after->time, after->position});
    });
    std::ranges::sort(list, std::greater{}, &Listed<T>::place);
    return list;
}

} // namespace

storage::Attachment Model::attach(const storage::StreamName& name, const std::string& pool, std::uint32_t number) {
    Stream& stream = streams_[name];
    if (stream.epoch == 0) stream.number = number;
    stream.pool = pool;
    stream.is_refused = false;
    return {.stream = stream.number, .epoch = ++stream.epoch, .durable_sequence = stream.entries.size()};
}

storage::Outcome Model::commit(const storage::Submission& submission) {
    const auto found =
        std::ranges::find_if(streams_, [&](const auto& each) { return each.second.number == submission.stream; });
    if (found == streams_.end()) return std::unexpected(storage::Refused::fenced);
    auto& [name, stream] = *found;
    if (submission.epoch != stream.epoch || stream.is_refused) return std::unexpected(storage::Refused::fenced);

    const std::uint64_t first = submission.first_sequence;
    stream.is_refused = first == 0 || first > stream.entries.size() + 1;
    if (stream.is_refused) return std::unexpected(storage::Refused::sequence_gap);
    storage::Stored told{.last_sequence = first - 1 + submission.records.size(), .verdicts = {}};
    const auto stored = [&](std::uint64_t sequence) -> const Entry& { return log_[stream.entries[sequence - 1]]; };
    for (std::uint64_t sequence = first; sequence <= std::min(told.last_sequence, stream.entries.size()); ++sequence) {
        const bool is_unread = stored(sequence).position <= removed_; // then anything may be sent
        told.unread += is_unread ? 1 : 0;
        stream.is_refused |= !is_unread && stored(sequence).bytes != submission.records[sequence - first].bytes;
    }
    if (stream.is_refused) return std::unexpected(storage::Refused::sequence_conflict);
    while (stream.entries.size() < told.last_sequence) append(name, stream, submission);
    for (std::uint64_t sequence = first + told.unread; sequence <= told.last_sequence; ++sequence) {
        const Verdict verdict = stored(sequence).verdict;
        if (verdict != Verdict::stored) told.verdicts.push_back({sequence, verdict});
    }
    return told;
}

void Model::append(const storage::StreamName& name, Stream& stream, const storage::Submission& submission) {
    stream.entries.push_back(log_.size());
    Entry entry{
        position() + 1, name, stream.entries.size(), submission.received_at, {}, {}, stream.pool, {}, {}, 0, {}};
    entry.bytes = submission.records[entry.sequence - submission.first_sequence].bytes;
    read_bytes(entry);
    const auto* const share = entry.as<protocol::Share>();
    if (is_accepted(entry) && is_share_seen(entry.pool, "", share->share_hash))
        entry.verdict = Verdict::duplicate_share;
    if (const auto* const block = entry.as<protocol::Block>()) entry.block = block->share_hash;
    if (is_accepted(entry) && finds_block(*share)) entry.block = share->share_hash;
    for (const Entry& each : log_) {
        if (each.pool == entry.pool && each.block && each.block == entry.block) entry.block.reset();
    }
    log_.push_back(std::move(entry));
}

std::uint64_t Model::clean_up(Milliseconds older_than) {
    std::uint64_t shares = 0;
    while (removed_ < position() && log_[removed_ - base_].received_at < older_than) {
        const Entry& next = log_[removed_++ - base_];
        if (next.as<protocol::Share>() && is_gone(next)) ++shares;
    }
    return shares;
}

bool Model::is_gone(const Entry& entry) const {
    if (entry.position > removed_) return false;
    if (const auto* const share = entry.as<protocol::Share>()) return !finds_block(*share);
    if (entry.as<protocol::ShareAccounting>()) return last_report(entry.pool, entry.channel_id) != &entry;
    return !entry.record || entry.as<protocol::BatchAcknowledgment>() || entry.as<protocol::DeclaredJob>();
}

const Entry* Model::last_report(const std::string& pool, const std::string& channel_id) const {
    const Entry* last = nullptr;
    for (const Entry& entry : log_) {
        if (entry.pool != pool || entry.channel_id != channel_id) continue;
        if (entry.as<protocol::ShareAccounting>()) last = &entry;
        if (entry.as<protocol::AccountingDeleted>()) last = nullptr;
    }
    return last;
}

std::vector<Listed<protocol::StoredRecord>> Model::records(const storage::RecordQuery& query) const {
    std::vector<Listed<protocol::StoredRecord>> list;
    for (const Entry& entry : log_) {
        if (entry.record && entry.bytes.front() == static_cast<std::uint8_t>(query.kind) && entry.pool == query.pool &&
            entry.channel_id == query.channel_id && is_in(query.range, entry.time) && !is_gone(entry)) {
            list.push_back({entry.time, entry.position, stored_record(entry)});
        }
    }
    return in_order(std::move(list), query.after);
}

std::vector<Listed<protocol::FoundBlock>> Model::blocks(const storage::BlockQuery& query) const {
    std::vector<Listed<protocol::FoundBlock>> list;
    for (const Entry& teller : log_) {
        if (!teller.block || teller.pool != query.pool || !is_in(query.range, teller.time)) continue;
        if (!query.channel_id.empty() && teller.channel_id != query.channel_id) continue;
        const Entry* shown = nullptr;
        protocol::FoundBlock found;
        for (const Entry& entry : log_) {
            if (entry.pool != query.pool) continue;
            const auto* const block = entry.as<protocol::Block>();
            if (!shown && block && block->share_hash == *teller.block) shown = &entry;
            const auto* const status = entry.as<protocol::BlockStatus>();
            if (!status || status->share_hash != *teller.block) continue;
            found.status = status->status;
            found.status_timestamp = status->timestamp;
        }
        found.record.bytes = protocol::encode(stored_record(shown ? *shown : teller)).value();
        list.push_back({teller.time, teller.position, std::move(found)});
    }
    return in_order(std::move(list), query.after);
}

bool Model::is_share_seen(const std::string& pool, const std::string& channel_id, const protocol::U256& hash) const {
    return std::ranges::any_of(log_, [&](const Entry& entry) {
        return is_accepted(entry) && entry.pool == pool && (channel_id.empty() || entry.channel_id == channel_id) &&
               entry.as<protocol::Share>()->share_hash == hash && !is_gone(entry);
    });
}

Totals Model::totals(const std::string& pool, Subject subject, const std::string& name, const storage::Range& range,
                     storage::Position up_to) const {
    std::vector<Entry> entries;
    std::ranges::copy_if(log_, std::back_inserter(entries), [&](const Entry& entry) {
        return entry.pool == pool && is_in(range, entry.time) && entry.position <= up_to &&
               (name.empty() || name_of(entry, subject) == name);
    });
    return sum_of(entries);
}

storage::Range Model::covered(const std::string& pool, const std::string& channel_id, storage::Range range) const {
    if (range.start && range.end && *range.start > *range.end) return range;
    const auto has_lost = [&](Milliseconds number) {
        return std::ranges::any_of(log_, [&](const Entry& entry) {
            return entry.position <= removed_ && entry.pool == pool && !entry.channel_id.empty() &&
                   (channel_id.empty() || entry.channel_id == channel_id) && entry.time / hour == number;
        });
    };
    if (range.start && has_lost(*range.start / hour)) *range.start -= *range.start % hour;
    if (range.end && has_lost(*range.end / hour)) *range.end += hour - 1 - *range.end % hour;
    return range;
}

std::optional<storage::Accounting> Model::accounting(const std::string& pool, const std::string& channel_id) const {
    if (!std::ranges::binary_search(names(pool, Subject::channel), channel_id)) return std::nullopt;
    storage::Accounting accounting{totals(pool, Subject::channel, channel_id, {}), {}};
    if (const Entry* const last = last_report(pool, channel_id)) {
        accounting.reported = {stored_record(*last), totals(pool, Subject::channel, channel_id, {}, last->position)};
    }
    return accounting;
}

std::vector<storage::Drift> Model::drift(const std::string& pool) const {
    std::vector<storage::Drift> drift;
    for (const auto& channel_id : names(pool, Subject::channel)) {
        const auto report = accounting(pool, channel_id)->reported;
        if (report && differ(*last_report(pool, channel_id)->as<protocol::ShareAccounting>(), report->derived_before)) {
            drift.push_back({channel_id, *report});
        }
    }
    return drift;
}

std::vector<storage::Hour> Model::hours(const std::string& pool, Subject subject, const std::string& name,
                                        const storage::Range& range) const {
    std::map<Milliseconds, Totals> hours;
    if (range.start && range.end && *range.start > *range.end) return {};
    for (const Entry& entry : log_) {
        const storage::Range whole{.start = entry.time / hour * hour, .end = entry.time / hour * hour + hour - 1};
        const bool overlaps = range.start.value_or(0) <= *whole.end && *whole.start <= range.end.value_or(*whole.start);
        if (!entry.record || entry.pool != pool || name_of(entry, subject) != name || !overlaps) continue;
        hours[entry.time / hour] = totals(pool, subject, name, whole);
    }
    std::vector<storage::Hour> list;
    for (const auto& [number, totals] : hours) list.push_back({static_cast<std::uint32_t>(number), totals});
    return list;
}

std::vector<std::string> Model::names(const std::string& pool, Subject subject, const storage::Range& range) const {
    std::set<std::string> names;
    for (const Entry& entry : log_) {
        if (entry.record && entry.pool == pool && is_in(range, entry.time)) names.insert(name_of(entry, subject));
    }
    names.erase("");
    return {names.begin(), names.end()};
}

std::vector<protocol::StreamState> Model::streams(const std::string& pool) const {
    std::vector<protocol::StreamState> states;
    for (const auto& [name, stream] : streams_) {
        if (stream.pool == pool)
            states.push_back({{name.identity}, name.stream_id, stream.epoch, stream.entries.size()});
    }
    return states;
}

} // namespace conformance
