#include "tests/conformance/model.hpp"

#include "protocol/codec.hpp"

#include <algorithm>
#include <set>

namespace conformance {

namespace {

using protocol::Subject;
using protocol::Totals;
using protocol::Verdict;
using storage::Milliseconds;

constexpr Milliseconds hour = 3'600'000;

// Newest first, and what is behind the cursor.
template <class T>
std::vector<Listed<T>> in_order(std::vector<Listed<T>> list, const std::optional<storage::RecordCursor>& after) {
    const auto place = [](const Listed<T>& each) { return std::pair{each.time, each.position}; };
    std::erase_if(list, [&](const Listed<T>& each) {
        return after && (each.position > after->cut || place(each) >= std::pair{after->time, after->position});
    });
    std::ranges::sort(list, std::greater{}, place);
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
    const std::uint64_t last = first - 1 + submission.records.size();
    const auto stored = [&](std::uint64_t sequence) -> const Entry& { return log_[stream.entries[sequence - 1]]; };
    std::uint64_t unread = first; // numbers before it were removed: what is sent of them is not looked at
    while (unread <= stream.entries.size() && stored(unread).position <= removed_) ++unread;
    for (std::uint64_t sequence = unread; sequence <= std::min(last, stream.entries.size()); ++sequence) {
        stream.is_refused |= stored(sequence).bytes != submission.records[sequence - first].bytes;
    }
    if (stream.is_refused) return std::unexpected(storage::Refused::sequence_conflict);
    while (stream.entries.size() < last) {
        append(name, stream, submission.records[stream.entries.size() + 1 - first].bytes, submission.received_at);
    }
    storage::Stored told{.last_sequence = last, .verdicts = {}, .unread = std::min(unread, last + 1) - first};
    for (std::uint64_t sequence = unread; sequence <= last; ++sequence) {
        const Verdict verdict = stored(sequence).verdict;
        if (verdict != Verdict::stored) told.verdicts.push_back({sequence, verdict});
    }
    return told;
}

void Model::append(const storage::StreamName& name, Stream& stream, const protocol::Bytes& bytes,
                   Milliseconds received_at) {
    stream.entries.push_back(log_.size());
    Entry entry{position() + 1, name, stream.entries.size(), received_at, {}, bytes, stream.pool, {}, {}, 0, {}};
    if (const auto read = protocol::read_record(bytes)) {
        entry.verdict = read->verdict;
        entry.record = read->record;
        std::visit(
            [&](const auto& record) {
                if constexpr (requires { record.channel_id; }) entry.channel_id = record.channel_id.text;
                entry.time = effective_time(record.timestamp, received_at);
            },
            read->record);
        const auto* const share = entry.as<protocol::Share>();
        if (is_accepted(entry) && is_share_seen(stream.pool, "", share->share_hash)) {
            entry.verdict = Verdict::duplicate_share;
        }
        if (const auto* const block = entry.as<protocol::Block>()) entry.block = block->share_hash;
        if (is_accepted(entry) && finds_block(*share)) entry.block = share->share_hash;
        for (const Entry& each : log_) {
            if (each.pool == entry.pool && each.block && each.block == entry.block) entry.block.reset();
        }
    } else {
        entry.verdict = read.error();
    }
    log_.push_back(std::move(entry));
}

std::uint64_t Model::clean_up(Milliseconds older_than) {
    const auto shares_gone = [this] {
        return std::ranges::count_if(log_,
                                     [this](const Entry& each) { return each.as<protocol::Share>() && is_gone(each); });
    };
    const auto before = shares_gone();
    while (removed_ < position() && log_[removed_ - base_].received_at < older_than) ++removed_;
    return static_cast<std::uint64_t>(shares_gone() - before);
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
    for (const Entry& entry : log_) {
        if (entry.pool == pool && is_in(range, entry.time) && entry.position <= up_to &&
            (name.empty() || name_of(entry, subject) == name)) {
            entries.push_back(entry);
        }
    }
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
    const auto known = names(pool, Subject::channel);
    if (std::ranges::find(known, channel_id) == known.end()) return std::nullopt;
    storage::Accounting accounting{totals(pool, Subject::channel, channel_id, {}), {}};
    if (const Entry* const last = last_report(pool, channel_id)) {
        accounting.reported = {stored_record(*last), totals(pool, Subject::channel, channel_id, {}, last->position)};
    }
    return accounting;
}

std::vector<storage::Drift> Model::drift(const std::string& pool) const {
    std::vector<storage::Drift> drift;
    for (const auto& channel_id : names(pool, Subject::channel)) {
        const Entry* const last = last_report(pool, channel_id);
        const auto report = accounting(pool, channel_id)->reported;
        if (!last || !differ(*last->as<protocol::ShareAccounting>(), report->derived_before)) continue;
        drift.push_back({channel_id, *report});
    }
    return drift;
}

std::vector<storage::Hour> Model::hours(const std::string& pool, Subject subject, const std::string& name,
                                        const storage::Range& range) const {
    std::map<Milliseconds, Totals> hours;
    if (range.start && range.end && *range.start > *range.end) return {};
    for (const Entry& entry : log_) {
        const auto start = entry.time / hour * hour;
        const storage::Range whole{.start = start, .end = start + hour - 1};
        const bool overlaps = range.start.value_or(0) <= *whole.end && range.end.value_or(start) >= start;
        if (!entry.record || entry.pool != pool || name_of(entry, subject) != name || !overlaps) continue;
        hours[start / hour] = totals(pool, subject, name, whole);
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
